/* SPDX-License-Identifier: MIT */
/*
 * Description: askers and owners that stop, are killed or execute a program at each step
 */
#include "asked.h"

/* Answers that come late */

static pid_t stopped;

static void stop_owner(const long *args)
{
	(void)args;
	kill(stopped, SIGSTOP);
	if (!eventually(state_of(stopped, stopped) == 'T'))
		abort();
}

static int play_late(void)
{
	struct question *question, *place = &registry->questions[0];
	struct snapshot snapshot;
	unsigned late;
	pid_t another;

	stopped = owner_start(owner_simple);
	late = atomic_load(&board->number);
	must(stopped > 0);
	kernel_watch(SYS_rt_tgsigqueueinfo, stop_owner);
	must(ask_snapshot(late, ASK_MAX_MS, &snapshot, &question) == -ETIMEDOUT);
	kernel_reset();
	must(question_phase_of(atomic_load(&place->state)) == QUESTION_FREE);
	must(is_pending(stopped));
	/* somebody else is asked in the same place meanwhile */
	another = owner_start(owner_simple);
	must(another > 0 && owner_ask(&snapshot, &question) == 0 && question == place);
	place->known = 0x4711;
	must(kill(stopped, SIGCONT) == 0 && eventually(!is_pending(stopped)));
	must(owner_is_killed(another)); /* whom the board is for */
	must(owner_ends(stopped));
	must(place->known == 0x4711);
	must(question_phase_of(atomic_load(&place->state)) == QUESTION_MINE);
	ask_done(question);
	must(question_phase_of(atomic_load(&place->state)) == QUESTION_FREE);
	return CHILD_GOOD;
}

/* Killed in between */

static void die(const long *args)
{
	(void)args;
	raise(SIGKILL);
}

static void ask_and_die(long step)
{
	struct question *question;
	struct snapshot snapshot;

	identity_get();
	if (step)
		kernel_watch(step, die);
	ask_snapshot(atomic_load(&board->number), ASK_MAX_MS, &snapshot, &question);
	raise(SIGKILL);
}

static bool all_places_are_there(void)
{
	struct question *questions[QUESTIONS], *question;
	struct snapshot snapshot;

	for (unsigned i = 0; i < QUESTIONS; i++)
		if (owner_ask(&snapshot, &questions[i]) != 0)
			return false;
	if (ask_snapshot(atomic_load(&board->number), 1, &snapshot, &question) != -EBUSY)
		return false;
	for (unsigned i = 0; i < QUESTIONS; i++)
		ask_done(questions[i]);
	return true;
}

/* Each step several times: a place that is not given back is missed. */
static int play_asker_killed(long step)
{
	pid_t owner = owner_start(owner_simple);

	must(owner > 0);
	for (unsigned i = 0; i < 2 * QUESTIONS; i++) {
		pid_t asker = fork();

		if (asker == 0)
			ask_and_die(step);
		must(unit_wait(asker) == 1000 + SIGKILL);
	}
	must(all_places_are_there());
	must(owner_ends(owner));
	return CHILD_GOOD;
}

static int play_killed_before_sending(void)
{
	return play_asker_killed(SYS_rt_tgsigqueueinfo);
}

static int play_killed_waiting(void)
{
	return play_asker_killed(SYS_futex);
}

static int play_killed_reading(void)
{
	return play_asker_killed(0);
}

/* A handler that is stuck in the middle of its answer. */
static void stall(const long *args)
{
	(void)args;
	atomic_store(&board->result, 1);
	while (!atomic_load(&board->go))
		NO_TAIL;
}

static void owner_stalling(void)
{
	become_owner();
	kernel_watch(SYS_process_vm_readv, stall);
	spin();
}

/* Ask until it is in the middle of it. */
static bool is_caught_writing(struct snapshot *snapshot)
{
	struct question *question;

	return eventually(ask_snapshot(atomic_load(&board->number), ASK_MAX_MS, snapshot,
				  &question) == -ETIMEDOUT &&
			  atomic_load(&board->result));
}

static unsigned places_being_written(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < QUESTIONS; i++)
		count += question_phase_of(atomic_load(&registry->questions[i].state)) ==
			 QUESTION_WRITING;
	return count;
}

static int play_writer_is_left_alone(void)
{
	struct question *questions[QUESTIONS];
	struct snapshot snapshot;
	pid_t owner, another;

	owner = owner_start(owner_stalling);
	must(owner > 0 && is_caught_writing(&snapshot) && places_being_written() == 1);
	atomic_store(&board->go, 0);
	another = fork(); /* not by owner_start(): the first waits on the same board */
	if (another == 0) {
		atomic_store(&board->ready, 0);
		owner_simple();
		_exit(CHILD_GOOD);
	}
	must(eventually(atomic_load(&board->tid) == another && atomic_load(&board->ready)));
	for (unsigned i = 0; i < QUESTIONS - 1; i++)
		must(owner_ask(&snapshot, &questions[i]) == 0);
	must(ask_snapshot(atomic_load(&board->number), 1, &snapshot, &questions[3]) == -EBUSY);
	must(places_being_written() == 1);
	for (unsigned i = 0; i < QUESTIONS - 1; i++)
		ask_done(questions[i]);
	atomic_store(&board->go, 1);
	must(unit_wait(owner) == CHILD_GOOD && unit_wait(another) == CHILD_GOOD);
	must(places_being_written() == 0);
	another = owner_start(owner_simple);
	must(another > 0 && all_places_are_there());
	must(owner_ends(another));
	return CHILD_GOOD;
}

static int play_writer_killed(void)
{
	struct snapshot snapshot;
	pid_t owner;

	for (unsigned i = 0; i < 2 * QUESTIONS; i++) {
		owner = owner_start(owner_stalling);
		must(owner > 0 && is_caught_writing(&snapshot));
		must(owner_is_killed(owner));
	}
	owner = owner_start(owner_simple);
	must(owner > 0 && all_places_are_there());
	must(owner_ends(owner));
	return CHILD_GOOD;
}

static pid_t victim;

static void kill_owner(const long *args)
{
	(void)args;
	owner_is_killed(victim);
}

/* Between the last look and the signal. */
static int play_owner_killed(void)
{
	struct question *question;
	struct snapshot snapshot;

	for (unsigned i = 0; i < 2 * QUESTIONS; i++) {
		victim = owner_start(owner_simple);
		must(victim > 0);
		kernel_watch(SYS_rt_tgsigqueueinfo, kill_owner);
		must(ask_snapshot(atomic_load(&board->number), ASK_MAX_MS, &snapshot, &question) ==
			-ESRCH);
		kernel_reset();
	}
	victim = owner_start(owner_simple);
	must(victim > 0 && all_places_are_there());
	must(owner_ends(victim));
	return CHILD_GOOD;
}

/* It executes another program while it is asked, which no signal may end. */
#define EXECS 2000

static unsigned exec_after; /* turns */

static void owner_executing(void)
{
	become_owner();
	atomic_store(&board->ready, 1);
	for (unsigned i = 0; i < exec_after; i++)
		NO_TAIL;
	execl("/bin/true", "true", (char *)NULL);
	_exit(1);
}

static int play_executing(void)
{
	struct question *question;
	struct snapshot snapshot;
	unsigned answers = 0, gone = 0;

	for (unsigned i = 0; i < EXECS; i++) {
		int error = 0, status = 0;
		pid_t pid;

		exec_after = i % 200 * 5000; /* up to 0.5 ms */
		pid = owner_start(owner_executing);
		must(pid > 0);
		while (waitpid(pid, &status, WNOHANG) == 0) {
			error = ask_snapshot(atomic_load(&board->number), 2, &snapshot, &question);
			if (error == 0)
				ask_done(question);
			answers += error == 0;
			gone += error == -ESRCH;
		}
		must(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	tap_note("  %u signals, %u answers, %u times too late",
		kernel_calls(SYS_rt_tgsigqueueinfo), answers, gone);
	must(gone > 0);
	return CHILD_GOOD;
}

/* Many at once: everybody gets what he has asked for, or is told that he does not. */
#define ASKERS 6
#define ANSWERS 50

static bool is_answered(unsigned number, pid_t tid)
{
	struct question *question;
	struct snapshot snapshot;
	uintptr_t pc;

	if (ask_snapshot(number, ASK_MAX_MS, &snapshot, &question) != 0)
		return false;
	pc = snapshot.registers.at[REGISTER_PC];
	if (snapshot.tid != tid || snapshot.windows[0].size < 1000 ||
		snapshot.windows[0].from + STACK_RED_ZONE != snapshot.registers.at[REGISTER_SP])
		_exit(40);
	sched_yield();
	if (question->at[REGISTER_PC] != pc)
		_exit(41); /* somebody has written to it */
	ask_done(question);
	return true;
}

static int ask_often(unsigned number, pid_t tid)
{
	identity_get();
	for (unsigned i = 0; i < ANSWERS; i++)
		must(eventually(is_answered(number, tid)));
	return CHILD_GOOD;
}

static int play_many(void)
{
	pid_t owners[2], askers[ASKERS];
	unsigned numbers[2];

	for (unsigned i = 0; i < 2; i++) {
		owners[i] = owner_start(owner_simple);
		must(owners[i] > 0);
		numbers[i] = atomic_load(&board->number);
	}
	for (unsigned i = 0; i < ASKERS; i++) {
		askers[i] = fork();
		if (askers[i] == 0)
			_exit(ask_often(numbers[i % 2], owners[i % 2]));
	}
	for (unsigned i = 0; i < ASKERS; i++)
		must(unit_wait(askers[i]) == CHILD_GOOD);
	must(all_places_are_there());
	atomic_store(&board->go, 1);
	must(unit_wait(owners[0]) == CHILD_GOOD && unit_wait(owners[1]) == CHILD_GOOD);
	return CHILD_GOOD;
}

int main(void)
{
	if (is_emulated() || !owners_start()) {
		skip("asking", "an emulator stands between us and the kernel");
		return tap_done();
	}
	test_play("an answer that comes late is dropped", play_late);
	test_play("an asker killed before he sends: his place is taken over",
		play_killed_before_sending);
	test_play("an asker killed while he waits: so is his", play_killed_waiting);
	test_play("an asker killed with the answer in his hands: so is his", play_killed_reading);
	test_play("where somebody is writing nobody else is asked", play_writer_is_left_alone);
	test_play("unless he was killed", play_writer_killed);
	test_play("an owner killed before the signal comes", play_owner_killed);
	test_play("2000 owners execute programs while they are asked, which all live",
		play_executing);
	test_play("six ask two, at once", play_many);
	return tap_done();
}
