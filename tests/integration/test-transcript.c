/* SPDX-License-Identifier: MIT */
/*
 * Description: a long transcript of a program's behaviour, the same with the preload
 *
 * One program tells all that it can see of itself (transcript.c), annotated and not,
 * under ordinary and under unusual circumstances; not a byte may differ.
 */
#include <sys/stat.h>

#include "run.h"

static struct run with, without;

/* Show the first line in which two texts differ. */
static void show_difference(const char *plain, const char *preloaded)
{
	while (*plain && *preloaded) {
		size_t a = strcspn(plain, "\n"), b = strcspn(preloaded, "\n");

		if (a != b || strncmp(plain, preloaded, a))
			break;
		plain += a + (plain[a] == '\n');
		preloaded += b + (preloaded[b] == '\n');
	}
	tap_note("without: %.*s", (int)strcspn(plain, "\n"), plain);
	tap_note("with:    %.*s", (int)strcspn(preloaded, "\n"), preloaded);
}

static bool same(const char *plain, const char *preloaded)
{
	if (!strcmp(plain, preloaded))
		return true;
	show_difference(plain, preloaded);
	return false;
}

static void compare(const char *program, const char *claim, void (*prepare)(const void *))
{
	char sentence[256];

	with = (struct run){
		.args = {run_beside(program), "one", "two words"}, .prepare = prepare};
	without = (struct run){.args = {with.args[0], "one", "two words"},
		.prepare = prepare,
		.plain = true};
	run(&with);
	run(&without);
	snprintf(sentence, sizeof(sentence),
		"%s, %s: the transcript is long enough to tell", program, claim);
	test(sentence, run_explain(&without, run_lines(without.out, "") > 100));
	snprintf(
		sentence, sizeof(sentence), "%s, %s: output is the same", program, claim);
	test(sentence, same(without.out, with.out));
	snprintf(sentence, sizeof(sentence), "%s, %s: errors are the same", program,
		claim);
	test(sentence, same(without.err, with.err));
	snprintf(sentence, sizeof(sentence), "%s, %s: exit status is 42", program, claim);
	test(sentence, with.status == 42 << 8 && without.status == 42 << 8);
}

static void ordinary(const void *unused)
{
	(void)unused;
}

static void by_nohup(const void *unused)
{
	sigset_t set;

	(void)unused;
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 3);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	umask(0137);
	if (chdir("/") < 0 || nice(3) < 0)
		_exit(124);
}

static void without_descriptors(const void *unused)
{
	const struct rlimit few = {64, 64}, no_core = {0, 0};

	(void)unused;
	close(0);
	dup2(1, 17);
	setrlimit(RLIMIT_NOFILE, &few);
	setrlimit(RLIMIT_CORE, &no_core);
}

int main(void)
{
	static const char *const programs[] = {"transcript", "transcript-plain"};

	for (unsigned i = 0; i < 2; i++) {
		compare(programs[i], "started as usual", ordinary);
		compare(programs[i], "with signals ignored and blocked", by_nohup);
		compare(programs[i], "without standard input", without_descriptors);
	}
	return tap_done();
}
