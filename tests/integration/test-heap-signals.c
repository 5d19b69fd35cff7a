/* SPDX-License-Identifier: MIT */
/*
 * Description: a signal handler that allocates may come between any two instructions
 *
 * By the processor's trap flag, which raises SIGTRAP after each instruction: at one of them,
 * each in its turn, the handler allocates and frees; without rseq(2), that is. And by timers, in several
 * threads and processes at a time, so that handlers wait for what other handlers have
 * interrupted. There is no block that is lost or given away twice, and nobody waits for ever.
 */
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "heaping.h"

static atomic_int *errors;
static atomic_ulong *handled, *refused_to_handler;

/* Of the same class and of others, of a slab and large. */
static const size_t sizes[] = { 64, 64, 1000, 20000, 32768, 70000, 200000 };
#define SIZES (sizeof(sizes) / sizeof(*sizes))
#define BURST 70 /* more than a list holds: so that it is filled and drained in there */

static void allocate_some(unsigned i, unsigned count)
{
	void *blocks[BURST];
	size_t size = sizes[i % SIZES];

	for (unsigned j = 0; j < count; j++) {
		blocks[j] = fondue_malloc(size);
		if (!blocks[j])
			atomic_fetch_add(refused_to_handler, 1);
		else
			stamp(blocks[j], size, (uintptr_t)blocks[j] ^ i);
	}
	for (unsigned j = 0; j < count; j++) {
		if (blocks[j] && !is_stamped(blocks[j], size, (uintptr_t)blocks[j] ^ i))
			atomic_fetch_add(errors, 1);
		fondue_free(blocks[j]);
	}
}

#if defined(__x86_64__)

#include "stepping.h"

static volatile unsigned what;

static void allocate_there(void)
{
	allocate_some(what, what < 2 ? BURST : 4);
}

/* The handler acts after @n instructions. Return: so many there were; 0: it was wrong. */
static long step_once(size_t size, int shifted, long n)
{
	void *block;
	long first;

	shift(size, shifted);
	at = n;
	step = 0;
	STEPPED(block = malloc_it(size));
	first = step;
	if (!block)
		return 0;
	memset(block, 0x77, size);
	shift(size, -shifted);
	if (first <= at)
		STEPPED(free_it(block));
	else
		free_it(block);
	return step;
}

/* After each of the first 80, and of those behind them after some. */
static int step_through(size_t size, int shifted)
{
	long total = step_once(size, shifted, -1);
	uint64_t random = 42;

	must(total > 40);
	for (long n = 0; n < 140; n++) {
		long chosen = n < 80 ? n : (long)(next_random(&random) >> 8) % total;

		must(step_once(size, shifted, chosen) > 0);
	}
	must(fondue_heap_check(NULL, NULL) == 0);
	return CHILD_GOOD;
}

static int play_steps(size_t size, int shifted)
{
	must(stepping_starts(allocate_there));
	/* its first use blocks signals, SIGTRAP as well */
	for (what = 0; what < SIZES; what++)
		allocate_some(what, BURST);
	shift(size, 200);
	shift(size, -200);
	for (what = 0; what < SIZES; what++)
		must(step_through(size, shifted) == CHILD_GOOD);
	must(*errors == 0 && fondue_heap_check(NULL, NULL) == 0);
	tap_note("  %lu blocks refused to the handler, %lu lost", *refused_to_handler,
		(unsigned long)figures().lost_blocks);
	return CHILD_GOOD;
}

static int play_usual(void)
{
	return play_steps(64, 0);
}

static int play_slow(void)
{
	return play_steps(1000, 32);
}

static int play_batch(void)
{
	return play_steps(20000, 3);
}

static int play_large(void)
{
	return play_steps(70000, 0);
}
#endif

static void on_timer(int number)
{
	static __thread unsigned next;
	int saved = errno;

	(void)number;
	next++;
	allocate_some(next, next % 8 ? 3 : BURST);
	atomic_fetch_add(handled, 1);
	errno = saved;
}

static volatile bool is_over;

/* A timer of the thread's own, at odds with those of the others. */
static bool start_timer(unsigned us)
{
	struct itimerspec times = { { 0, us * 1000 }, { 0, us * 1000 } };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	timer_t timer;

#ifdef sigev_notify_thread_id
	event.sigev_notify_thread_id = (int)syscall(SYS_gettid);
#else /* glibc has no name for it yet */
	event._sigev_un._tid = (int)syscall(SYS_gettid);
#endif
	return timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 &&
	       timer_settime(timer, 0, &times, NULL) == 0;
}

static void *work(void *arg)
{
	unsigned i = (uintptr_t)arg;

	if (!start_timer(40 + i * 7))
		atomic_fetch_add(errors, 1);
	for (; !is_over; i++)
		allocate_some(i, 1 + i % BURST);
	return NULL;
}

static int work_process(void)
{
	pthread_t threads[2];

	for (uintptr_t i = 0; i < 2; i++)
		must(pthread_create(&threads[i], NULL, work, (void *)(3 * i)) == 0);
	for (unsigned i = 0; i < 30; i++)
		usleep(100000);
	is_over = true;
	for (unsigned i = 0; i < 2; i++)
		must(pthread_join(threads[i], NULL) == 0);
	return CHILD_GOOD;
}

static int play_timers(void)
{
	struct sigaction action = { .sa_handler = on_timer, .sa_flags = SA_RESTART };
	pid_t children[3];

	must(sigaction(SIGUSR1, &action, NULL) == 0);
	for (unsigned i = 0; i < 3; i++)
		children[i] = start(work_process);
	for (unsigned i = 0; i < 3; i++)
		must(unit_wait(children[i]) == CHILD_GOOD);
	tap_note("  %lu handlers, %lu of their blocks refused, %lu lost", *handled,
		*refused_to_handler, (unsigned long)figures().lost_blocks);
	must(*errors == 0 && *handled > 1000 && fondue_heap_check(NULL, NULL) == 0);
	must(figures().blocks == 0);
	return CHILD_GOOD;
}

int main(void)
{
	errors = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!fondue_active() || !figures().size)
		tap_skip_all("to be preloaded");
	if ((void *)errors == MAP_FAILED)
		tap_bail_out("no memory");
	handled = (atomic_ulong *)(errors + 16);
	refused_to_handler = (atomic_ulong *)(errors + 32);
#if defined(__x86_64__)
	if (!has_rseq()) {
		test_heap("between any two instructions of the usual way", play_usual);
		test_heap("while a list is filled and drained", play_slow);
		test_heap("while one of few blocks is", play_batch);
		test_heap("while units are taken", play_large);
	}
#endif
	test_heap("handlers of many threads at once", play_timers);
	return tap_done();
}
