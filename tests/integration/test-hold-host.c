/* SPDX-License-Identifier: MIT */
/*
 * Description: who reports, and of whom is reported, notices nothing of it
 *
 * FONDUE_HOLD_MS=20. The host is looked at from inside before and after, as far as it can see;
 * and reports are made where the loader or the allocator is in somebody's hands for ever.
 * Standard error is a file opened for appending: what is said there is read from it.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>

#include "held.h"

FONDUE_SHARED static struct board annotated;

/* All of /proc/self/status that speaks of signals, and what is mapped: how many, how much. */
struct seen {
	unsigned descriptors, mappings;
	char signals[512];
	stack_t stack;
	sigset_t mask;
	struct sigaction actions[NSIG];
};

static void see_status(struct seen *seen)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];

	while (status && fgets(line, sizeof(line), status))
		if (!strncmp(line, "Sig", 3) && strncmp(line, "SigQ", 4))
			strcat(seen->signals, line);
	if (status)
		fclose(status);
}

static unsigned count_lines(const char *path)
{
	FILE *file = fopen(path, "r");
	unsigned count = 0;

	for (int c; file && (c = fgetc(file)) != EOF;)
		count += c == '\n';
	if (file)
		fclose(file);
	return count;
}

static struct seen see(void)
{
	struct seen seen;

	memset(&seen, 0, sizeof(seen));
	seen.descriptors = count_descriptors();
	see_status(&seen);
	sigaltstack(NULL, &seen.stack);
	sigprocmask(SIG_SETMASK, NULL, &seen.mask);
	for (int i = 1; i < NSIG; i++) {
		sigaction(i, NULL, &seen.actions[i]);
		/* the kernel's is one word; the rest is what libc had on its stack */
		memset((char *)&seen.actions[i].sa_mask + 8, 0, sizeof(sigset_t) - 8);
	}
	/* last: what it takes itself is mapped by now */
	seen.mappings = count_lines("/proc/self/maps");
	seen.mappings = count_lines("/proc/self/maps");
	return seen;
}

static void on_signal(int number)
{
	(void)number;
}

/* Be special: a handler, a stack for it, a mask, a signal ignored. */
static void be_special(void)
{
	static char room[65536];
	const stack_t stack = { .ss_sp = room, .ss_size = sizeof(room) };
	const struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };
	sigset_t mask;

	sigaltstack(&stack, NULL);
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGUSR2, &action, NULL);
	signal(SIGTERM, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGHUP);
	sigprocmask(SIG_BLOCK, &mask, NULL);
}

static bool wait_in_vain(long long ms)
{
	struct timespec deadline = time_at(now() + ms * MS);

	return fondue_spin_timedlock(&board->lock, &deadline) == ETIMEDOUT;
}

/* Wait until @n reports have been made of it: each comes after twice the time of the last. */
static bool wait_for_reports(unsigned n)
{
	for (unsigned i = 0; i < 8 && !report(n - 1); i++)
		if (!wait_in_vain(2 * LIMIT_MS << (n + i)))
			return false;
	return report(n - 1) != 0;
}

static int play_waiter(void)
{
	pid_t owner = start_ready(work_hold);
	struct seen before, after;

	must(owner > 0);
	be_special();
	/* from its first lock on the process has a handler for SIGURG */
	must(is_sound(&board->second));
	before = see();
	errno = 4711;
	must(wait_for_reports(1));
	errno = 4711;
	must(wait_in_vain(3 * LIMIT_MS) && errno == 4711);
	after = see();
	must(before.mappings == after.mappings && before.descriptors == after.descriptors);
	must(!strcmp(before.signals, after.signals));
	must(!memcmp(&before, &after, sizeof(before)));
	must(waitpid(-1, NULL, WNOHANG) == 0); /* the owner alone, who lives */
	must(is_killed(owner) && waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
	return CHILD_GOOD;
}

/* A daemon closes all that it knows nothing of. */
static int play_closed(void)
{
	pid_t owner = start_ready(work_hold);
	unsigned before;
	int kept[2];

	must(owner > 0);
	for (int fd = 0; fd < 64; fd++)
		if (fd != STDERR_FILENO)
			close(fd);
	must(pipe(kept) == 0 && kept[0] == 0 && kept[1] == 1);
	must(write(1, "ABCD", 4) == 4);
	before = next_descriptor();
	must(wait_for_reports(3) && (unsigned)next_descriptor() == before);
	char bytes[8] = "";
	must(read(0, bytes, sizeof(bytes)) == 4 && !strcmp(bytes, "ABCD"));
	must(is_killed(owner));
	return CHILD_GOOD;
}

/* The owner as it sees itself, while it holds the lock and is looked at. */
static int work_hold_and_compare(void)
{
	struct seen before, after;

	be_special();
	must(fondue_spin_lock(&board->lock) == 0);
	before = see();
	atomic_fetch_add(&board->ready, 1);
	while (!atomic_load(&board->go))
		must(usleep(1000) == 0); /* no EINTR */
	after = see();
	must(!memcmp(&before, &after, sizeof(before)));
	return fondue_spin_unlock(&board->lock) == 0 ? CHILD_GOOD : 1;
}

static int play_owner(void)
{
	pid_t owner = start_ready(work_hold_and_compare);

	must(owner > 0 && wait_for_reports(4));
	atomic_store(&board->go, 1);
	must(unit_wait(owner) == CHILD_GOOD);
	return CHILD_GOOD;
}

/* As once sufficed; on processors with large registers it is too little for any signal. */
static int work_spin_with_little(void)
{
	static char room[2048];
	const stack_t stack = { .ss_sp = room, .ss_size = sizeof(room) };

	if (atomic_load(&board->left))
		must(sigaltstack(&stack, NULL) == 0);
	must(fondue_spin_lock(&board->lock) == 0);
	if (!atomic_load(&board->left))
		must(sigaltstack(&stack, NULL) == 0);
	atomic_fetch_add(&board->ready, 1);
	while (!atomic_load(&board->go))
		;
	return fondue_spin_unlock(&board->lock) == 0 ? CHILD_GOOD : 1;
}

static int play_small_signal_stack(void)
{
	for (int early = 0; early < 2; early++) {
		pid_t owner;

		atomic_store(&board->left, early);
		atomic_store(&board->go, 0);
		owner = start_ready(work_spin_with_little);
		must(owner > 0 && wait_for_reports(2));
		atomic_store(&board->go, 1);
		must(unit_wait(owner) == CHILD_GOOD);
		forget();
	}
	return CHILD_GOOD;
}

#define MANY 200

/* Each wait that gives up is the end of what was reported: so they are told anew. */
static int play_no_leak(void)
{
	unsigned before, after, reports = 0;
	pid_t owner = start_ready(work_hold);

	must(owner > 0 && fondue_spin_set_hold_limit(&board->lock, 1) == 0);
	must(wait_for_reports(1));
	before = count_lines("/proc/self/maps");
	before = count_lines("/proc/self/maps");
	for (unsigned i = 0; reports < MANY && i < 10 * MANY; i++) {
		must(is_killed(owner));
		must(unit_wait(start(work_take)) == CHILD_GOOD);
		reports += count_said(" held ");
		forget();
		owner = start_ready(work_hold);
		must(owner > 0 && wait_in_vain(6));
	}
	after = count_lines("/proc/self/maps");
	must(reports >= MANY && after == before);
	must(is_killed(owner));
	return CHILD_GOOD;
}

/* A thread with as small a stack as there is, of which it has used most. */
static void *wait_with_little(void *arg)
{
	volatile char used[8 * 1024];

	used[0] = used[sizeof(used) - 1] = 1;
	*(bool *)arg = wait_until_said(&board->lock, " held ");
	return NULL;
}

static bool reports_in_thread(void)
{
	pthread_attr_t small;
	pthread_t thread;
	bool good = false;

	return pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, 16384) == 0 &&
	       pthread_create(&thread, &small, wait_with_little, &good) == 0 &&
	       pthread_join(thread, NULL) == 0 && good &&
	       report(0);
}

static int play_small_stack(void)
{
	pid_t owner = start_ready(work_hold);

	must(owner > 0 && reports_in_thread());
	must(is_killed(owner));
	return CHILD_GOOD;
}

/* A library's constructor that does not return: the loader's lock is its thread's. */
static void *load_for_ever(void *path)
{
	return dlopen(path, RTLD_NOW);
}

static int play_loader(void)
{
	pid_t owner = start_ready(work_hold);
	pthread_t thread;
	char ready[16];

	must(owner > 0);
	snprintf(ready, sizeof(ready), "%p", (void *)&board->left);
	setenv("STUCK_READY", ready, 1);
	must(pthread_create(&thread, NULL, load_for_ever,
		     (void *)run_beside("plugins/stuck.so")) == 0);
	must(eventually(atomic_load(&board->left) == 1));
	must(wait_for_reports(3));
#ifdef __GLIBC__ /* elsewhere there is no unwinder that gets so far */
	must(is_said("main+"));
#endif
	must(is_killed(owner));
	return CHILD_GOOD;
}

#ifdef __GLIBC__
/* Its locks may be in anybody's hands: so the allocator is not to be called. Here it counts. */
static atomic_bool kept;
static atomic_uint calls;

static int play_allocator(void)
{
	pid_t owner = start_ready(work_hold);

	must(owner > 0);
	atomic_store(&kept, true);
	must(wait_until_said(&board->lock, " held "));
	atomic_store(&kept, false);
	must(report(0) && atomic_load(&calls) == 0);
	must(is_killed(owner));
	return CHILD_GOOD;
}

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *at, size_t size);
extern void __libc_free(void *at);

void *malloc(size_t size)
{
	if (atomic_load(&kept))
		atomic_fetch_add(&calls, 1);
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	if (atomic_load(&kept))
		atomic_fetch_add(&calls, 1);
	return __libc_calloc(count, size);
}

void *realloc(void *at, size_t size)
{
	if (atomic_load(&kept))
		atomic_fetch_add(&calls, 1);
	return __libc_realloc(at, size);
}

void free(void *at)
{
	if (atomic_load(&kept))
		atomic_fetch_add(&calls, 1);
	__libc_free(at);
}
#endif

/* While one thread reports all the time, another one forks: each child can report as well. */
static void *report_on(void *arg)
{
	(void)arg;
	while (!atomic_load(&board->go))
		(void)wait_in_vain(2);
	return NULL;
}

static int work_report_in_child(void)
{
	forget();
	must(wait_in_vain(4));
	return CHILD_GOOD;
}

#define CHILDREN 300

static int play_forks(void)
{
	pid_t owner = start_ready(work_hold);
	long long end = now() + 3000 * MS;
	pthread_t thread;

	must(owner > 0 && fondue_spin_set_hold_limit(&board->lock, 1) == 0);
	must(pthread_create(&thread, NULL, report_on, NULL) == 0);
	for (unsigned i = 0; i < CHILDREN && now() < end; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			alarm(10);
			_exit(work_report_in_child());
		}
		must(unit_wait(pid) == CHILD_GOOD);
	}
	atomic_store(&board->go, 1);
	must(pthread_join(thread, NULL) == 0);
	must(is_killed(owner));
	return CHILD_GOOD;
}

/* It has its parent's memory, and comes before the parent is known to be asked. */
static int work_vfork_and_run(void)
{
	struct sigaction none = { .sa_handler = SIG_DFL };
	pid_t pid = vfork();

	if (pid == 0) {
		sigaction(SIGURG, &none, NULL);
		_exit(0);
	}
	must(unit_wait(pid) == 0 && fondue_spin_lock(&board->lock) == 0);
	atomic_fetch_add(&board->ready, 1);
	for (;;)
		;
}

static int play_vfork(void)
{
	pid_t owner;

	/* from then on children have a handler, if they have not locked anything themselves */
	must(fondue_spin_lock(&board->lock) == 0 && fondue_spin_unlock(&board->lock) == 0);
	owner = start_ready(work_vfork_and_run);
	must(owner > 0 && wait_until_said(&board->lock, "told by itself"));
	must(is_killed(owner));
	return CHILD_GOOD;
}

int main(void)
{
	if (!held_begin())
		tap_skip_all("to be preloaded");
	test_hold(&annotated, "who reports keeps errno, descriptors, signals, stacks, children, "
			      "and what it has mapped", play_waiter);
	test_hold(&annotated, "... with descriptors that were closed before, and are others now",
		play_closed);
	test_hold(&annotated, "of whom is reported as well, and no call of it is interrupted",
		play_owner);
	test_hold(&annotated, "200 reports leave nothing mapped", play_no_leak);
	test_hold(&annotated, "8 KiB of stack are enough", play_small_stack);
	test_hold(&annotated, "an owner whose stack for signals is too small for one lives",
		play_small_signal_stack);
	test_hold(&annotated, "a report ends while another thread has the loader's lock for ever",
		play_loader);
#ifdef __GLIBC__
	test_hold(&annotated, "a report calls no malloc() and no free()", play_allocator);
#else
	skip("a report calls no malloc()", "this library's cannot be called by another name");
#endif
	test_hold(&annotated, "children forked while a thread reports can report", play_forks);
	test_hold(&annotated, "a forked child whose vfork()ed child set an action is asked itself",
		play_vfork);
	return tap_done();
}
