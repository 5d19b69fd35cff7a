/* SPDX-License-Identifier: MIT */
/*
 * killpoints-cast.c - everybody but the victim
 *
 * Sleepers are started only when nothing else can happen to them than to fall asleep, or to
 * get the lock; so whoever starts one waits until it has done either.
 */
#include "killpoints.h"

#define PASSES_LATE 200 /* steps before a sleep, from its announcement on */

FONDUE_SHARED static fondue_spinlock_t own[8]; /* one for each, to attach with */

struct victim passer;
pid_t sleepers[SLEEPERS];
unsigned sleeper_count;
long long since;
static cpu_set_t elsewhere;

/*
 * A step that changes processors twice takes three times as long. The others keep off, so
 * that a woken sleeper does not push the victim aside.
 */
void stay_here(void)
{
	cpu_set_t here;
	int cpu = sched_getcpu();

	sched_getaffinity(0, sizeof(elsewhere), &elsewhere);
	CPU_ZERO(&here);
	CPU_SET(cpu, &here);
	if (CPU_COUNT(&elsewhere) > 1)
		CPU_CLR(cpu, &elsewhere);
	sched_setaffinity(0, sizeof(here), &here);
}

uint32_t attach_with(unsigned number)
{
	fondue_spinlock_t *mine = &own[number];
	uint32_t slot;

	if (fondue_spin_lock(mine))
		atomic_fetch_add(&stage->errors, 1);
	slot = word_slot(lock_word(mine));
	if (fondue_spin_unlock(mine))
		atomic_fetch_add(&stage->errors, 1);
	return slot;
}

uint32_t attach_first(void)
{
	return attach_with(0);
}

static void take_and_log(fondue_spinlock_t *which, bool sleeps)
{
	int result = fondue_spin_lock(which);
	struct log *log = &stage->logs[which == second];
	int i = atomic_load(&log->count);

	if (atomic_exchange(&log->inside, 1) || (result && result != EOWNERDEAD))
		atomic_fetch_add(&stage->errors, 1);
	if (i < 8)
		log->entries[i] = (struct entry){ result, sleeps, now() };
	atomic_store(&log->count, i + 1);
	atomic_store(&log->inside, 0);
	if (fondue_spin_unlock(which))
		atomic_fetch_add(&stage->errors, 1);
}

/* A child that does not share the test's and the victim's processor. */
static pid_t fork_elsewhere(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sched_setaffinity(0, sizeof(elsewhere), &elsewhere);
	}
	return pid;
}

static bool is_asleep_or_through(pid_t pid)
{
	char state = state_of(pid);

	return state == 'S' || state == 'Z' || state == 0;
}

static void start_sleeper(fondue_spinlock_t *which)
{
	unsigned number = sleeper_count++;
	int before = atomic_load(&stage->ready);
	pid_t pid = fork_elsewhere();

	if (pid == 0) {
		stage->slots[1 + number] = attach_with(1 + number);
		atomic_fetch_add(&stage->ready, 1);
		take_and_log(which, true);
		_exit(0);
	}
	sleepers[number] = pid;
	if (!eventually(atomic_load(&stage->ready) > before) ||
		!eventually(is_asleep_or_through(pid)))
		atomic_fetch_add(&stage->errors, 1);
}

void sleeper_comes(void)
{
	start_sleeper(lock);
}

void sleeper_comes_to_second(void)
{
	start_sleeper(second);
}

void sleepers_sleep(void)
{
	for (unsigned i = 0; i < sleeper_count; i++)
		(void)eventually(is_asleep_or_through(sleepers[i]));
}

void sleepers_still_sleep(void)
{
	sleepers_sleep();
	if (atomic_load(&stage->logs[0].count))
		stage->in_vain = true;
}

static void attach_passer(void)
{
	stage->slots[4] = attach_with(5);
}

static int pass(void)
{
	take_and_log(lock, true);
	_exit(0);
}

static const struct scenario passage = {
	.name = "a sleeper stopped on its way", .how = PASSES,
	.prepare = attach_passer, .act = pass,
};

/* Three of four times where it is about to sleep: before that, it spins for long. */
static unsigned choose_step(unsigned steps)
{
	static uint64_t state = 0x2545f4914f6cdd1d;
	uint64_t random = next_random(&state) >> 8;

	if (steps > PASSES_LATE && random % 4)
		return steps - random / 4 % PASSES_LATE;
	return random / 4 % (steps + 1);
}

void passer_comes(void)
{
	static unsigned steps = 3000; /* the way is about so long; known when gone once */
	unsigned n = choose_step(steps), i;
	enum step step = STEP_DONE;

	if (!victim_is_born(&passer, &passage) || !victim_begins(&passer))
		tap_bail_out("no sleeper");
	sleepers[sleeper_count++] = passer.pid;
	for (i = 0; i < n && step == STEP_DONE && stage->logs[0].count == 0; i++)
		step = victim_steps(&passer);
	if (step == STEP_ASLEEP)
		steps = i;
}

void holder_comes(void)
{
	unsigned number = sleeper_count++;
	pid_t pid = fork_elsewhere();

	if (pid == 0) {
		stage->slots[1 + number] = attach_with(1 + number);
		take();
		atomic_store(&stage->holds, 1);
		while (!atomic_load(&stage->go))
			sched_yield();
		give();
		_exit(0);
	}
	sleepers[number] = pid;
	if (!eventually(atomic_load(&stage->holds)))
		atomic_fetch_add(&stage->errors, 1);
}

/* It is the first of them. */
void holder_is_killed(void)
{
	stage->dead = stage->slots[1];
	stage->slots[1] = 0;
	kill(sleepers[0], SIGKILL);
	await_end(sleepers[0]);
	sleepers[0] = 0;
}

void sleepers_freeze(void)
{
	for (unsigned i = 1; i < sleeper_count; i++)
		if (kill(sleepers[i], SIGSTOP) || !eventually(state_of(sleepers[i]) == 'T'))
			atomic_fetch_add(&stage->errors, 1);
}

void sleepers_thaw(void)
{
	for (unsigned i = 1; i < sleeper_count; i++)
		kill(sleepers[i], SIGCONT);
	sleepers_sleep();
}

void take(void)
{
	if (fondue_spin_lock(lock))
		atomic_fetch_add(&stage->errors, 1);
}

void give(void)
{
	if (fondue_spin_unlock(lock))
		atomic_fetch_add(&stage->errors, 1);
	since = now();
}

void turn_passes(void)
{
	long long end = now() + 1 * MS;
	struct timespec at = time_at(end);

	while (now() < end)
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static void work_newcomer(void)
{
	take_and_log(lock, false);
	take_and_log(second, false);
	if (!is_sound(lock) || !is_sound(second))
		atomic_fetch_add(&stage->errors, 1);
	atomic_store(&stage->newest, attach_with(6));
	_exit(0);
}

pid_t newcomer_comes(void)
{
	pid_t pid = fork_elsewhere();

	if (pid == 0)
		work_newcomer();
	return pid;
}
