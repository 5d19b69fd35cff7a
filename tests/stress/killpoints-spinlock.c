/* SPDX-License-Identifier: MIT */
/*
 * Description: users of the lock may be killed before any of their instructions
 *
 * Killing at random hits the places where a lock user is for long; the holes are where it
 * is for a nanosecond. So a victim is led through an operation by single steps, and killed
 * after none, one, two, ... of them, until each instruction has been its last (in a loop,
 * for the first eight rounds). After each death those who sleep get the lock, and so does
 * who comes later; and they are told of the death if and only if the victim had the lock,
 * the first of them and nobody else.
 *
 * Which deaths are noticed by nothing but the longest sleep is said, by instruction.
 *
 * Usage: killpoints-spinlock [POINTS [SCENARIO [STEP]]]; to be preloaded. At POINTS steps of
 * each scenario, 0 (the default): at all of them; of those whose name contains SCENARIO; at
 * this STEP alone.
 */
#include <sys/syscall.h>

#include "killpoints.h"

#define FUTEX_WAKE 1 /* <linux/futex.h>, which musl's compiler does not find */

/* musl marks a thread's robust mutexes itself, and wakes some instructions after that. */
#ifdef __GLIBC__
#define THREAD_LEAVES 0
#else
#define THREAD_LEAVES LEAVES
#endif

/* What is stepped. */
static int act_pair(void)
{
	int result = fondue_spin_lock(lock);

	fondue_spin_unlock(lock);
	return result;
}

static int act_nested(void)
{
	int result = 0;

	result |= fondue_spin_lock(lock);
	result |= fondue_spin_lock(second);
	result |= fondue_spin_unlock(second);
	result |= fondue_spin_unlock(lock);
	result |= fondue_spin_lock(second);
	result |= fondue_spin_lock(lock);
	result |= fondue_spin_unlock(second);
	result |= fondue_spin_unlock(lock);
	return result;
}

static int act_unlock(void)
{
	return fondue_spin_unlock(lock);
}

static int act_trylock(void)
{
	return fondue_spin_trylock(lock);
}

static struct timespec deadline;

static int act_timedlock(void)
{
	return fondue_spin_timedlock(lock, &deadline);
}

static int act_exit(void)
{
	_exit(0);
}

static int act_return(void)
{
	return 0;
}

/* What the victim does before. */
static void attach(void)
{
	(void)attach_first();
}

static void attach_and_hold(void)
{
	attach();
	take();
	atomic_store(&stage->holds, 1);
}

static void attach_and_use(void)
{
	attach_and_hold();
	give();
}

static void attach_in_time(void)
{
	attach();
	deadline = time_at(now() + 8 * MS);
}

static void queue(void)
{
	attach();
	atomic_store(&stage->go, 1);
	take();
}

/*
 * A release that comes when the turn is over says that the next shall end it, and wakes a
 * sleeper, who must not be faster than we are.
 */
static void make_hand_off_due(void)
{
	attach_and_hold();
	(void)eventually(atomic_load(&stage->go));
	turn_passes();
	give();
	if (fondue_spin_trylock(lock))
		stage->in_vain = true;
}

/* What the test does. */
static void take_and_sleeper(void)
{
	take();
	sleeper_comes();
}

static void two_sleepers(void)
{
	sleeper_comes();
	sleeper_comes();
}

static void sleeper_at_each(void)
{
	sleeper_comes();
	sleeper_comes_to_second();
}

static void sleeper_and_give(void)
{
	sleeper_comes();
	give();
}

/* The victim is woken, and stopped before it has looked; so the lock is there to be had. */
static void give_and_take(void)
{
	sleeper_comes();
	give();
	take();
}

static void give_take_and_let_time_pass(void)
{
	give_and_take();
	for (long long end = now() + 9 * MS; now() < end;)
		turn_passes();
}

/* The victim's wake is what the reservation is for. */
static void hand_off(void)
{
	sleeper_comes();
	turn_passes();
	give_and_take();
	give();
}

static void queue_behind_victim(void)
{
	(void)(eventually(atomic_load(&stage->go)) && victim_sleeps());
	sleeper_and_give();
}

static void two_queue_behind_victim(void)
{
	(void)(eventually(atomic_load(&stage->go)) && victim_sleeps());
	two_sleepers();
	give();
}

static void sleepers_and_go(void)
{
	(void)eventually(atomic_load(&stage->holds));
	two_sleepers();
	atomic_store(&stage->go, 1);
}

/* Woken, it finds the lock taken and asks for it. */
static void wake_by_hand(void)
{
	sleepers_sleep();
	syscall(SYS_futex, &lock->wait, FUTEX_WAKE, 1, NULL, NULL, 0);
	sleepers_still_sleep();
}

static void owner_dies(void)
{
	holder_comes();
	holder_is_killed();
}

/* Those who sleep are told at once, so they are stopped. */
static void owner_dies_before_sleepers(void)
{
	holder_comes();
	two_sleepers();
	sleepers_freeze();
	holder_is_killed();
}

/* What the passer has seen is that the test has it. */
static void passer_and_give(void)
{
	passer_comes();
	give();
}

static void take_passer_give(void)
{
	take();
	passer_and_give();
}

static void sleeper_and_passer(void)
{
	sleeper_comes();
	passer_comes();
}

static void holder_and_sleeper(void)
{
	holder_comes();
	sleeper_comes();
}

static void holder_gives(void)
{
	atomic_store(&stage->go, 1);
}

static const struct scenario scenarios[] = {
	{ .name = "the first lock of a family", .how = PARENT_NEW, .act = act_pair },
	{ .name = "the first lock of a process", .act = act_pair },
	{ .name = "the first lock of a process, a sleeper comes", .act = act_pair,
		.stopped = sleeper_comes },
	{ .name = "the first lock of a thread, a sleeper comes", .how = IN_THREAD,
		.act = act_pair, .stopped = sleeper_comes },
	{ .name = "lock and unlock", .prepare = attach, .act = act_pair },
	{ .name = "lock and unlock, a sleeper comes", .prepare = attach, .act = act_pair,
		.stopped = sleeper_comes },
	{ .name = "two locks", .prepare = attach, .act = act_nested },
	{ .name = "two locks, a sleeper comes to each", .prepare = attach, .act = act_nested,
		.stopped = sleeper_at_each },
	{ .name = "the way to sleep, behind a sleeper", .how = UNTIL_SLEEP,
		.before = take_and_sleeper, .prepare = attach, .act = act_pair, .after = give },
	{ .name = "the way to sleep, before a sleeper", .how = UNTIL_SLEEP, .before = take,
		.prepare = attach, .act = act_pair, .stopped = sleeper_comes, .after = give },
	{ .name = "the way to sleep, released before death", .how = UNTIL_SLEEP,
		.before = take_and_sleeper, .prepare = attach, .act = act_pair,
		.stopped = give },
	{ .name = "the longest sleep and the next", .how = FROM_SLEEP | UNTIL_SLEEP,
		.before = take_and_sleeper, .prepare = attach, .act = act_pair, .after = give },
	{ .name = "a woken waiter gets it", .how = FROM_SLEEP, .before = take,
		.prepare = attach, .set = sleeper_and_give, .act = act_pair },
	{ .name = "a woken waiter is too late", .how = FROM_SLEEP | UNTIL_SLEEP,
		.before = take, .prepare = attach, .set = give_and_take, .act = act_pair,
		.after = give },
	{ .name = "a woken waiter is too late, released before death",
		.how = FROM_SLEEP | UNTIL_SLEEP, .before = take, .prepare = attach,
		.set = give_and_take, .stopped = give, .act = act_pair },
	{ .name = "a woken waiter gives up", .how = FROM_SLEEP, .before = take,
		.prepare = attach_in_time, .set = give_take_and_let_time_pass,
		.act = act_timedlock, .result = ETIMEDOUT, .after = give },
	{ .name = "a woken waiter takes what is reserved", .how = FROM_SLEEP, .before = take,
		.prepare = attach, .set = hand_off, .act = act_pair },
	{ .name = "unlock, one sleeps", .prepare = attach_and_hold, .set = sleeper_comes,
		.act = act_unlock },
	{ .name = "unlock, two sleep", .prepare = attach_and_hold, .set = two_sleepers,
		.act = act_unlock },
	{ .name = "unlock after waiting, one sleeps", .before = take, .prepare = queue,
		.meanwhile = queue_behind_victim, .set = sleepers_sleep, .act = act_unlock },
	{ .name = "hand-off at the end of a turn", .prepare = make_hand_off_due,
		.meanwhile = sleepers_and_go, .set = sleepers_still_sleep,
		.act = act_unlock },
	{ .name = "hand-off that was asked for", .before = take, .prepare = queue,
		.meanwhile = two_queue_behind_victim, .set = wake_by_hand,
		.act = act_unlock },
	{ .name = "a dead owner's lock", .before = owner_dies, .prepare = attach,
		.act = act_pair, .result = EOWNERDEAD },
	{ .name = "a dead owner's lock, a sleeper comes", .before = owner_dies,
		.prepare = attach, .act = act_pair, .result = EOWNERDEAD,
		.stopped = sleeper_comes },
	{ .name = "a dead owner's lock, two have slept", .before = owner_dies_before_sleepers,
		.prepare = attach, .act = act_pair, .result = EOWNERDEAD,
		.stopped = sleepers_thaw },
	{ .name = "a dead owner's lock, by trylock", .before = owner_dies, .prepare = attach,
		.act = act_trylock, .result = EOWNERDEAD, .stopped = sleeper_comes },
	{ .name = "trylock in vain", .before = take_and_sleeper, .prepare = attach,
		.act = act_trylock, .result = EBUSY, .after = give },
	{ .name = "timedlock in vain", .how = FROM_SLEEP, .before = take_and_sleeper,
		.prepare = attach_in_time, .act = act_timedlock, .result = ETIMEDOUT,
		.after = give },
	{ .name = "the end of a process that holds it", .how = ENDS | HOLDS,
		.prepare = attach_and_hold, .set = sleeper_comes, .act = act_exit },
	{ .name = "the end of a process that has held it", .how = ENDS,
		.prepare = attach_and_use, .act = act_exit, .stopped = sleeper_comes },
	{ .name = "the end of a thread that holds it",
		.how = ENDS | HOLDS | IN_THREAD | THREAD_LEAVES,
		.prepare = attach_and_hold, .set = sleeper_comes, .act = act_return },
	{ .name = "the end of a thread that has held it", .how = ENDS | IN_THREAD,
		.prepare = attach_and_use, .act = act_return, .stopped = sleeper_comes },
	{ .name = "lock and unlock, a sleeper on its way", .prepare = attach,
		.act = act_pair, .stopped = passer_comes },
	{ .name = "unlock, a sleeper on its way", .prepare = attach_and_hold,
		.set = passer_comes, .act = act_unlock },
	{ .name = "unlock, one sleeps, one is on its way", .prepare = attach_and_hold,
		.set = sleeper_and_passer, .act = act_unlock },
	{ .name = "unlock after waiting, one sleeps, one is on its way", .before = take,
		.prepare = queue, .meanwhile = queue_behind_victim, .set = passer_comes,
		.act = act_unlock },
	{ .name = "lock and unlock, a sleeper on its way from the last owner",
		.how = LEAVES, .before = take_passer_give, .prepare = attach,
		.act = act_pair },
	{ .name = "a woken waiter, a sleeper on its way from the last owner",
		.how = LEAVES | FROM_SLEEP, .before = take, .prepare = attach,
		.set = passer_and_give, .act = act_pair },
	{ .name = "a bare system call's child on its way to sleep",
		.how = BORN_RAW | UNTIL_SLEEP, .before = holder_and_sleeper, .act = act_pair,
		.after = holder_gives },
};

/* Each in a process of its own, of which it may make what it likes. */
static bool plays(const struct scenario *scenario, unsigned points, const char *step)
{
	pid_t pid = fork();

	if (pid < 0)
		tap_bail_out("no child");
	if (pid == 0)
		_exit((step ? scenario_plays_once(scenario, atoi(step)) :
			      scenario_plays(scenario, points)) ?
				CHILD_GOOD :
				1);
	return unit_wait(pid) == CHILD_GOOD;
}

int main(int argc, char **argv)
{
	const char *wanted = argc > 2 ? argv[2] : "";

	if (!fondue_active())
		tap_skip_all("to be preloaded");
	errno = victim_can_be_stepped();
	if (errno) {
		tap_note("ptrace: %s", strerror(errno));
		tap_skip_all("no process can be stepped here");
	}
	for (unsigned i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		if (strstr(scenarios[i].name, wanted))
			test(scenarios[i].name, plays(&scenarios[i],
							argc > 1 ? atoi(argv[1]) : 0,
							argc > 3 ? argv[3] : NULL));
	return tap_done();
}
