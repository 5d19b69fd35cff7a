/* SPDX-License-Identifier: MIT */
/*
 * Description: two orders of the same locks are told of, before they meet
 *
 * Played with FONDUE_LOCKORDER=1. Nothing here ever deadlocks: the orders come one after
 * the other. What one play has taught the family is forgotten by fondue_spin_init().
 */
#include "heard.h"
#include "locking.h"

#define LOCKS 10000

FONDUE_SHARED static struct board annotated;
FONDUE_SHARED_ZERO static fondue_spinlock_t plenty[LOCKS];
static fondue_spinlock_t own[2]; /* of each process */

#define A (&board->many[0])
#define B (&board->many[1])
#define C (&board->many[2])

static unsigned reports(void)
{
	return heard_count("lock order: takes");
}

static __attribute__((noinline)) bool take(fondue_spinlock_t *lock)
{
	return fondue_spin_lock(lock) == 0;
}

static bool leave(fondue_spinlock_t *lock)
{
	return fondue_spin_unlock(lock) == 0;
}

/* One under the other. */
static bool nest(fondue_spinlock_t *outer, fondue_spinlock_t *inner)
{
	return take(outer) && take(inner) && leave(inner) && leave(outer);
}

/* The same, in a process of its own. Return: that one's number, 0: it has failed. */
static pid_t nest_elsewhere(fondue_spinlock_t *outer, fondue_spinlock_t *inner)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(nest(outer, inner) ? CHILD_GOOD : 1);
	return unit_wait(pid) == CHILD_GOOD ? pid : 0;
}

static __attribute__((noinline)) bool first_order(void)
{
	bool good = fondue_spin_lock(A) == 0;

	return good && fondue_spin_lock(B) == 0 && leave(B) && leave(A);
}

static __attribute__((noinline)) bool second_order(void)
{
	bool good = fondue_spin_lock(B) == 0;

	return good && fondue_spin_lock(A) == 0 && leave(A) && leave(B);
}

/* As the runtime names it. */
static const char *name_of(const fondue_spinlock_t *lock)
{
	static char names[4][64];
	static unsigned next;
	char *name = names[next++ % 4];

	snprintf(name, sizeof(names[0]), "lock annotated+0x%zx (test-",
		(const char *)lock - (const char *)&annotated);
	return name;
}

/* One after the other in one line of what was heard? */
static bool is_said(unsigned count, const char *const *parts)
{
	for (const char *line = heard(), *end; *line; line = *end ? end + 1 : end) {
		const char *at = line;
		unsigned i = 0;

		end = strchrnul(line, '\n');
		for (; i < count && (at = strstr(at, parts[i])) && at < end; i++)
			at += strlen(parts[i]);
		if (i == count)
			return true;
	}
	return false;
}

#define IS_SAID(...)                                                                     \
	is_said(sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(const char *),          \
		(const char *[]){ __VA_ARGS__ })

static const char *number(const char *format, long value)
{
	static char text[64];

	snprintf(text, sizeof(text), format, value);
	return text;
}

static int play_two(void)
{
	must(first_order() && !reports());
	must(second_order() && reports() == 1);
	must(IS_SAID("takes ", name_of(A), " at second_order+0x", " while holding ", name_of(B),
		" (taken at second_order+0x", "; the other order was seen, too: not a deadlock"));
	must(IS_SAID(number("  before  pid %ld took ", getpid()), name_of(B),
		" at first_order+0x", " while holding ", name_of(A), " (taken at first_order+0x"));
	return CHILD_GOOD;
}

static int play_two_processes(void)
{
	pid_t first = nest_elsewhere(A, B), second;

	must(first && !reports());
	second = nest_elsewhere(B, A);
	must(second && reports() == 1);
	must(IS_SAID(number("fondue[%ld]: lock order", second), name_of(A), name_of(B)));
	must(IS_SAID(number("  before  pid %ld took ", first), name_of(B), " at take+0x",
		name_of(A), " (taken at take+0x"));
	return CHILD_GOOD;
}

static int play_three(void)
{
	must(nest_elsewhere(A, B) && nest_elsewhere(B, C) && !reports());
	must(nest_elsewhere(C, A) && reports() == 1);
	must(heard_count("with 2 other orders it makes a circle") == 1);
	must(heard_count("  before  pid") == 2);
	return CHILD_GOOD;
}

static int play_long_circle(void)
{
	for (unsigned i = 0; i < 15; i++)
		must(nest(&board->many[i], &board->many[i + 1]));
	must(!reports() && nest(&board->many[15], A) && reports() == 1);
	must(heard_count("with 15 other orders") == 1 && heard_count("  before  8 more") == 1);
	must(heard_count("  before  pid") == 7);
	return CHILD_GOOD;
}

static int work_both_orders(void)
{
	for (unsigned i = 0; i < 1000; i++) {
		must(take(&board->lock)); /* or they would deadlock */
		must(nest(A, B) && nest(B, A));
		must(leave(&board->lock));
	}
	return CHILD_GOOD;
}

static int play_once(void)
{
	pid_t pids[20];

	for (unsigned i = 0; i < 20; i++)
		pids[i] = start(work_both_orders);
	for (unsigned i = 0; i < 20; i++)
		must(unit_wait(pids[i]) == CHILD_GOOD);
	must(reports() == 1);
	return CHILD_GOOD;
}

/* Some of them, always the lower first. */
static int work_in_order(void)
{
	uint64_t state = my_tid() * 0x9e3779b97f4a7c15ULL;

	for (unsigned run = 0; run < 25000; run++) {
		uint64_t which = next_random(&state) & next_random(&state) & 0xffff;

		for (unsigned i = 0; i < 16; i++)
			must(!(which >> i & 1) || take(&board->many[i]));
		for (unsigned i = 0; i < 16; i++)
			must(!(which >> i & 1) || leave(&board->many[i]));
	}
	return CHILD_GOOD;
}

static int play_in_order(void)
{
	pid_t pids[4];

	for (unsigned i = 0; i < 4; i++)
		pids[i] = start(work_in_order);
	for (unsigned i = 0; i < 4; i++)
		must(unit_wait(pids[i]) == CHILD_GOOD);
	must(!*heard());
	must(nest(&board->many[15], A) && reports() == 1); /* but that is not */
	return CHILD_GOOD;
}

static int play_trylock(void)
{
	must(nest(A, B));
	must(take(B) && fondue_spin_trylock(A) == 0 && leave(A) && leave(B));
	must(!reports());
	must(fondue_spin_trylock(B) == 0 && take(C) && leave(C) && leave(B));
	must(nest(C, B) && reports() == 1); /* what was got so counts as held */
	return CHILD_GOOD;
}

static int play_timedlock(void)
{
	struct timespec later = time_at(now() + 10000 * MS);

	must(nest(A, B));
	must(take(B) && fondue_spin_timedlock(A, &later) == 0 && leave(A) && leave(B));
	must(reports() == 1);
	return CHILD_GOOD;
}

static int play_scoped(void)
{
	{
		FONDUE_SCOPED_LOCK(A);
		FONDUE_SCOPED_LOCK(B);
	}
	must(!reports());
	{
		FONDUE_SCOPED_LOCK(B);
		FONDUE_SCOPED_LOCK(A);
	}
	must(reports() == 1 && is_sound(A) && is_sound(B));
	return CHILD_GOOD;
}

static int play_may_nest(void)
{
	must(fondue_spin_may_nest(B, A) == 0);
	must(nest(A, B) && nest(B, A) && !reports());
	must(nest_elsewhere(A, B) && nest_elsewhere(B, A) && !reports());
	must(nest(A, C) && nest(C, A) && reports() == 1);
	return CHILD_GOOD;
}

static int play_init(void)
{
	must(nest(A, B) && nest(B, C));
	fondue_spin_init(B); /* another lock now */
	must(nest(B, A) && nest(C, B) && !reports());
	must(nest(A, B) && reports() == 1);
	return CHILD_GOOD;
}

static int play_many(void)
{
	for (unsigned i = 0; i < 40; i++)
		must(take(&plenty[i]));
	must(heard_count("a thread holds more than 16") == 1);
	for (unsigned i = 0; i < 40; i++)
		must(leave(&plenty[i]));
	for (unsigned i = 0; i < 20; i++)
		must(take(&plenty[i]));
	for (unsigned i = 20; i-- > 0;)
		must(leave(&plenty[i]));
	must(heard_count("more than 16") == 1 && !reports());
	must(nest(&plenty[1], &plenty[0]) && reports() == 1);
	must(nest(&plenty[19], &plenty[0]) && reports() == 2); /* taken, if not listed */
	return CHILD_GOOD;
}

static int play_private(void)
{
	must(nest_elsewhere(&own[0], &own[1]) && nest_elsewhere(&own[1], &own[0]));
	must(nest(&own[0], &own[1]) && !reports());
	must(nest(&own[1], &own[0]) && reports() == 1);
	return CHILD_GOOD;
}

static void *map_shared(int file, void *at)
{
	return mmap(at, page_size(), PROT_READ | PROT_WRITE,
		MAP_SHARED | (file < 0 ? MAP_ANONYMOUS : 0) | (at ? MAP_FIXED : 0), file, 0);
}

static bool nests_in_memory_of_its_own(void *at, unsigned outer)
{
	fondue_spinlock_t *locks;
	pid_t pid = fork();

	if (pid != 0)
		return unit_wait(pid) == CHILD_GOOD;
	locks = map_shared(-1, at);
	_exit(locks == at && nest(&locks[outer], &locks[1 - outer]) ? CHILD_GOOD : 1);
}

/* Shared, but not with one another: at one address in both. */
static int play_not_the_same(void)
{
	void *at = map_shared(-1, NULL);

	must(nests_in_memory_of_its_own(at, 0) && nests_in_memory_of_its_own(at, 1));
	must(!reports());
	return CHILD_GOOD;
}

/* One memory at two addresses. */
static int play_the_same(void)
{
	int file = memfd_create("locks", 0);
	fondue_spinlock_t *here, *there;

	must(file >= 0 && ftruncate(file, page_size()) == 0);
	here = map_shared(file, NULL);
	there = map_shared(file, NULL);
	must(here != MAP_FAILED && there != MAP_FAILED);
	must(nest(&here[0], &here[1]) && !reports());
	must(nest(&there[1], &there[0]) && reports() == 1);
	must(take(&here[0]) && fondue_spin_lock(&there[0]) == EDEADLK && leave(&here[0]));
	must(reports() == 1);
	return CHILD_GOOD;
}

static pid_t raw_fork(void)
{
#if defined(SYS_fork)
	return syscall(SYS_fork);
#else
	return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
#endif
}

/* What is held stays its parent's, however the child was made. */
static int nest_under_fork(pid_t (*make)(void))
{
	pid_t pid;

	must(take(A));
	pid = make();
	if (pid == 0)
		_exit(nest(B, C) ? CHILD_GOOD : 1); /* A is not held: neither under it */
	must(unit_wait(pid) == CHILD_GOOD && leave(A));
	must(nest(B, A) && nest(C, A) && !reports());
	must(nest(A, B) && reports() == 1);
	return CHILD_GOOD;
}

static pid_t plain_fork(void)
{
	return fork();
}

static int play_fork(void)
{
	return nest_under_fork(plain_fork);
}

static int play_raw_fork(void)
{
	return nest_under_fork(raw_fork);
}

/* One that holds nothing is seen to be another process with its first lock. */
static int play_raw_idle(void)
{
	pid_t pid;

	must(nest(&own[0], &own[1]));
	pid = raw_fork();
	if (pid == 0)
		_exit(nest(&own[1], &own[0]) && nest(A, B) ? CHILD_GOOD : 1);
	must(unit_wait(pid) == CHILD_GOOD && !reports());
	must(nest(B, A) && reports() == 1);
	must(IS_SAID(number("  before  pid %ld took", pid)));
	return CHILD_GOOD;
}

static unsigned my_slot(void)
{
	const struct fondue_self *self = (void *)(fondue_thread_() + fondue_binding_.self);

	return self->word & 0xffff;
}

/* Return: its slot. */
static void *hold_and_end(void *unused)
{
	(void)unused;
	return take(A) ? (void *)(uintptr_t)my_slot() : NULL;
}

static void *nest_in_slot(void *unused)
{
	(void)unused;
	return nest(B, C) ? (void *)(uintptr_t)my_slot() : NULL;
}

/* A thread's list is its own, and the next owner of its slot begins with an empty one. */
static int play_left_behind(void)
{
	void *slot, *other = NULL;
	pthread_t thread;

	must(pthread_create(&thread, NULL, hold_and_end, NULL) == 0);
	must(pthread_join(thread, &slot) == 0 && slot);
	must(eventually(fondue_spin_lock(A) == EOWNERDEAD) && leave(A));
	for (unsigned i = 0; i < 1000 && other != slot; i++) {
		must(pthread_create(&thread, NULL, nest_in_slot, NULL) == 0);
		must(pthread_join(thread, &other) == 0 && other);
	}
	must(other == slot);
	must(nest(B, A) && nest(C, A) && !reports());
	return CHILD_GOOD;
}

#if defined(__x86_64__)
static volatile long step, at;
static volatile long acted;

#define UNDER(i)   (&plenty[i])
#define HANDLED(i) (&plenty[LOCKS / 2 + (i)])

/* Between any two instructions; B and C only while A is not held, as its word says. */
static void on_trap(int number)
{
	(void)number;
	if (step++ != at)
		return;
	if (__atomic_load_n(&A->word, __ATOMIC_SEQ_CST) == 0)
		acted += nest(B, C);
	acted += nest(HANDLED(at), &board->second);
}

#define STEPPED(call)                                                                    \
	do {                                                                             \
		__asm__ volatile("pushfq; orq $256, (%%rsp); popfq" ::: "memory", "cc"); \
		call;                                                                    \
		__asm__ volatile("pushfq; andq $~256, (%%rsp); popfq" ::: "memory",      \
			"cc");                                                           \
	} while (0)

static int play_signals(void)
{
	struct sigaction action = { .sa_handler = on_trap };
	bool good = true;

	must(nest(B, A) && nest(C, A)); /* so A -> B or A -> C would be told of */
	must(sigaction(SIGTRAP, &action, NULL) == 0);
	for (at = 0; step >= at && at < LOCKS / 2; at++) {
		step = 0;
		STEPPED(good &= take(A));
		must(good && take(UNDER(at)) && leave(UNDER(at)));
		STEPPED(good &= leave(A));
		must(good);
	}
	must(at > 100 && acted > at && !*heard());
	/* each time it was known what was held, here and there; each that is told of takes a while */
	for (at -= 2; at >= 0; at -= 3) {
		hear_anew();
		must(nest(UNDER(at), A) && reports() == 1);
		must(nest(&board->second, HANDLED(at)) && reports() == 2);
	}
	return CHILD_GOOD;
}
#endif

/* Fills what the whole family has: the last play. */
static int play_full(void)
{
	must(nest(A, B));
	must(take(A));
	for (unsigned i = 0; i < LOCKS; i++)
		must(take(&plenty[i]) && leave(&plenty[i]));
	must(leave(A));
	must(heard_count("lock order: there is no room") == 1 && !reports());
	must(nest_elsewhere(&plenty[1], &plenty[9999]));
	must(nest_elsewhere(&plenty[9999], &plenty[1]));
	must(nest(B, A) && reports() == 1); /* as before */
	must(heard_count("no room") == 1);
	return CHILD_GOOD;
}

static void test_order(const char *claim, int (*play)(void))
{
	bool good;

	board = &annotated;
	for (unsigned i = 0; i < 16; i++)
		fondue_spin_init(&board->many[i]);
	fondue_spin_init(&board->lock);
	fondue_spin_init(&board->second);
	hear_anew();
	good = unit_plays(play);
	if (!good)
		heard_explain();
	test(claim, good);
}

int main(void)
{
	if (!fondue_active())
		tap_skip_all("to be preloaded");
	hear();
	test_order("of two orders in one process both are told, with all four places",
		play_two);
	test_order("of two orders in two processes the second is told, by the other",
		play_two_processes);
	test_order("three orders can make a circle", play_three);
	test_order("a long circle is told as far as there is room", play_long_circle);
	test_order("twenty processes and a thousand times: said once", play_once);
	test_order("a hundred thousand runs in one order: nothing is said", play_in_order);
	test_order("who only tries takes in any order; what he gets, he holds",
		play_trylock);
	test_order("a deadline does not make an order right", play_timedlock);
	test_order("the scoped form has an order, too", play_scoped);
	test_order("a pair that may nest is not told of, others are", play_may_nest);
	test_order("a lock that is made anew is another one", play_init);
	test_order("of more than sixteen held locks the rest is not listed, and it is said once",
		play_many);
	test_order("private locks of two processes are not the same", play_private);
	test_order("nor are those in memory that each has mapped for itself",
		play_not_the_same);
	test_order("but those at two addresses of one memory are", play_the_same);
	test_order("a forked child holds nothing", play_fork);
	test_order("nor does the child of a bare system call", play_raw_fork);
	test_order("whose locks are its own when it holds none", play_raw_idle);
	test_order("what a thread held when it ended its slot's next one does not hold",
		play_left_behind);
#if defined(__x86_64__)
	test_order("a signal handler may come between any two instructions", play_signals);
#else
	skip("a signal handler may come between any two instructions", "not x86-64");
#endif
	test_order("where there is no room it is said once, and what is known stays",
		play_full);
	return tap_done();
}
