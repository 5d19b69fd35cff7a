/* SPDX-License-Identifier: MIT */
/*
 * observe-restart.c - what a tracer's interest in ignored signals would do to a program
 *
 * A signal that is ignored wakes nobody, unless the process is traced: then the kernel stops
 * it for the tracer to see. Most system calls that slept are begun again by themselves; some
 * are not, and return EINTR. A server in epoll_wait(2) whose child ends, SIGCHLD being
 * ignored as it is by default, would meet an error there that it has never seen.
 *
 * So such a call is begun again here, in the way of the kernel: the program counter back to
 * the instruction, and the number of the call where it was. A time limit begins anew with
 * it. Only calls are listed that wait and have not done anything yet.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>

#include "observe-restart.h"
#include "process.h"

#ifdef __x86_64__
#define SYSCALL_BYTES 2 /* of the instruction */

static bool only_waits(uint64_t call)
{
	switch (call) {
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
#ifdef SYS_epoll_pwait2
	case SYS_epoll_pwait2:
#endif
	case SYS_semop:
	case SYS_semtimedop:
	case SYS_rt_sigtimedwait:
	case SYS_io_getevents:
	/* with a time limit on the socket (SO_RCVTIMEO) */
	case SYS_accept:
	case SYS_accept4:
	case SYS_recvfrom:
	case SYS_recvmsg:
		return true;
	default:
		return false;
	}
}

static bool is_in_set(pid_t tid, const char *name, int signal)
{
	char text[64];

	return process_field(tid, name, text, sizeof(text)) &&
	       strtoull(text, NULL, 16) >> (signal - 1) & 1;
}

static bool is_ignored(pid_t tid, int signal)
{
	if (is_in_set(tid, "SigIgn", signal))
		return true;
	if (signal != SIGCHLD && signal != SIGURG && signal != SIGWINCH && signal != SIGCONT)
		return false;
	return !is_in_set(tid, "SigCgt", signal);
}

/* Has a call returned EINTR that may be begun again? */
static bool is_interrupted(pid_t tid, struct user_regs_struct *ret)
{
	return ptrace(PTRACE_GETREGS, tid, 0, ret) == 0 && (int64_t)ret->rax == -EINTR &&
	       only_waits(ret->orig_rax);
}

static void begin_again(pid_t tid, struct user_regs_struct *registers)
{
	registers->rip -= SYSCALL_BYTES;
	registers->rax = registers->orig_rax;
	/* no call any more, so the kernel does not do it, too */
	registers->orig_rax = UINT64_MAX;
	ptrace(PTRACE_SETREGS, tid, 0, registers);
}

void restart_if_ignored(const struct tracee *tracee, int signal)
{
	struct user_regs_struct registers;

	if (is_interrupted(tracee->tid, &registers) && is_ignored(tracee->tid, signal))
		begin_again(tracee->tid, &registers);
}

/* Some signal that is not blocked waits for it, or for any thread of its process. */
static bool has_pending(pid_t tid)
{
	char own[64] = "", shared[64] = "", blocked[64] = "";

	process_field(tid, "SigPnd", own, sizeof(own));
	process_field(tid, "ShdPnd", shared, sizeof(shared));
	process_field(tid, "SigBlk", blocked, sizeof(blocked));
	return (strtoull(own, NULL, 16) | strtoull(shared, NULL, 16)) &
	       ~strtoull(blocked, NULL, 16);
}

void restart_if_interrupted(struct tracee *tracee)
{
	struct user_regs_struct registers;

	if (tracee->is_interrupted && is_interrupted(tracee->tid, &registers) &&
		!has_pending(tracee->tid))
		begin_again(tracee->tid, &registers);
	tracee->is_interrupted = false;
}
#else
void restart_if_ignored(const struct tracee *tracee, int signal)
{
	(void)tracee;
	(void)signal;
}

void restart_if_interrupted(struct tracee *tracee)
{
	tracee->is_interrupted = false;
}
#endif
