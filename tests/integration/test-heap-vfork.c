/* SPDX-License-Identifier: MIT */
/*
 * Description: the child of a vfork() that allocates, though it must not
 *
 * It is not protected as other threads are, which it must find out, and so must its parent
 * that this was the child only. Children that are pushed from processor to processor, while
 * others use the lists there: no block is given twice.
 */
#include <pthread.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "heaping.h"
#include "run.h"

extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

static uint32_t cpu_id(void)
{
	if (!&__rseq_size || !__rseq_size)
		return 0;
	return *(volatile uint32_t *)((char *)__builtin_thread_pointer() + __rseq_offset + 4);
}

static volatile uint32_t in_child, in_grandchild, in_child_again;

static int play_marked(void)
{
	static unsigned i; /* not in a register */
	pid_t pid, other;

	for (i = 0; i < 200; i++) {
		pid = vfork();
		if (pid == 0) {
			in_child = cpu_id();
			_exit(CHILD_GOOD);
		}
		must(pid > 0 && cpu_id() < 4096 && unit_wait(pid) == CHILD_GOOD);
		must(!__rseq_size || in_child > 4096);
		must(!__rseq_size || cpu_id() == (uint32_t)sched_getcpu() ||
			cpu_id() == (uint32_t)sched_getcpu());
	}
	pid = vfork();
	if (pid == 0) {
		other = vfork();
		if (other == 0) {
			in_grandchild = cpu_id();
			_exit(CHILD_GOOD);
		}
		in_child_again = cpu_id();
		_exit(waitpid(other, NULL, 0) == other ? CHILD_GOOD : 1);
	}
	must(unit_wait(pid) == CHILD_GOOD && cpu_id() < 4096);
	must(!__rseq_size || (in_grandchild > 4096 && in_child_again > 4096));
	return CHILD_GOOD;
}

/* What programs use it for. */
static int play_exec(void)
{
	char *const args[] = { "true", NULL };
	pid_t pid;

	for (unsigned i = 0; i < 50; i++) {
		pid = vfork();
		if (pid == 0) {
			execvp("true", args);
			_exit(127);
		}
		must(pid > 0 && unit_wait(pid) == 0);
		must(posix_spawnp(&pid, "true", NULL, NULL, args, NULL) == 0 && unit_wait(pid) == 0);
	}
	return CHILD_GOOD;
}

/* No room for another process: -1, an errno, and the stack as it was. */
static int play_failed(void)
{
	struct rlimit limit = { 1, 1 };
	volatile long before = 0x1234567;
	pid_t pid;

	must(setrlimit(RLIMIT_NPROC, &limit) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
	for (unsigned i = 0; i < 3; i++) {
		errno = 0;
		pid = vfork();
		if (pid == 0)
			_exit(CHILD_GOOD);
		if (pid > 0)
			return CHILD_GOOD; /* whoever runs this may have more */
		must(pid == -1 && errno == EAGAIN && before == 0x1234567 && cpu_id() < 4096);
	}
	return CHILD_GOOD;
}

static volatile bool is_over;
static atomic_int *wrong;

#define HELD 40

/* Of the sizes that all use; nobody may have what we have. */
static void use(unsigned rounds, uint64_t who)
{
	uint64_t *held[HELD] = { NULL };

	for (unsigned n = 0; n < rounds && !is_over; n++) {
		unsigned i = n % HELD;

		if (held[i] && (held[i][0] != who + i || held[i][5] != who + i))
			atomic_fetch_add(wrong, 1);
		fondue_free(held[i]);
		held[i] = fondue_malloc(48);
		if (held[i])
			held[i][0] = held[i][5] = who + i;
	}
	for (unsigned i = 0; i < HELD; i++)
		fondue_free(held[i]);
}

static void *use_always(void *arg)
{
	while (!is_over)
		use(10000, (uintptr_t)arg << 32);
	return NULL;
}

/* To other processors, and back. */
static void *push_about(void *arg)
{
	cpu_set_t all, one;
	uint64_t random = 1;

	sched_getaffinity(0, sizeof(all), &all);
	while (!is_over) {
		CPU_ZERO(&one);
		CPU_SET(next_random(&random) % CPU_COUNT(&all), &one);
		sched_setaffinity(*(volatile pid_t *)arg, sizeof(one), &one);
	}
	return NULL;
}

static int work(void)
{
	static volatile pid_t child;
	pthread_t threads[2];
	uint64_t end = clock_ns() + 4000000000ULL;

	must(pthread_create(&threads[0], NULL, use_always, (void *)(uintptr_t)getpid()) == 0);
	must(pthread_create(&threads[1], NULL, push_about, (void *)&child) == 0);
	while (clock_ns() < end) {
		pid_t pid = vfork();

		if (pid == 0) {
			child = syscall(SYS_getpid);
			use(2000, (uint64_t)child << 32 | 0x1000);
			_exit(CHILD_GOOD);
		}
		must(unit_wait(pid) == CHILD_GOOD);
		use(500, (uint64_t)getpid() << 32 | 0x2000);
	}
	is_over = true;
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	return CHILD_GOOD;
}

static int play_allocating(void)
{
	pid_t children[2];

	for (unsigned i = 0; i < 2; i++)
		children[i] = start(work);
	for (unsigned i = 0; i < 2; i++)
		must(unit_wait(children[i]) == CHILD_GOOD);
	must(*wrong == 0 && fondue_heap_check(NULL, NULL) == 0);
	return CHILD_GOOD;
}

int main(void)
{
	wrong = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!fondue_active() || !figures().size || (void *)wrong == MAP_FAILED)
		tap_skip_all("to be preloaded");
#if !defined(__x86_64__)
	tap_skip_all("only x86-64 has restartable sequences here");
#endif
	test_heap("the child is no registered thread, and its parent is one again", play_marked);
	test_heap("exec and posix_spawn()", play_exec);
	test_heap("when there is no process to be had", play_failed);
	test_heap("children that allocate do no harm", play_allocating);
	return tap_done();
}
