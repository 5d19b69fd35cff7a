/* SPDX-License-Identifier: MIT */
/*
 * judge-names.c - programmers call things what they are
 *
 * A name is evidence, and weak: it moves a verdict by a few points, never makes one. It is cut
 * into words at underscores, digits and capitals, and whole words are compared: `discount`
 * counts nothing. `line` is a position, `lines` are counted: so a plural s is cut off only
 * where numbers of things are looked for. Where words disagree the noun that the others
 * describe decides, and it stands last: cache_hits are hits, max_temp is a maximum, but
 * last_count is the last one. Types are better evidence: what is declared a mutex is one.
 */
#include <ctype.h>
#include <string.h>

#include "judge-names.h"
#include "memory.h"

#define LONGEST_WORD 32

static const char *const totals[] = { "accepted", "accum", "amount", "bytes", "calls", "cnt",
	"cntr", "completed", "count", "counter", "cycles", "done", "dropped", "errors",
	"evaluated", "evaluations", "fail", "failed", "failure", "finished", "found", "freq",
	"handled", "hist", "histogram", "hit", "lines", "match", "matches", "miss", "misses",
	"node", "num", "ops", "passed", "prime", "primes", "processed", "ran", "received",
	"request", "result", "score", "seen", "sent", "served", "solution", "stat", "stats",
	"success", "sum", "summary", "tally", "test", "total", "totals", "tried", "visits",
	"words", "written" };
static const char *const owns[] = { "argc", "argn", "argv", "buf", "buffer", "cache",
	"checksum", "child", "clock", "col", "column", "crc", "cur", "current", "cursor",
	"cycle", "depth", "digest", "environ", "err", "errno", "exit", "fd", "fork", "front",
	"generation", "hash", "head", "id", "idx", "indent", "index", "init", "initialized",
	"input", "is", "iter", "iteration", "job", "last", "len", "length", "level", "line",
	"lineno", "me", "mode", "msec", "myid", "next", "now", "offset", "opt", "phase", "pid",
	"pos", "position", "prev", "previous", "process", "quit", "rand", "random", "rank",
	"rng", "role", "row", "scratch", "seed", "self", "since", "skip", "slot", "sock",
	"socket", "stage", "state", "status", "step", "tail", "temp", "terminate", "tick",
	"ticks", "tid", "time", "title", "tmp", "usec", "used", "verbose", "verbosity",
	"worker" };
static const char *const positions[] = { "avail", "cap", "capacity", "cur", "depth", "end",
	"fd", "head", "id", "idx", "index", "last", "left", "len", "length", "level", "line",
	"next", "off", "offset", "pos", "ptr", "size", "start", "state", "tail", "used" };
static const char *const times[] = { "time", "sec", "nsec", "usec", "msec", "timestamp",
	"clock", "ts", "atime", "mtime", "secs", "monotonic", "uptime" };
static const char *const extremes[] = { "best", "closest", "fastest", "highest", "least",
	"longest", "lowest", "max", "maximum", "min", "minimum", "nearest", "shortest",
	"smallest", "worst", "largest", "biggest", "peak", "bound" };
static const char *const stocks[] = { "balance", "budget", "credit", "credits", "left",
	"pending", "quota", "remaining", "stock", "todo", "token", "tokens", "inventory",
	"available", "seats" };

static const char *const tickets[] = { "seq", "seqno", "sequence", "serial", "ticket" };
static const char *const nexts[] = { "next", "last" };
static const char *const numbers[] = { "id", "no", "number", "uid" };
/* The next of these to be taken: whoever takes it means to be the only one. */
static const char *const next[] = { "next" };
static const char *const works[] = { "chunk", "item", "job", "task", "tile" };
/* Before a number of things they make it one of several, of which each process has its own. */
static const char *const owners[] = { "cur", "current", "last", "me", "my", "prev", "previous",
	"self", "since", "tmp" };
/* In front of what is added up. */
static const char *const sums[] = { "num", "sum", "total" };
static const char *const descriptors[] = { "fd", "id", "pid", "sock", "socket" };

#define HAS(list, name) has_word(name, list, sizeof(list) / sizeof((list)[0]))

static bool is_in(const char *word, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(word, list[i]))
			return true;
	return false;
}

/* The word as it stands; nhits as hits; of totals also hits as hit. */
static bool is_listed(char *word, const char *const *list, size_t count)
{
	size_t length = strlen(word);

	if (is_in(word, list, count) ||
		(length > 3 && *word == 'n' && is_in(word + 1, list, count)))
		return true;
	if (list != totals || length < 3 || word[length - 1] != 's')
		return false;
	word[length - 1] = '\0';
	return is_in(word, list, count) || (*word == 'n' && is_in(word + 1, list, count));
}

/* Take the next word off @rest, in small letters. */
static bool next_word(const char **rest, char *word)
{
	size_t length = 0;
	const char *at = *rest;

	while (*at && !isalpha((unsigned char)*at))
		at++;
	while (isalpha((unsigned char)*at) && length < LONGEST_WORD - 1) {
		if (length && isupper((unsigned char)*at) && islower((unsigned char)at[-1]))
			break;
		word[length++] = (char)tolower((unsigned char)*at++);
	}
	word[length] = '\0';
	*rest = at;
	return length > 0;
}

/* Of Class::name only the name counts. */
static bool has_word(const char *name, const char *const *list, size_t count)
{
	char word[LONGEST_WORD];
	const char *scope;

	while (name && (scope = strstr(name, "::")))
		name = scope + 2;
	while (name && next_word(&name, word))
		if (is_listed(word, list, count))
			return true;
	return false;
}

/* Put the first and the last word of @name there, empty if there is none. */
static void outer_words(const char *name, char *first, char *last)
{
	char each[LONGEST_WORD];

	*first = *last = '\0';
	while (name && next_word(&name, each)) {
		if (!*last)
			strcpy(first, each);
		strcpy(last, each);
	}
}

/* Is the noun of @name a number of things, or the best of them? */
static bool is_noun_shared(const char *name)
{
	char first[LONGEST_WORD], last[LONGEST_WORD];

	outer_words(name, first, last);
	if (HAS(descriptors, last) || HAS(owners, name))
		return false;
	return HAS(extremes, name) || HAS(sums, first) || HAS(totals, last);
}

/* Scanners and parsers that are generated call their state so; errors are counted. */
static bool is_generated(const char *name)
{
	return !strncmp(name, "yy", 2) && strcmp(name, "yynerrs") != 0;
}

bool names_is_total(const char *name)
{
	return HAS(totals, name);
}

bool names_is_own(const char *name)
{
	if (name && is_generated(name))
		return true;
	return HAS(owns, name) && !names_is_ticket(name) && !is_noun_shared(name);
}

bool names_is_ticket(const char *name)
{
	return HAS(tickets, name) || (HAS(nexts, name) && HAS(numbers, name)) ||
	       (HAS(next, name) && HAS(works, name));
}

bool names_is_position(const char *name)
{
	return HAS(positions, name);
}

bool names_is_time(const char *name)
{
	return HAS(times, name) && !HAS(totals, name);
}

bool names_is_extreme(const char *name)
{
	return HAS(extremes, name);
}

bool names_is_stock(const char *name)
{
	return HAS(stocks, name);
}

struct trap {
	enum names_trap trap;
	const char *part; /* of the type */
};

static const struct trap types[] = {
	{ TRAP_LOCK, "mutex" },
	{ TRAP_LOCK, "pthread_cond" },
	{ TRAP_LOCK, "rwlock" },
	{ TRAP_LOCK, "once_flag" },
	{ TRAP_LOCK, "pthread_once" },
	{ TRAP_LOCK, "sem_t" },
	{ TRAP_LOCK, "spinlock" },
	{ TRAP_LOCK, "condition_variable" },
	{ TRAP_LOCK, "pthread_barrier" },
	{ TRAP_STREAM, "FILE" },
	{ TRAP_STREAM, "_IO_" },
	{ TRAP_STREAM, "stream" },
	{ TRAP_STATE, "jmp_buf" },
	{ TRAP_STATE, "sigset" },
	{ TRAP_STATE, "sigaction" },
	{ TRAP_STATE, "termios" },
	{ TRAP_STATE, "basic_string" },
	{ TRAP_STATE, "std::string" },
	{ TRAP_STATE, "std::vector" },
	{ TRAP_STATE, "std::map" },
	{ TRAP_STATE, "std::unordered_" },
	{ TRAP_STATE, "std::deque" },
	{ TRAP_STATE, "std::list" },
	{ TRAP_STATE, "random_data" },
	{ TRAP_STATE, "drand48_data" },
	{ TRAP_STATE, "mersenne_twister" },
	{ TRAP_STATE, "mt19937" },
	{ TRAP_PID, "pid_t" },
	{ TRAP_PID, "pthread_t" },
	{ TRAP_TIME, "time_t" },
	{ TRAP_TIME, "struct timeval" },
	{ TRAP_TIME, "struct timespec" },
	{ TRAP_TIME, "struct tm" },
	{ TRAP_TIME, "clock_t" },
	{ TRAP_SIGNAL, "sig_atomic_t" },
};

static const char *const libc_names[] = { "environ", "__environ", "stdin", "stdout", "stderr",
	"optind", "optarg", "optopt", "opterr", "_edata", "_end", "completed.0", "errno",
	"program_invocation_name", "program_invocation_short_name", "__bss_start",
	"_IO_stdin_used", "object.0", "dtor_idx.1" };

static bool is_libc(const struct seen_variable *variable)
{
	if (variable->is_copy || (variable->file && strstr(variable->file, "crtstuff")))
		return true;
	return is_in(variable->name, libc_names, sizeof(libc_names) / sizeof(libc_names[0]));
}

/* Of a type that is unknown the name must do; `lock` may be a number of locks. */
static bool is_lock_name(const char *name)
{
	return strstr(name, "mutex") || strstr(name, "once_control") ||
	       (strlen(name) > 4 && !strcmp(name + strlen(name) - 5, "_lock"));
}

enum names_trap names_trap(const struct seen_variable *variable)
{
	const char *type = variable->type;

	if (!variable->name)
		return TRAP_NONE;
	if (is_libc(variable))
		return TRAP_LIBC;
	if (!strncmp(variable->name, "_ZGV", 4) ||
		!strncmp(variable->name, "guard variable", 14))
		return TRAP_GUARD;
	for (size_t i = 0; type && i < sizeof(types) / sizeof(types[0]); i++)
		if (strstr(type, types[i].part))
			return types[i].trap;
	return !type && is_lock_name(variable->name) ? TRAP_LOCK : TRAP_NONE;
}

char *names_family(const char *name)
{
	const char *dot = name ? strchr(name, '.') : NULL;
	char *family;

	if (!dot || strncmp(name, "__", 2) || !dot[1])
		return NULL;
	family = memory_copy(name);
	family[dot - name + 1] = '\0';
	return family;
}
