/* SPDX-License-Identifier: MIT */
/*
 * config.c - one table of everything that can be set from outside
 *
 * getenv() is called nowhere else; here it is not called either, since the runtime starts
 * before libc has set environ. In a process that runs with more rights than its caller
 * (AT_SECURE) a variable that would make us write to a file, or tell addresses, is not
 * honoured.
 */
#include <sys/mman.h>

#include "config.h"
#include "log.h"
#include "text.h"

struct config config;

enum type {
	TYPE_SWITCH,
	TYPE_PATH,
	TYPE_MS,
	TYPE_FORMAT,
	TYPE_ACTION,
	TYPE_SIGNAL,
	TYPE_SIZE,
};

static struct variable {
	const char *name;
	enum type type;
	bool when_secure; /* honoured under AT_SECURE */
	void *value;
	bool misunderstood;
} variables[] = {
	{ "FONDUE_LOG", TYPE_PATH, false, &config.log, false },
	{ "FONDUE_STRICT", TYPE_SWITCH, true, &config.strict, false },
	{ "FONDUE_VERBOSE", TYPE_SWITCH, false, &config.verbose, false },
	{ "FONDUE_LATE", TYPE_SWITCH, true, &config.late, false },
	{ "FONDUE_HOLD_MS", TYPE_MS, false, &config.hold_ms, false },
	{ "FONDUE_HOLD_ACTION", TYPE_ACTION, false, &config.hold_action, false },
	{ "FONDUE_REPORT_FORMAT", TYPE_FORMAT, false, &config.report_format, false },
	{ "FONDUE_REPORT_DIR", TYPE_PATH, false, &config.report_dir, false },
	{ "FONDUE_LOCKORDER", TYPE_SWITCH, false, &config.lock_order, false },
	{ "FONDUE_HOLD_CHECK", TYPE_SWITCH, false, &config.hold_check, false },
	{ "FONDUE_ROBUST", TYPE_SWITCH, false, &config.robust, false },
	{ "FONDUE_SIGNAL", TYPE_SIGNAL, false, &config.signal, false },
	{ "FONDUE_HEAP_SIZE", TYPE_SIZE, true, &config.heap_size, false },
	{ "FONDUE_PLAN", TYPE_PATH, false, &config.plan, false },
};

/* As getenv(), on an environment that libc may not know yet. */
static const char *find(char *const *envp, const char *name)
{
	for (; envp && *envp; envp++) {
		const char *rest = text_behind(*envp, name);

		if (rest && *rest == '=')
			return rest + 1;
	}
	return NULL;
}

static void set_switch(struct variable *var, const char *text)
{
	bool on = text_equals(text, "1");

	if (!on && !text_equals(text, "0"))
		var->misunderstood = true;
	*(bool *)var->value = on;
}

/* Eleven days: what is meant to be for ever is 0. */
#define MS_MAX 1000000000

static void set_ms(struct variable *var, const char *text)
{
	unsigned long value = 0;

	for (; *text && value <= MS_MAX; text++) {
		unsigned digit = text_digit(*text, 10);

		if (digit == 10)
			break;
		value = value * 10 + digit;
	}
	if (*text || value > MS_MAX)
		var->misunderstood = true;
	else
		*(unsigned *)var->value = value;
}

/*
 * A copy: programs that set their title write over the environment's memory. Room for the
 * longest path in every process would be a page more for each to load.
 */
#define PATH_SIZE  4096 /* PATH_MAX, its 0 byte included */
#define SHORT_PATH 256

static char *make_room(size_t size)
{
	static char room[SHORT_PATH];
	static size_t used;
	long pages;

	if (size <= sizeof(room) - used) {
		used += size;
		return room + used - size;
	}
	pages = sys_call(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		-1, 0);
	return sys_failed(pages) ? NULL : (char *)pages;
}

static void set_path(struct variable *var, const char *text)
{
	size_t size = text_length(text) + 1;
	char *path = size <= PATH_SIZE ? make_room(size) : NULL;

	if (!path) {
		var->misunderstood = true;
		return;
	}
	while (size--)
		((volatile char *)path)[size] = text[size]; /* volatile: and no memcpy() */
	*(const char **)var->value = path;
}

/* 1 MiB to 64 TiB, with a unit or in bytes. */
static void set_size(struct variable *var, const char *text)
{
	static const char units[] = "KMGT";
	uint64_t value = 0, max = 64ULL << 40;
	unsigned shift = 0;

	for (; text_digit(*text, 10) < 10 && value <= max; text++)
		value = value * 10 + text_digit(*text, 10);
	for (unsigned i = 0; *text && units[i]; i++)
		if (*text == units[i])
			shift = 10 * (i + 1);
	if (shift)
		text++;
	if (*text || !value || value > max >> shift || value << shift < 1 << 20)
		var->misunderstood = true;
	else
		*(size_t *)var->value = value << shift;
}

/* What is understood of such a variable, and complained of if it is something else. */
static const char *const words[][4] = {
	[TYPE_FORMAT] = { [REPORT_FORMAT_TEXT] = "text", [REPORT_FORMAT_JSON] = "json" },
	[TYPE_ACTION] = { [HOLD_ACTION_REPORT] = "report",
		[HOLD_ACTION_CORE] = "abort-owner-core" },
	[TYPE_SIGNAL] = { [CONFIG_SIGNAL_NONE] = "none", [CONFIG_SIGNAL_URG] = "SIGURG",
		[CONFIG_SIGNAL_ALWAYS] = "always" },
};

static void set_word(struct variable *var, const char *text)
{
	for (unsigned i = 0; words[var->type][i]; i++)
		if (text_equals(text, words[var->type][i])) {
			*(unsigned *)var->value = i;
			return;
		}
	var->misunderstood = true;
}

static void set(struct variable *var, const char *text)
{
	switch (var->type) {
	case TYPE_SWITCH:
		set_switch(var, text);
		break;
	case TYPE_PATH:
		set_path(var, text);
		break;
	case TYPE_MS:
		set_ms(var, text);
		break;
	case TYPE_SIZE:
		set_size(var, text);
		break;
	case TYPE_FORMAT:
	case TYPE_ACTION:
		set_word(var, text);
		break;
	case TYPE_SIGNAL:
		set_word(var, text_equals(text, "23") ? "SIGURG" : text);
	}
}

void config_load(char *const *envp, bool secure)
{
	config.secure = secure;
	config.heap_size = HEAP_SIZE_DEFAULT;
	/* what is reported are addresses, a secret to who runs a program with more rights */
	config.hold_ms = secure ? 0 : HOLD_MS_DEFAULT;
	config.signal = secure ? CONFIG_SIGNAL_NONE : CONFIG_SIGNAL_URG;
	for (size_t i = 0; i < FONDUE_COUNT(variables); i++) {
		const char *text = find(envp, variables[i].name);

		if (!text || !*text || (secure && !variables[i].when_secure))
			continue;
		set(&variables[i], text);
	}
	log_set_file(config.log);
	if (config.report_format == REPORT_FORMAT_JSON)
		log_as_json();
}

static const char *const understood[] = {
	[TYPE_SWITCH] = "a switch is 0 or 1",
	[TYPE_PATH] = "a file name has less than 4096 bytes",
	[TYPE_MS] = "a time is a number of milliseconds, up to 1000000000, or 0: never",
	[TYPE_SIZE] = "a size is a number of bytes, or with K, M, G or T, from 1M to 64T",
	[TYPE_FORMAT] = "a format is text or json",
	[TYPE_ACTION] = "an action is report or abort-owner-core",
	[TYPE_SIGNAL] = "a signal is SIGURG (or 23), none or always; no other will do",
};

static void complain(struct variable *var)
{
	if (!var->misunderstood)
		return;
	var->misunderstood = false;
	log_line("%s is ignored: its value is not understood; %s", var->name,
		understood[var->type]);
}

void config_complain(void)
{
	for (size_t i = 0; i < FONDUE_COUNT(variables); i++)
		complain(&variables[i]);
}
