/* SPDX-License-Identifier: MIT */
/*
 * Description: what the runtime says, where, how often, and what FONDUE_STRICT makes of
 * it
 *
 * A message is one line with its newline, in one write; it names the object, the cause
 * and the cure, goes to standard error or to the end of FONDUE_LOG, and comes once. With
 * FONDUE_STRICT=1 a refusal ends the program before any of its own code has run.
 */
#include <sys/stat.h>

#include <fondue/shared.h>

#include "load.h"

FONDUE_SHARED static volatile int word = 1;
FONDUE_SHARED_ZERO static volatile int zero[3000];

/* Scenarios */

static int play_program(void)
{
	printf("%s\n", sharing_of(&word));
	return 0;
}

/* Addresses that FONDUE_VERBOSE has to name, and children that have nothing to add. */
static int play_ranges(void)
{
	printf("0x%lx 0x%lx\n", (unsigned long)&word, (unsigned long)zero);
	return is_shared(&word) && is_shared(&zero[2999]) ? 0 : 1;
}

static int play_late(void)
{
	if (!is_shared(&word))
		return 1;
	plugin_print(plugin_open("counter.so"));
	printf("next descriptor %d\n", dup(0));
	return 0;
}

/* As programs do that show their state in ps(1). */
static int play_late_retitled(void)
{
	for (char **each = environ; *each; each++)
		memset(*each, 'x', strlen(*each));
	environ = NULL;
	return play_late();
}

#define WRITERS 20

/* Many processes have something to say at the same time. */
static int play_late_children(void)
{
	pid_t pids[WRITERS];
	int gate[2], good = 1;

	if (pipe(gate) < 0)
		return 1;
	for (int i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			close(gate[1]);
			(void)!read(gate[0], &(char){0}, 1);
			plugin_open("counter.so");
			_exit(CHILD_DONE);
		}
	}
	close(gate[1]);
	for (int i = 0; i < WRITERS; i++) {
		good = exit_status(pids[i]) == CHILD_DONE && good;
		printf("%d\n", pids[i]);
	}
	return good ? 0 : 1;
}

/* A plugin that is refused for its layout. */
static int play_refused_plugin(void)
{
	plugin_print(plugin_open("refused.so"));
	return 0;
}

static const struct scenario scenarios[] = {
	{"program", play_program},
	{"ranges", play_ranges},
	{"late", play_late},
	{"late-retitled", play_late_retitled},
	{"late-children", play_late_children},
	{"refused-plugin", play_refused_plugin},
	{NULL, NULL},
};

static struct run r;

/* Run @scenario with up to two variables set. */
static void play(const char *scenario, const char *first, const char *second)
{
	r = (struct run){.args = {run_self(), scenario}, .env = {first, second}};
	run(&r);
}

/* Each line begins with "fondue[" and the last one ends. */
static bool lines_are_whole(const char *text, unsigned expected)
{
	unsigned count = 0;

	for (const char *at = text; *at; at = strchr(at, '\n') + 1) {
		if (strncmp(at, "fondue[", 7) || !strchr(at, '\n'))
			return false;
		count++;
	}
	return count == expected;
}

/* FONDUE_LOG */

static char log_name[] = "/tmp/fondue-log-XXXXXX";
static char log_variable[64];

static char *read_log(void)
{
	static char text[1 << 16];
	int fd = open(log_name, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	text[got < 0 ? 0 : got] = '\0';
	close(fd);
	return text;
}

static void clear_log(void)
{
	if (truncate(log_name, 0) < 0)
		tap_bail_out("the log cannot be emptied");
}

static const char late_output[] = "inactive 7 private\nnext descriptor 3\n";

static void test_log(void)
{
	int fd = mkstemp(log_name);

	if (fd < 0 || write(fd, "fondue[1]: what was there\n", 26) != 26)
		tap_bail_out("no temporary file");
	close(fd);
	snprintf(log_variable, sizeof(log_variable), "FONDUE_LOG=%s", log_name);
	play("late", log_variable, NULL);
	test("FONDUE_LOG: nothing goes to standard error, and no descriptor is left",
		run_explain(
			&r, run_succeeded(&r) && !*r.err && !strcmp(r.out, late_output)));
	test("the line is appended", strstr(read_log(), "what was there\nfondue[") &&
					     lines_are_whole(read_log(), 2));
	play("late", log_variable, NULL);
	test("and the next program's line after it", lines_are_whole(read_log(), 3));
	clear_log();
	play("late-retitled", log_variable, NULL);
	test("a program that writes over its environment still logs there",
		run_explain(&r,
			run_succeeded(&r) && !*r.err && lines_are_whole(read_log(), 1)));
	clear_log();
	play("program", log_variable, NULL);
	test("a program with nothing to say leaves the log alone", !*read_log());
	unlink(log_name);
	play("program", log_variable, NULL);
	test("and makes none", access(log_name, F_OK) != 0);
	play("late", log_variable, NULL);
	test("the log is made when there is something to say",
		lines_are_whole(read_log(), 1));
}

static void test_log_together(void)
{
	const char *at = r.out, *text;
	unsigned named = 0;
	char prefix[32];

	clear_log();
	play("late-children", log_variable, NULL);
	text = read_log();
	test("lines of 20 processes at once are whole",
		run_explain(&r, run_succeeded(&r) && lines_are_whole(text, WRITERS)));
	for (int i = 0; i < WRITERS && *at; i++, at = strchr(at, '\n') + 1) {
		snprintf(prefix, sizeof(prefix), "fondue[%d]: ", atoi(at));
		named += run_lines(text, prefix) == 1;
	}
	test("each has the number of its process", named == WRITERS);
	play("late-children", NULL, NULL);
	test("and so on standard error", lines_are_whole(r.err, WRITERS));
}

static void test_bad_logs(void)
{
	static const char *const claims[] = {
		"a FONDUE_LOG in no directory: standard error",
		"a FONDUE_LOG that is a directory: standard error",
		"a FONDUE_LOG that is a pipe nobody reads: standard error",
		"an empty FONDUE_LOG: standard error",
	};
	const char *variables[] = {"FONDUE_LOG=/no/such/log", "FONDUE_LOG=/tmp",
		log_variable, "FONDUE_LOG="};

	unlink(log_name);
	if (mkfifo(log_name, 0600) < 0)
		tap_bail_out("no named pipe");
	for (unsigned i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		play("late", variables[i], NULL);
		test(claims[i],
			run_explain(&r, run_succeeded(&r) && lines_are_whole(r.err, 1) &&
						!strcmp(r.out, late_output)));
	}
	unlink(log_name);
}

/* FONDUE_STRICT */

static void run_refused(const char *env)
{
	r = (struct run){.args = {run_beside("refused")}, .env = {env}};
	run(&r);
}

static bool ended_127(void)
{
	return WIFEXITED(r.status) && WEXITSTATUS(r.status) == 127;
}

static void test_strict(void)
{
	const char refused[] = "constructor\ninactive private\n";

	run_refused(NULL);
	test("a refused program runs with private variables, said in one line",
		run_explain(&r, run_succeeded(&r) && lines_are_whole(r.err, 1) &&
					!strcmp(r.out, refused)));
	test("the line names program, section, cause and cure",
		strstr(r.err, run_beside("refused")) && strstr(r.err, "section shared") &&
			strstr(r.err, "middle of a page") && strstr(r.err, "; look for"));
	run_refused("FONDUE_STRICT=0");
	test("FONDUE_STRICT=0 is the default",
		run_explain(&r, run_succeeded(&r) && lines_are_whole(r.err, 1) &&
					!strcmp(r.out, refused)));
	run_refused("FONDUE_STRICT=1");
	test("FONDUE_STRICT=1 ends it with status 127, before its first constructor",
		run_explain(&r, ended_127() && !*r.out));
	test("the cause is on standard error",
		strstr(r.err, "middle of a page") != NULL &&
			strstr(r.err, "FONDUE_STRICT=1") != NULL);
	play("program", "FONDUE_STRICT=1", NULL);
	test("FONDUE_STRICT=1 lets a sound program run",
		run_explain(
			&r, run_succeeded(&r) && !strcmp(r.out, "shared\n") && !*r.err));
}

static void test_strict_libraries(void)
{
	static char preload[8192];

	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s:%s", run_library(),
		run_beside("plugins/refused.so"));
	play("program", preload, NULL);
	test("a refused library leaves the program shared, said in one line",
		run_explain(&r, run_succeeded(&r) && !strcmp(r.out, "shared\n") &&
					lines_are_whole(r.err, 1) &&
					strstr(r.err, "refused.so")));
	play("program", preload, "FONDUE_STRICT=1");
	test("FONDUE_STRICT=1: a refused library ends the program with status 127",
		run_explain(&r, ended_127() && !*r.out && strstr(r.err, "refused.so")));
	play("refused-plugin", "FONDUE_STRICT=1", NULL);
	test("FONDUE_STRICT=1: a plugin refused later does not",
		run_explain(&r, run_succeeded(&r) &&
					!strcmp(r.out, "inactive 7 private\n") &&
					lines_are_whole(r.err, 1) &&
					strstr(r.err, "middle of a page")));
}

/* FONDUE_VERBOSE, and values that are not understood */

/* Is there a line for @section with a range of whole pages that holds @address? */
static bool range_is_said(const char *section, unsigned long address)
{
	unsigned long bytes, start;
	char head[64];
	const char *at;

	snprintf(head, sizeof(head), "section %s: ", section);
	at = strstr(r.err, head);
	return at &&
	       sscanf(at + strlen(head), "%lu bytes at 0x%lx are shared", &bytes,
		       &start) == 2 &&
	       start <= address && address < start + bytes && bytes % 4096 == 0 &&
	       start % 4096 == 0;
}

static void test_verbose(void)
{
	unsigned long in_shared = 0, in_zero = 0;

	play("ranges", "FONDUE_VERBOSE=1", NULL);
	sscanf(r.out, "0x%lx 0x%lx", &in_shared, &in_zero);
	test("FONDUE_VERBOSE=1 says what is shared, once for the family",
		run_explain(&r, run_succeeded(&r) && lines_are_whole(r.err, 2)));
	test("the ranges hold the variables",
		run_explain(&r, range_is_said("shared", in_shared) &&
					range_is_said("shared_zero", in_zero)));
	play("ranges", "FONDUE_VERBOSE=0", NULL);
	test("FONDUE_VERBOSE=0 says nothing",
		run_explain(&r, run_succeeded(&r) && !*r.err));
}

static void test_values(void)
{
	play("program", "FONDUE_STRICT=banana", NULL);
	test("FONDUE_STRICT=banana is said once, and counts as 0",
		run_explain(&r, run_succeeded(&r) && lines_are_whole(r.err, 1) &&
					strstr(r.err, "FONDUE_STRICT") &&
					!strcmp(r.out, "shared\n")));
	run_refused("FONDUE_STRICT=banana");
	test("it lets a refused program run",
		run_explain(
			&r, run_succeeded(&r) && run_lines(r.err, "FONDUE_STRICT") == 1));
	play("program", "FONDUE_STRICT=yes", "FONDUE_LATE=2");
	test("two values that are not understood are both named",
		run_explain(&r, run_succeeded(&r) && strstr(r.err, "FONDUE_STRICT") &&
					strstr(r.err, "FONDUE_LATE")));
	play("program", "FONDUE_STRICT=", NULL);
	test("an empty value is none", run_explain(&r, run_succeeded(&r) && !*r.err));
	r = (struct run){.args = {run_beside("inert"), run_beside("refuse.so")},
		.env = {"FONDUE_STRICT=banana"}};
	run(&r);
	test("a program that annotates nothing is not bothered",
		run_explain(&r, run_succeeded(&r) && !*r.err));
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return run_scenario(scenarios, argv[1]);
	test_log();
	test_log_together();
	test_bad_logs();
	test_strict();
	test_strict_libraries();
	test_verbose();
	test_values();
	return tap_done();
}
