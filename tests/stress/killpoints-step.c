/* SPDX-License-Identifier: MIT */
/*
 * killpoints-step.c - the victim: brought to a place, stepped, killed
 *
 * A step is an instruction, or a system call. A step into a futex does not end; so a timer
 * interrupts the test's waiting, and /proc tells a sleeping victim from a slow one. To get
 * to the sleep and be there when it ends, the victim is stopped on entry of the system call
 * and sent on by one step.
 */
#include <elf.h>
#include <sys/auxv.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "killpoints.h"
#include "killpoints-where.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#define FUTEX_WAIT_BITSET 9 /* without FUTEX_WAITV */

#define TICK_US 2000

static void on_tick(int number)
{
	(void)number;
}

void ticks_start(void)
{
	struct itimerval ticks = { { 0, TICK_US }, { 0, TICK_US } };
	struct sigaction action = { .sa_handler = on_tick }; /* no SA_RESTART */

	if (sigaction(SIGALRM, &action, NULL) || setitimer(ITIMER_REAL, &ticks, NULL))
		tap_bail_out("no timer");
}

int await_end(pid_t pid)
{
	long long end = now() + HANG;
	int status;

	while (waitpid(pid, &status, __WALL) != pid || WIFSTOPPED(status)) {
		if (now() > end)
			return -1;
		(void)ptrace(PTRACE_DETACH, pid, NULL, NULL); /* a passer that was asleep */
	}
	return status;
}

static enum step await_stop(struct victim *victim, bool may_sleep)
{
	long long end = now() + HANG;
	int status;

	for (;;) {
		if (waitpid(victim->tid, &status, __WALL) == victim->tid) {
			victim->gone = !WIFSTOPPED(status);
			return victim->gone ? STEP_GONE : STEP_DONE;
		}
		if (errno != EINTR || now() > end)
			return STEP_LOST;
		if (may_sleep && is_parked(victim->tid)) {
			victim->asleep = true;
			return STEP_ASLEEP;
		}
	}
}

static volatile int *phase_of(const struct scenario *scenario)
{
	return &stage->phase[!!(scenario->how & PASSES)];
}

/* The stop is a bare system call: nothing of libc's runs between it and the beginning. */
static void *run_victim(void *scenario)
{
	const struct scenario *s = scenario;
	int result;

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(1);
	if (s->prepare)
		s->prepare();
	if (s->how & IN_THREAD)
		stage->tid = my_tid();
	syscall(SYS_tgkill, getpid(), my_tid(), SIGSTOP);
	*phase_of(s) = 1;
	result = s->act();
	if (!(s->how & PASSES))
		stage->result = result;
	*phase_of(s) = 2;
	if (!(s->how & IN_THREAD))
		for (;;)
			pause();
	return NULL; /* the end of a thread is part of it */
}

static void be_victim(const struct scenario *scenario)
{
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!(scenario->how & IN_THREAD))
		run_victim((void *)scenario);
	else if (pthread_create(&thread, NULL, run_victim, (void *)scenario) == 0)
		pthread_join(thread, NULL);
	for (;;)
		pause();
}

static bool has_thread(void)
{
	return stage->tid != 0;
}

bool victim_is_born(struct victim *victim, const struct scenario *scenario)
{
	pid_t pid = scenario->how & BORN_RAW ? (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) :
					       fork();

	if (pid == 0)
		be_victim(scenario);
	*victim = (struct victim){ .scenario = scenario, .pid = pid, .tid = pid };
	return pid > 0;
}

static bool is_at_wait(const struct victim *victim)
{
	struct __ptrace_syscall_info info = { 0 };

	if (ptrace(PTRACE_GET_SYSCALL_INFO, victim->tid, (void *)sizeof(info), &info) <= 0)
		return false;
	return info.op == PTRACE_SYSCALL_INFO_ENTRY &&
	       (info.entry.nr == SYS_futex_waitv ||
		       (info.entry.nr == SYS_futex &&
			       (info.entry.args[1] & 0x7f) == FUTEX_WAIT_BITSET));
}

static bool goes_to_sleep(struct victim *victim)
{
	do
		if (ptrace(PTRACE_SYSCALL, victim->tid, NULL, NULL) != 0 ||
			await_stop(victim, false) != STEP_DONE)
			return false;
	while (!is_at_wait(victim));
	if (ptrace(PTRACE_SINGLESTEP, victim->tid, NULL, NULL) != 0)
		return false;
	victim->asleep = true;
	/* 't': it did not have to sleep, and stands behind the system call */
	return eventually(is_parked(victim->tid) || state_of(victim->tid) == 't');
}

bool victim_begins(struct victim *victim)
{
	if (victim->scenario->how & IN_THREAD) {
		if (!eventually(has_thread()))
			return false;
		victim->tid = stage->tid;
	}
	/* TRACESYSGOOD: or PTRACE_GET_SYSCALL_INFO knows nothing */
	if (await_stop(victim, false) != STEP_DONE ||
		ptrace(PTRACE_SETOPTIONS, victim->tid, NULL,
			PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD) != 0)
		return false;
	if (victim->scenario->how & FROM_SLEEP)
		return goes_to_sleep(victim);
	while (*phase_of(victim->scenario) == 0)
		if (victim_steps(victim) != STEP_DONE)
			return false;
	return true;
}

enum step victim_steps(struct victim *victim)
{
	if (!victim->asleep && ptrace(PTRACE_SINGLESTEP, victim->tid, NULL, NULL) != 0)
		return STEP_LOST;
	if (!victim->asleep)
		return await_stop(victim, true);
	victim->asleep = false;
	return await_stop(victim, false);
}

bool victim_goes_on(struct victim *victim)
{
	return victim->asleep || ptrace(PTRACE_DETACH, victim->tid, NULL, NULL) == 0;
}

bool victim_dies(struct victim *victim)
{
	if (victim->gone)
		return true;
	kill(victim->pid, SIGKILL);
	victim->gone = await_end(victim->tid) >= 0;
	victim->buried = victim->gone &&
			 (victim->tid == victim->pid || await_end(victim->pid) >= 0);
	return victim->buried;
}

/* Of a thread that came to its own end the process is left. */
void victim_is_buried(struct victim *victim)
{
	if (victim->tid == victim->pid || victim->buried)
		return;
	kill(victim->pid, SIGKILL);
	victim->buried = await_end(victim->pid) >= 0;
}

#if defined(__x86_64__)
#define PC(regs) ((regs).rip)
#define SP(regs) ((regs).rsp)
#define LR(regs) 0
#elif defined(__aarch64__)
#define PC(regs) ((regs).pc)
#define SP(regs) ((regs).sp)
#define LR(regs) ((regs).regs[30])
#endif

/* The first that looks like a return into the runtime: of a call to libc it is the caller. */
static uintptr_t find_caller(const struct victim *victim, uintptr_t lr, uintptr_t sp)
{
	if (where_is_ours(lr))
		return lr;
	for (int i = 0; i < 64; i++) {
		uintptr_t word = ptrace(PTRACE_PEEKDATA, victim->tid,
			(void *)(sp + i * sizeof(word)), NULL);

		if (where_is_ours(word))
			return word;
	}
	return 0;
}

static bool look_at_registers(const struct victim *victim, struct user_regs_struct *regs)
{
	struct iovec all = { regs, sizeof(*regs) };

	return !victim->gone && !victim->asleep &&
	       ptrace(PTRACE_GETREGSET, victim->tid, (void *)NT_PRSTATUS, &all) == 0;
}

uintptr_t victim_stands_at(const struct victim *victim)
{
	struct user_regs_struct regs = { 0 };

	return look_at_registers(victim, &regs) ? PC(regs) : 0;
}

void victim_says_where(const struct victim *victim, char *text, size_t size)
{
	struct user_regs_struct regs = { 0 };
	uintptr_t caller = 0;

	if (!look_at_registers(victim, &regs)) {
		snprintf(text, size, victim->gone ? "its end" : "it wakes");
		return;
	}
	where(PC(regs), text, size);
	if (!where_is_ours(PC(regs)))
		caller = find_caller(victim, LR(regs), SP(regs));
	if (caller && strlen(text) + 8 < size) {
		strcat(text, " from ");
		where(caller, text + strlen(text), size - strlen(text));
	}
}

int victim_can_be_stepped(void)
{
	pid_t pid;
	int status = 0;

#ifdef __aarch64__
	/* a pair of exclusive load and store never succeeds when it is stepped */
	if (!(getauxval(AT_HWCAP) & HWCAP_ATOMICS))
		return ENOSYS;
#endif
	pid = fork();
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
			_exit(errno);
		_exit(raise(SIGSTOP) ? errno : 0);
	}
	if (waitpid(pid, &status, 0) != pid)
		return errno;
	if (WIFEXITED(status))
		return WEXITSTATUS(status) ? WEXITSTATUS(status) : ENOSYS;
	if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) != 0)
		status = errno;
	else
		status = waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) ? 0 : ENOSYS;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return status;
}
