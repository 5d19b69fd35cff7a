/* SPDX-License-Identifier: MIT */
/*
 * Description: children of every birth have an identity of their own, and slots come back
 *
 * A child that the C library does not know of, or that was born before anybody had locked
 * anything, is watched as any other. There are 65,534 slots, and more threads than that
 * come and go in a day.
 */
#include "locking.h"

FONDUE_SHARED static struct board annotated;
static char stack[1 << 16] __attribute__((aligned(64)));

static int run_hold(void *none)
{
	(void)none;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	_exit(work_hold());
}

static pid_t by_fork(void)
{
	return start(work_hold);
}

static pid_t by_clone(void)
{
	return clone(run_hold, stack + sizeof(stack), SIGCHLD, NULL);
}

static pid_t by__fork(void)
{
#ifdef __GLIBC__
	pid_t pid = _Fork();
#else
	pid_t pid = fork();
#endif

	return pid ? pid : run_hold(NULL);
}

/* The owner is a child born so; its death is seen, ours is not taken for it. */
static int dies(pid_t (*how)(void), bool first)
{
	pid_t owner;
	int before;

	if (!first)
		must(is_sound(&board->second)); /* we have an identity that it must not use */
	for (int i = 0; i < 3; i++) {
		before = atomic_load(&board->ready);
		owner = how();
		must(owner > 0 && eventually(atomic_load(&board->ready) > before));
		must(fondue_spin_trylock(&board->lock) == EBUSY);
		must(fondue_spin_unlock(&board->lock) == EPERM);
		must(is_killed(owner));
		alarm(10);
		must(fondue_spin_lock(&board->lock) == EOWNERDEAD);
		must(fondue_spin_unlock(&board->lock) == 0 && is_sound(&board->lock));
		alarm(CHILD_SECONDS);
	}
	return CHILD_GOOD;
}

static int play_fork_first(void)
{
	return dies(by_fork, true);
}

static int play_clone_first(void)
{
	return dies(by_clone, true);
}

static int play__fork_first(void)
{
	return dies(by__fork, true);
}

static int play_clone(void)
{
	return dies(by_clone, false);
}

static int play__fork(void)
{
	return dies(by__fork, false);
}

static int play_vfork(void)
{
	must(fondue_spin_lock(&board->lock) == 0);
	for (int i = 0; i < 5; i++) {
		pid_t pid = vfork();

		if (pid == 0) {
			execle("/bin/true", "true", NULL, (char *[]){ NULL });
			_exit(1);
		}
		must(unit_wait(pid) == 0);
		must(fondue_spin_trylock(&board->lock) == EDEADLK);
	}
	must(fondue_spin_unlock(&board->lock) == 0 && is_sound(&board->lock));
	return CHILD_GOOD;
}

static int work_busy(void)
{
	return fondue_spin_trylock(&board->lock) == EBUSY ? CHILD_GOOD : 1;
}

static int work_hold_till_told(void)
{
	must(fondue_spin_lock(&board->second) == 0);
	atomic_fetch_add(&board->ready, 1);
	while (!atomic_load(&board->go))
		sched_yield();
	return fondue_spin_unlock(&board->second) == 0 ? CHILD_GOOD : 1;
}

/*
 * The child of a vfork() that has to wait does so in its parent's memory, by its parent's
 * name: it must not give that another life, which ends with the child.
 */
static int play_vfork_waits(void)
{
	pid_t owner = start_ready(work_hold_till_told), pid;

	must(owner > 0 && is_sound(&board->lock));
	pid = vfork();
	if (pid == 0) {
		struct timespec soon = time_at(now() + 20 * MS);

		_exit(fondue_spin_timedlock(&board->second, &soon) == ETIMEDOUT ? 0 : 1);
	}
	must(unit_wait(pid) == 0);
	must(fondue_spin_lock(&board->lock) == 0);
	must(unit_wait(start(work_busy)) == CHILD_GOOD);
	must(fondue_spin_unlock(&board->lock) == 0 && is_sound(&board->lock));
	atomic_store(&board->go, 1);
	must(unit_wait(owner) == CHILD_GOOD);
	return CHILD_GOOD;
}

/* Of two locks that its parent holds, none is a bare system call's child's. */
static int play_raw_idle(void)
{
	pid_t pid;

	must(is_sound(&board->lock));
	pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		while (!atomic_load(&board->go))
			sched_yield();
		_exit(fondue_spin_trylock(&board->lock) == EBUSY &&
					      fondue_spin_trylock(&board->second) == EBUSY ?
				      CHILD_GOOD :
				      1);
	}
	must(fondue_spin_lock(&board->lock) == 0 && fondue_spin_lock(&board->second) == 0);
	atomic_store(&board->go, 1);
	must(unit_wait(pid) == CHILD_GOOD);
	must(fondue_spin_unlock(&board->second) == 0 && fondue_spin_unlock(&board->lock) == 0);
	return CHILD_GOOD;
}

/* The kernel is asked directly: such a child signs as its parent until it has to wait. */
static int work_raw(void)
{
	for (int i = 0; i < 2000; i++) {
		if (fondue_spin_lock(&board->lock))
			return 1;
		board->counter++;
		if (fondue_spin_unlock(&board->lock))
			return 2;
	}
	return CHILD_GOOD;
}

static int play_raw(void)
{
	pid_t children[4];

	must(is_sound(&board->lock));
	for (int i = 0; i < 4; i++)
		if ((children[i] = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)) == 0)
			_exit(work_raw());
	/* the parent is not among them: with one name for two, "held already" may be a lie */
	for (int i = 0; i < 4; i++)
		must(unit_wait(children[i]) == CHILD_GOOD);
	must(board->counter == 8000 && is_sound(&board->lock));
	return CHILD_GOOD;
}

static int work_raw_hold(void)
{
	bool good = fondue_spin_lock(&board->lock) == 0;

	atomic_fetch_add(&board->ready, 1);
	good = good && eventually(atomic_load(&board->go)) &&
	       fondue_spin_unlock(&board->lock) == 0;
	return good ? CHILD_GOOD : 1;
}

/* What it finds in the word is its own name, but it is its sibling who has the lock. */
static int play_raw_sibling(void)
{
	pid_t holder, other;

	must(is_sound(&board->lock));
	if ((holder = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)) == 0)
		_exit(work_raw_hold());
	must(eventually(atomic_load(&board->ready) == 1));
	if ((other = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)) == 0)
		_exit(fondue_spin_trylock(&board->lock) == EBUSY ? CHILD_GOOD : 1);
	must(unit_wait(other) == CHILD_GOOD);
	atomic_store(&board->go, 1);
	must(unit_wait(holder) == CHILD_GOOD);
	must(is_sound(&board->lock));
	return CHILD_GOOD;
}

/* It has to wait for a second lock while it holds one: that one is still its to release. */
static int play_raw_nested(void)
{
	pid_t owner, child;
	int before;

	must(is_sound(&board->lock));
	owner = start_ready(work_hold);
	before = atomic_load(&board->ready);
	child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (child == 0) {
		bool good = fondue_spin_lock(&board->second) == 0;

		atomic_fetch_add(&board->ready, 1);
		good = good && fondue_spin_lock(&board->lock) == EOWNERDEAD &&
		       fondue_spin_unlock(&board->lock) == 0 &&
		       fondue_spin_unlock(&board->second) == 0;
		_exit(good ? CHILD_GOOD : 1);
	}
	must(eventually(atomic_load(&board->ready) > before) && eventually(is_parked(child)));
	must(is_killed(owner) && unit_wait(child) == CHILD_GOOD);
	alarm(10);
	must(is_sound(&board->second) && is_sound(&board->lock));
	return CHILD_GOOD;
}

static int take_once(void)
{
	return fondue_spin_lock(&board->lock) || fondue_spin_unlock(&board->lock) ? 1 : 0;
}

/* Children come and go, @count of them; each one's death would be noticed to the last. */
static int come_and_go(int count, bool first)
{
	if (!first)
		must(is_sound(&board->lock));
	for (int i = 0; i < count; i++) {
		/* the cheapest child there is: of the process's memory it copies the most needed */
		pid_t pid = fork();

		if (pid == 0)
			_exit(take_once());
		must(unit_wait(pid) == 0);
	}
	return dies(by_fork, first);
}

static int how_many = 3000;

static int play_reuse(void)
{
	return come_and_go(how_many, false);
}

static int play_reuse_first(void)
{
	return come_and_go(how_many, true);
}

static void *take_in_thread(void *none)
{
	(void)none;
	return (void *)(uintptr_t)take_once();
}

static int play_threads(void)
{
	for (int i = 0; i < how_many; i++) {
		pthread_t thread;
		void *result;

		must(pthread_create(&thread, NULL, take_in_thread, NULL) == 0);
		must(pthread_join(thread, &result) == 0 && !result);
	}
	return dies(by_fork, false);
}

static int play_killed(void)
{
	for (int i = 0; i < how_many / 10; i++) {
		pid_t pid = start(work_hold);

		while (atomic_load(&board->ready) <= i)
			sched_yield();
		must(is_killed(pid));
	}
	must(board->got[GOT_DEAD] == how_many / 10 - 1 && board->got[GOT_ZERO] == 1);
	must(fondue_spin_lock(&board->lock) == EOWNERDEAD);
	must(fondue_spin_unlock(&board->lock) == 0 && is_sound(&board->lock));
	return CHILD_GOOD;
}

/* The number of the slot that a lock names, when we hold it: how many are in use, about. */
static uint32_t slot_now(void)
{
	uint32_t word;

	fondue_spin_lock(&board->lock);
	word = board->lock.word;
	fondue_spin_unlock(&board->lock);
	return word & 0xffff;
}

static int work_slot(void)
{
	atomic_store(&board->tid, slot_now());
	return CHILD_GOOD;
}

/* Far fewer slots were used than children were: those who never locked before fork, too. */
static int play_dense(void)
{
	for (int i = 0; i < 500; i++)
		must(unit_wait(start(work_slot)) == CHILD_GOOD);
	tap_note("slot of the last: %ld", atomic_load(&board->tid));
	must(atomic_load(&board->tid) < 15000);
	return CHILD_GOOD;
}

int main(int argc, char **argv)
{
	struct board *b = &annotated;

	if (argc > 1)
		how_many = atoi(argv[1]); /* 70000: more than there are slots */
	/* before anything here has locked: the parent has no identity to inherit */
	test("a killed child of fork() is seen, its parent never having locked",
		plays_on(b, play_fork_first));
	test("so is one of clone()", plays_on(b, play_clone_first));
	test("so is one of _Fork()", plays_on(b, play__fork_first));
	test("a killed child of clone() is not its parent", plays_on(b, play_clone));
	test("nor is one of _Fork()", plays_on(b, play__fork));
	test("vfork() and exec under the lock leave it alone", plays_on(b, play_vfork));
	test("who waits in the child of a vfork() does not end its parent's identity",
		plays_on(b, play_vfork_waits));
	test("a bare system call's child does not take its parent's two locks for its own",
		plays_on(b, play_raw_idle));
	test("children of bare system calls exclude one another", plays_on(b, play_raw));
	test("one does not take its sibling's lock for its own", plays_on(b, play_raw_sibling));
	test("such a child keeps what it holds when it waits", plays_on(b, play_raw_nested));
	test("slots of processes come back", plays_on(b, play_reuse));
	test("they do if the parent never locks", plays_on(b, play_reuse_first));
	test("slots of threads come back", plays_on(b, play_threads));
	test("slots of killed owners come back", plays_on(b, play_killed));
	test("the table stays dense", plays_on(b, play_dense));
	return tap_done();
}
