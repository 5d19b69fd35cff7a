/* SPDX-License-Identifier: MIT */
/*
 * Description: whom nobody may ask, or could not answer, is sent no signal
 */
#include "asked.h"

/* No answer, and nothing is left with the owner */

static int play_refusal(void (*owner)(void), int error)
{
	pid_t pid = owner_start(owner);
	struct question *question = NULL;
	struct snapshot snapshot = { .pid = 4711 };

	must(pid > 0);
	for (unsigned i = 0; i < 10; i++)
		must(ask_snapshot(atomic_load(&board->number), ASK_MAX_MS, &snapshot, &question) ==
			error);
	must(kernel_calls(SYS_rt_tgsigqueueinfo) == 0);
	must(!is_pending(pid) && !question && snapshot.pid == 4711);
	must(owner_ends(pid));
	return CHILD_GOOD;
}

static void owner_blocking(void)
{
	sigset_t all;

	become_owner();
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	spin();
}

static int play_blocking(void)
{
	return play_refusal(owner_blocking, -EACCES);
}

static void owner_ignoring(void)
{
	become_owner();
	signal(SIGURG, SIG_IGN);
	spin();
}

static int play_ignoring(void)
{
	return play_refusal(owner_ignoring, -EACCES);
}

/* It has a handler of its own, which must not be troubled, and none of ours. */
static void on_foreign(int number)
{
	(void)number;
	_exit(30);
}

static void owner_foreign(void)
{
	config.signal = CONFIG_SIGNAL_NONE;
	become_owner();
	signal(SIGURG, on_foreign);
	spin();
}

static int play_foreign(void)
{
	return play_refusal(owner_foreign, -EACCES);
}

static int play_none(void)
{
	config.signal = CONFIG_SIGNAL_NONE;
	return play_refusal(owner_simple, -ENOTSUP);
}

static int play_no_slot(void)
{
	pid_t pid = owner_start(owner_simple);
	struct question *question;
	struct snapshot snapshot;

	must(pid > 0);
	identity_forget();
	must(ask_snapshot(atomic_load(&board->number), ASK_MAX_MS, &snapshot, &question) ==
		-ENOTSUP);
	must(owner_ends(pid));
	return CHILD_GOOD;
}

static int play_no_proc(void)
{
	kernel_refuse(SYS_openat, EACCES);
	return play_refusal(owner_simple, -EACCES);
}

static int play_nobody(void)
{
	pid_t pid = owner_start(owner_simple);
	struct question *question;
	struct snapshot snapshot;

	must(pid > 0 && owner_is_killed(pid));
	must(ask_snapshot(atomic_load(&board->number), ASK_MAX_MS, &snapshot, &question) ==
		-ESRCH);
	must(ask_snapshot(identity_mine()->number, 1, &snapshot, &question) == -EINVAL);
	must(ask_snapshot(0, 1, &snapshot, &question) == -EINVAL);
	must(ask_snapshot(SLOT_ANONYMOUS, 1, &snapshot, &question) == -EINVAL);
	must(kernel_calls(SYS_rt_tgsigqueueinfo) == 0);
	return CHILD_GOOD;
}

static int play_stopped(void)
{
	pid_t pid = owner_start(owner_simple);
	struct question *question;
	struct snapshot snapshot;

	must(pid > 0 && kill(pid, SIGSTOP) == 0 && eventually(state_of(pid, pid) == 'T'));
	must(ask_snapshot(atomic_load(&board->number), ASK_MAX_MS, &snapshot, &question) ==
		-ETIMEDOUT);
	must(kernel_calls(SYS_rt_tgsigqueueinfo) == 0 && !is_pending(pid));
	must(kill(pid, SIGCONT) == 0);
	must(owner_ask(&snapshot, &question) == 0);
	ask_done(question);
	must(owner_ends(pid));
	return CHILD_GOOD;
}

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

/* It waits for its vfork() child, and no signal ends that. */
static void owner_in_vfork(void)
{
	become_owner();
	if (vfork() == 0) {
		atomic_store(&board->ready, 1);
		while (!atomic_load(&board->go))
			NO_TAIL;
		_exit(0);
	}
}

static int play_in_vfork(void)
{
	pid_t pid = owner_start(owner_in_vfork);
	struct question *question;
	struct snapshot snapshot;
	double start, best = 1e9;

	must(pid > 0);
	for (unsigned i = 0; i < 5; i++) {
		start = now_ms();
		must(ask_snapshot(atomic_load(&board->number), 1000, &snapshot, &question) ==
			-ETIMEDOUT);
		if (now_ms() - start < best)
			best = now_ms() - start;
	}
	must(best >= ASK_MAX_MS - 1 && best < ASK_MAX_MS + 200);
	must(owner_ends(pid));
	return CHILD_GOOD;
}

/* Pid namespaces: it has a number, which means somebody else here. */
static void owner_elsewhere(void)
{
	pid_t pid;

	if (unshare(CLONE_NEWPID) != 0)
		_exit(77);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		owner_simple();
		_exit(CHILD_GOOD);
	}
	_exit(unit_wait(pid));
}

static int play_elsewhere(void)
{
	return play_refusal(owner_elsewhere, -ENOTSUP);
}

/* And the other way round. */
static int ask_outside(void)
{
	struct question *question;
	struct snapshot snapshot;

	identity_get();
	must(ask_snapshot(atomic_load(&board->number), ASK_MAX_MS, &snapshot, &question) ==
		-ENOTSUP);
	must(kernel_calls(SYS_rt_tgsigqueueinfo) == 0);
	return CHILD_GOOD;
}

static int play_from_elsewhere(void)
{
	pid_t pid = owner_start(owner_simple), asker;

	must(pid > 0 && unshare(CLONE_NEWPID) == 0);
	asker = fork();
	if (asker == 0)
		_exit(ask_outside());
	must(unit_wait(asker) == CHILD_GOOD);
	must(owner_ends(pid));
	return CHILD_GOOD;
}

/* Sandboxes */

static void owner_refused(void)
{
	owner_in_sandbox(EPERM, spin);
}

static void owner_to_be_killed(void)
{
	owner_in_sandbox(KILLED, spin);
}

static int play_sandbox(void)
{
	must(play_refusal(owner_refused, -ENOTSUP) == CHILD_GOOD);
	must(play_refusal(owner_to_be_killed, -ENOTSUP) == CHILD_GOOD);
	return CHILD_GOOD;
}

static int play_asker_in_sandbox(void)
{
	struct rule rules[] = { { SYS_rt_tgsigqueueinfo, KILLED, 0, 0, 0 }, { 0 } };
	pid_t pid = owner_start(owner_simple);
	struct question *question;
	struct snapshot snapshot;

	must(pid > 0 && filter_install(rules));
	must(ask_snapshot(atomic_load(&board->number), ASK_MAX_MS, &snapshot, &question) ==
		-ENOTSUP);
	must(owner_ends(pid));
	return CHILD_GOOD;
}

int main(void)
{
	if (is_emulated() || !owners_start()) {
		skip("asking", "an emulator stands between us and the kernel");
		return tap_done();
	}
	test_play("who blocks all signals is sent none", play_blocking);
	test_play("who ignores it is sent none", play_ignoring);
	test_play("who has a handler of his own and not ours is sent none", play_foreign);
	test_play("FONDUE_SIGNAL=none: nobody is sent any", play_none);
	test_play("who has no slot may not ask", play_no_slot);
	test_play("where nothing can be found out nothing is sent", play_no_proc);
	test_play("the dead, oneself and nobody are not asked", play_nobody);
	test_play("who is stopped is sent none, and asked when he goes on", play_stopped);
	test_play("in vfork(): no answer, and nobody waits longer than 50 ms", play_in_vfork);
	if (geteuid() == 0) {
		test_play("an owner in another pid namespace is sent none", play_elsewhere);
		test_play("and none comes out of one", play_from_elsewhere);
	} else {
		skip("pid namespaces", "they take root");
	}
	test_play("an owner in a sandbox is sent none", play_sandbox);
	test_play("nobody in a sandbox sends any", play_asker_in_sandbox);
	return tap_done();
}
