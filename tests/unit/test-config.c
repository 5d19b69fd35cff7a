/* SPDX-License-Identifier: MIT */
/*
 * Description: the FONDUE_* variables: what each does, and what bad values do
 */
#include <limits.h>

#include "config.h"
#include "kernel.h"
#include "log.h"
#include "said.h"
#include "scratch.h"

#define ENVIRONMENT(...)                                                                 \
	(char *const[])                                                                  \
	{                                                                                \
		__VA_ARGS__, NULL                                                        \
	}

static bool all_off(void)
{
	return !config.strict && !config.verbose && !config.late && !config.log &&
	       !config.lock_order && !config.hold_check && !config.robust;
}

/* As at the start of a process, then loaded. */
static void load(char *const *envp)
{
	config = (struct config){ 0 };
	log_set_file(NULL);
	config_load(envp, false);
}

static void test_switches(void)
{
	static const struct {
		const char *name;
		const char *on, *off, *empty;
		bool *value;
	} switches[] = {
		{ "FONDUE_STRICT", "FONDUE_STRICT=1", "FONDUE_STRICT=0", "FONDUE_STRICT=",
			&config.strict },
		{ "FONDUE_VERBOSE", "FONDUE_VERBOSE=1", "FONDUE_VERBOSE=0", "FONDUE_VERBOSE=",
			&config.verbose },
		{ "FONDUE_LATE", "FONDUE_LATE=1", "FONDUE_LATE=0", "FONDUE_LATE=",
			&config.late },
		{ "FONDUE_LOCKORDER", "FONDUE_LOCKORDER=1", "FONDUE_LOCKORDER=0",
			"FONDUE_LOCKORDER=", &config.lock_order },
		{ "FONDUE_ROBUST", "FONDUE_ROBUST=1", "FONDUE_ROBUST=0", "FONDUE_ROBUST=",
			&config.robust },
		{ "FONDUE_HOLD_CHECK", "FONDUE_HOLD_CHECK=1", "FONDUE_HOLD_CHECK=0",
			"FONDUE_HOLD_CHECK=", &config.hold_check },
	};

	for (unsigned i = 0; i < FONDUE_COUNT(switches); i++) {
		bool good;

		load(ENVIRONMENT((char *)switches[i].on));
		good = *switches[i].value;
		*switches[i].value = false;
		good = good && all_off(); /* and nothing else */
		load(ENVIRONMENT((char *)switches[i].off));
		good = good && all_off();
		load(ENVIRONMENT((char *)switches[i].empty));
		good = good && all_off();
		test(switches[i].name, good);
	}
}

static void test_finding(void)
{
	load(NULL);
	test("no environment at all: everything is off", all_off());
	load(ENVIRONMENT("PATH=/bin", "HOME=/"));
	test("none of ours: everything is off", all_off());
	load(ENVIRONMENT("FONDUE_STRIC=1", "FONDUE_STRICTER=1", "FONDUE_STRICT", "=1", "",
		"XFONDUE_STRICT=1", "fondue_strict=1"));
	test("names that look alike are not ours", all_off());
	load(ENVIRONMENT("A=1", "FONDUE_VERBOSE=1", "B=2", "FONDUE_LATE=1"));
	test("ours are found among others",
		config.verbose && config.late && !config.strict && !config.log);
	load(ENVIRONMENT("FONDUE_STRICT=0", "FONDUE_STRICT=1"));
	test("of two of a name the first counts, as for getenv()", !config.strict);
}

static int play_good_values(void)
{
	said_start();
	log_start();
	load(ENVIRONMENT("FONDUE_STRICT=1", "FONDUE_VERBOSE=0", "FONDUE_LATE=", "FONDUE_LOG="));
	config_complain();
	must(said_lines() == 0);
	must(config.strict && !config.verbose && !config.late && !config.log);
	return CHILD_GOOD;
}

static int play_bad_values(void)
{
	static char *const values[] = { "FONDUE_STRICT=yes", "FONDUE_STRICT=2",
		"FONDUE_STRICT=-1", "FONDUE_STRICT= 1", "FONDUE_STRICT=01", "FONDUE_STRICT=1 ",
		"FONDUE_STRICT=on", "FONDUE_STRICT=\n" };

	said_start();
	log_start();
	for (unsigned i = 0; i < FONDUE_COUNT(values); i++) {
		const char *line;

		load(ENVIRONMENT(values[i]));
		must(all_off());
		must(said_lines() == 0); /* not before there is a reason to speak */
		config_complain();
		line = said();
		must(strstr(line, "FONDUE_STRICT is ignored"));
		must(strchr(line, '\n') == line + strlen(line) - 1);
		must(said_lines() == 0);
		config_complain();
		must(said_lines() == 0);
	}
	return CHILD_GOOD;
}

static int play_milliseconds(void)
{
	static char *const bad[] = { "FONDUE_HOLD_MS=-1", "FONDUE_HOLD_MS=1s",
		"FONDUE_HOLD_MS= 1", "FONDUE_HOLD_MS=0x10", "FONDUE_HOLD_MS=1000000001",
		"FONDUE_HOLD_MS=99999999999999999999", "FONDUE_HOLD_MS=1.5" };

	said_start();
	log_start();
	load(NULL);
	must(config.hold_ms == HOLD_MS_DEFAULT);
	load(ENVIRONMENT("FONDUE_HOLD_MS="));
	must(config.hold_ms == HOLD_MS_DEFAULT);
	load(ENVIRONMENT("FONDUE_HOLD_MS=0"));
	must(config.hold_ms == 0);
	load(ENVIRONMENT("FONDUE_HOLD_MS=1000000000"));
	must(config.hold_ms == 1000000000);
	config_complain();
	must(said_lines() == 0);
	for (unsigned i = 0; i < FONDUE_COUNT(bad); i++) {
		load(ENVIRONMENT(bad[i]));
		must(config.hold_ms == HOLD_MS_DEFAULT);
		config_complain();
		must(strstr(said(), "FONDUE_HOLD_MS is ignored"));
	}
	return CHILD_GOOD;
}

static int play_signal(void)
{
	static char *const bad[] = { "FONDUE_SIGNAL=URG", "FONDUE_SIGNAL=0", "FONDUE_SIGNAL=10",
		"FONDUE_SIGNAL=SIGUSR1", "FONDUE_SIGNAL=none " };

	said_start();
	log_start();
	load(NULL);
	must(config.signal == CONFIG_SIGNAL_URG);
	load(ENVIRONMENT("FONDUE_SIGNAL="));
	must(config.signal == CONFIG_SIGNAL_URG);
	load(ENVIRONMENT("FONDUE_SIGNAL=none"));
	must(config.signal == CONFIG_SIGNAL_NONE);
	load(ENVIRONMENT("FONDUE_SIGNAL=SIGURG"));
	must(config.signal == CONFIG_SIGNAL_URG);
	load(ENVIRONMENT("FONDUE_SIGNAL=none"));
	load(ENVIRONMENT("FONDUE_SIGNAL=23"));
	must(config.signal == CONFIG_SIGNAL_URG);
	load(ENVIRONMENT("FONDUE_SIGNAL=always"));
	must(config.signal == CONFIG_SIGNAL_ALWAYS);
	config_complain();
	must(said_lines() == 0);
	/* nothing is told of a program with more rights than its caller */
	config_load(ENVIRONMENT("FONDUE_SIGNAL=always"), true);
	must(config.signal == CONFIG_SIGNAL_NONE);
	for (unsigned i = 0; i < FONDUE_COUNT(bad); i++) {
		load(ENVIRONMENT(bad[i]));
		must(config.signal == CONFIG_SIGNAL_URG);
		config_complain();
		must(strstr(said(), "FONDUE_SIGNAL is ignored"));
	}
	return CHILD_GOOD;
}

static int play_several_bad(void)
{
	unsigned strict = 0, late = 0;

	said_start();
	log_start();
	load(ENVIRONMENT("FONDUE_STRICT=yes", "FONDUE_VERBOSE=1", "FONDUE_LATE=perhaps"));
	must(config.verbose && !config.strict && !config.late);
	config_complain();
	for (const char *line = said(); *line; line = said()) {
		strict += strstr(line, "FONDUE_STRICT") != NULL;
		late += strstr(line, "FONDUE_LATE") != NULL;
		must(!strstr(line, "FONDUE_VERBOSE"));
	}
	must(strict == 1 && late == 1);
	return CHILD_GOOD;
}

static int play_log(void)
{
	char variable[512];

	said_start();
	log_start();
	snprintf(variable, sizeof(variable), "FONDUE_LOG=%s", scratch_path("log"));
	load(ENVIRONMENT(variable));
	must(config.log && !strcmp(config.log, scratch_path("log")));
	/* a program that sets its title writes over its environment */
	memset(variable, 'x', sizeof(variable));
	must(!strcmp(config.log, scratch_path("log")));
	log_line("line");
	must(strstr(scratch_read("log"), "line\n"));
	must(said_lines() == 0);
	return CHILD_GOOD;
}

/* "FONDUE_LOG=" and a path of @len bytes that leads to scratch_path("log"), or nowhere. */
static char *long_variable(size_t len)
{
	static char variable[16384];
	const char *path = scratch_path("log");
	size_t rest = len - strlen(path);
	char *at = stpcpy(variable, "FONDUE_LOG=");

	memset(at, '/', rest); /* any number of them is one */
	strcpy(at + rest, path);
	return variable;
}

static int play_long_path(void)
{
	static const size_t too_long[] = { PATH_MAX, PATH_MAX + 1, 3 * PATH_MAX };

	said_start();
	log_start();
	load(ENVIRONMENT(long_variable(PATH_MAX - 1)));
	config_complain();
	must(said_lines() == 0);
	must(config.log && strlen(config.log) == PATH_MAX - 1);
	log_line("line");
	must(strstr(scratch_read("log"), "line\n") && said_lines() == 0);
	for (unsigned i = 0; i < FONDUE_COUNT(too_long); i++) {
		load(ENVIRONMENT(long_variable(too_long[i])));
		must(!config.log);
		config_complain();
		must(strstr(said(), "FONDUE_LOG is ignored") && said_lines() == 0);
		log_line("elsewhere");
		must(said_lines() == 1);
	}
	must(!strstr(scratch_read("log"), "elsewhere"));
	return CHILD_GOOD;
}

static int play_secure(void)
{
	char variable[512];

	said_start();
	log_start();
	snprintf(variable, sizeof(variable), "FONDUE_LOG=%s", scratch_path("secure"));
	config_load(ENVIRONMENT(variable, "FONDUE_STRICT=1", "FONDUE_VERBOSE=1",
			    "FONDUE_LATE=1", "FONDUE_LOCKORDER=1", "FONDUE_HOLD_CHECK=1",
			    "FONDUE_ROBUST=1"),
		true);
	must(!config.log && !config.verbose && !config.lock_order && !config.hold_check); /* it tells addresses */
	must(!config.robust);
	must(config.strict && config.late && config.secure);
	config_complain();
	log_line("line");
	must(said_lines() == 1); /* the line, and no complaint */
	must(access(scratch_path("secure"), F_OK) != 0);
	return CHILD_GOOD;
}

/* A process with nothing to share pays for this, too. */
static int play_cost(void)
{
	char *const envp[] = { "FONDUE_STRICT=yes", "FONDUE_LOG=/dev/full", NULL };

	kernel_reset();
	config_load(envp, false);
	must(kernel_all_calls() == 0);
	return CHILD_GOOD;
}

int main(void)
{
	scratch_make();
	test_switches();
	test_finding();
	test_play("good and empty values: nothing to complain of", play_good_values);
	test_play("a time is a number of milliseconds", play_milliseconds);
	test_play("may a running owner be asked? A word", play_signal);
	test_play("a bad value is named once, and counts as unset", play_bad_values);
	test_play("several bad values are named, each once", play_several_bad);
	test_play("FONDUE_LOG is copied: its memory may be overwritten", play_log);
	test_play("FONDUE_LOG may be as long as a path", play_long_path);
	test_play("with the rights of somebody else, no file is written and nothing told", play_secure);
	test_play("loading makes no system call", play_cost);
	scratch_remove();
	return tap_done();
}
