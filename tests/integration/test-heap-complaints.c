/* SPDX-License-Identifier: MIT */
/*
 * Description: what the heap refuses is said: what, whose, and where it was done
 */
#include <pthread.h>

#include "heaping.h"
#include "run.h"

static char *block;

static __attribute__((noinline)) void give_up(void *what)
{
	fondue_free(what);
	__asm__ volatile("");
}

/* Exported, or dladdr() and the loader's tables would have no name for it. */
void give_up_wrongly(void *what);
__attribute__((noinline)) void give_up_wrongly(void *what)
{
	give_up(what);
	__asm__ volatile("");
}

static int play_again(void)
{
	block = fondue_malloc(100);
	for (unsigned i = 0; i < 101; i++)
		give_up_wrongly(block);
	return 0;
}

static int play_all(void)
{
	char *volatile on_stack = (char *)&block;

	block = fondue_malloc(100);
	give_up(block + 16);
	give_up(on_stack);
	fondue_free_sized(block, 5000);
	if (fondue_realloc(block + 32, 10))
		return 1;
	fondue_free(block);
	give_up(block);
	return 0;
}

/* Of one that is gone. */
static int play_dead(void)
{
	char **there = fondue_malloc(sizeof(*there));
	pid_t pid = fork();

	if (pid == 0) {
		*there = fondue_malloc(100);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	give_up(*there + 8);
	printf("%d\n", (int)pid);
	return 0;
}

static void *in_thread(void *arg)
{
	give_up(block);
	return arg;
}

/* With as little stack as there can be. */
static int play_small_stack(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	block = fondue_malloc(100);
	fondue_free(block);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 16384);
	if (pthread_create(&thread, &attributes, in_thread, NULL))
		return 1;
	return pthread_join(thread, NULL);
}

static int play_quiet(void)
{
	for (unsigned i = 0; i < 10000; i++)
		fondue_free(fondue_realloc(fondue_malloc(i), 2 * i));
	return fondue_heap_check(NULL, NULL);
}

static const struct scenario scenarios[] = {
	{ "again", play_again },
	{ "all", play_all },
	{ "dead", play_dead },
	{ "small", play_small_stack },
	{ "quiet", play_quiet },
	{ NULL, NULL },
};

static struct run *play(const char *scenario)
{
	static struct run r;

	r = (struct run){ .args = { run_self(), scenario } };
	return run(&r);
}

static bool says(const struct run *r, const char *what)
{
	return run_lines(r->err, what) > 0;
}

int main(int argc, char **argv)
{
	struct run *r;
	char owner[64];

	if (argc > 1)
		return run_scenario(scenarios, argv[1]);
	r = play("again");
	test("a hundred are told seven times", run_explain(r, run_succeeded(r) && run_said(r) == 7 &&
								     says(r, "64 times by now")));
	test("with the place", run_explain(r, run_lines(r->err, "give_up") == 7));
	r = play("all");
	test("each kind by itself", run_explain(r, run_succeeded(r) &&
							   says(r, "not the beginning of a block") &&
							   says(r, "no block of the shared heap") &&
							   says(r, "with another size") &&
							   says(r, "free already")));
	r = play("dead");
	snprintf(owner, sizeof(owner), "allocated by pid %d, which has ended", atoi(r->out));
	test("whose it was", run_explain(r, run_succeeded(r) && says(r, owner)));
	r = play("small");
	test("from a small stack", run_explain(r, run_succeeded(r) && run_said(r) == 1));
	r = play("quiet");
	test("otherwise nothing", run_explain(r, run_succeeded(r) && run_said(r) == 0));
	return tap_done();
}
