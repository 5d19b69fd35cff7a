/* SPDX-License-Identifier: MIT */
/*
 * Description: a processor's list gives out what was put in, once, whoever comes between
 *
 * Everything twice: by restartable sequences, and by the lists that threads without share.
 */
#include <sched.h>
#include <sys/time.h>

#include "heap-made.h"

#define CLASS 20
#define LIST  ((unsigned)size_classes[CLASS].list)

static bool with_rseq;

/* What is put in: these lists do not look at what it is. */
static void *token(uintptr_t number)
{
	return (void *)(number * 16);
}

static void *pop(void)
{
	void *block;

	if (!with_rseq)
		return cpu_lists_pop_locked(CLASS, 1);
	return cpu_lists_pop(CLASS, &block) ? block : NULL;
}

static bool push(void *block)
{
	return with_rseq ? cpu_lists_push(CLASS, block) : cpu_lists_push_locked(CLASS, block, 1);
}

static void stay_here(void)
{
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	sched_setaffinity(0, sizeof(here), &here);
}

static uint64_t taken(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < CPUS; i += i < 64 || i >= CPUS_BY_RSEQ - 1 ? 1 : CPUS_BY_RSEQ - 65)
		sum += heap_map.cpus[i].lists[CLASS].word >> 16;
	return sum;
}

static int play_order(void)
{
	must(make_heap(16 << 20, with_rseq));
	stay_here();
	must(cpu_lists_are_ours() == with_rseq);
	must(!pop());
	for (unsigned i = 1; i <= LIST; i++)
		must(push(token(i)));
	must(!push(token(99)));
	for (unsigned i = LIST; i; i--)
		must(pop() == token(i));
	must(!pop() && taken() == LIST);
	must(push(token(7)) && pop() == token(7) && taken() == LIST + 1);
	return CHILD_GOOD;
}

static int play_batches(void)
{
	void *blocks[LIST_MAX], *got[LIST_MAX];
	unsigned half = LIST / 2;

	must(make_heap(16 << 20, with_rseq));
	stay_here();
	for (unsigned i = 0; i < LIST; i++)
		blocks[i] = token(i + 1);
	must(cpu_lists_drain(CLASS, got, half, 1) == 0);
	must(cpu_lists_fill(CLASS, blocks, half, 1) == half);
	must(cpu_lists_fill(CLASS, blocks + half, half, 1) == half);
	must(cpu_lists_fill(CLASS, blocks, half, 1) == 0);
	must(pop() == token(2 * half) && push(token(2 * half)));
	must(cpu_lists_drain(CLASS, got, half, 1) == half);
	must(memcmp(got, blocks + half, half * sizeof(*got)) == 0);
	must(taken() == 1); /* to be moved is not to be taken */
	for (unsigned i = half; i; i--)
		must(pop() == token(i));
	must(!pop());
	return CHILD_GOOD;
}

/* Processors that there are no lists for, and threads that are not registered. */
static int play_unregistered(void)
{
	static struct rseq_area other = { .cpu_id = CPUS_BY_RSEQ };
	void *block = token(1);

	must(make_heap(16 << 20, with_rseq));
	cpu_lists_rseq_at = (char *)&other - fondue_thread_();
	must(!cpu_lists_are_ours() && !cpu_lists_push(CLASS, block) && !cpu_lists_pop(CLASS, &block));
	other.cpu_id = UINT32_MAX;
	must(!cpu_lists_are_ours() && !cpu_lists_push(CLASS, block) && !cpu_lists_pop(CLASS, &block));
	must(cpu_lists_fill(CLASS, &block, 1, 1) == 1 && cpu_lists_drain(CLASS, &block, 1, 1) == 1);
	return CHILD_GOOD;
}

/* Who has which: an exchange finds out if two have one. */
static _Atomic uint32_t *holders;
#define TOKENS 40

static void on_timer(int number)
{
	(void)number;
	sched_yield();
}

/* Sent to and fro between processors, and preempted, as often as may be. */
static int work(void)
{
	struct itimerval often = { { 0, 50 }, { 0, 50 } };
	struct sigaction action = { .sa_handler = on_timer, .sa_flags = SA_RESTART };
	uint64_t random = getpid();

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (unsigned n = 0; n < 400000; n++) {
		uintptr_t mine[8];
		unsigned count = 1 + (next_random(&random) >> 8) % 8, got = 0;

		while (got < count && (mine[got] = (uintptr_t)pop() / 16)) {
			must(mine[got] <= TOKENS);
			must(atomic_exchange(&holders[mine[got]], 1) == 0);
			got++;
		}
		while (got) {
			atomic_store(&holders[mine[--got]], 0);
			while (!push(token(mine[got])))
				sched_yield();
		}
	}
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 0 } }, NULL);
	return CHILD_GOOD;
}

static unsigned in_lists(void)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < CPUS; i++)
		sum += heap_map.cpus[i].lists[CLASS].word & 0xffff;
	return sum;
}

static int play_crowd(void)
{
	must(make_heap(16 << 20, with_rseq));
	holders = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(holders != MAP_FAILED);
	for (unsigned i = 1; i <= TOKENS; i++)
		must(push(token(i)));
	for (unsigned i = 0; i < 5; i++)
		if (fork() == 0)
			_exit(work());
	for (unsigned i = 0; i < 5; i++)
		must(unit_wait(-1) == CHILD_GOOD);
	must(in_lists() == TOKENS);
	return CHILD_GOOD;
}

/* Killed anywhere, anytime: each is in the list or in the hands of a dead one. */
static int play_killed(void)
{
	unsigned held = 0;

	must(make_heap(16 << 20, with_rseq));
	holders = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(holders != MAP_FAILED);
	for (unsigned i = 1; i <= TOKENS; i++)
		must(push(token(i)));
	for (unsigned i = 0; i < 200 && in_lists() > 1; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(work());
		usleep(500 + i * 7);
		kill(pid, SIGKILL);
		unit_wait(pid);
	}
	for (unsigned i = 1; i <= TOKENS; i++)
		held += holders[i];
	must(in_lists() <= TOKENS - held);
	for (uintptr_t number; (number = (uintptr_t)pop() / 16);)
		must(number <= TOKENS && atomic_exchange(&holders[number], 1) == 0);
	return CHILD_GOOD;
}

static void test_all(const char *how)
{
	static const struct { const char *name; int (*play)(void); } plays[] = {
		{ "last in, first out, and no more than fit", play_order },
		{ "batches go in and out as a whole", play_batches },
		{ "threads that the kernel does not know are not served", play_unregistered },
		{ "five processes take and put back", play_crowd },
		{ "killed, nobody leaves one that is given twice", play_killed },
	};
	char name[128];

	for (unsigned i = 0; i < sizeof(plays) / sizeof(*plays); i++) {
		snprintf(name, sizeof(name), "%s: %s", how, plays[i].name);
		test_play(name, plays[i].play);
	}
}

int main(void)
{
	if (is_emulated()) {
		skip("the heap", "the emulator has no robust futexes, and ignores MADV_REMOVE");
		return tap_done();
	}
	test_all("under a lock");
	with_rseq = true;
#if defined(__x86_64__)
	if (has_rseq())
		test_all("by rseq");
#endif
	return tap_done();
}
