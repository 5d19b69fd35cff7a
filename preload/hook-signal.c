/* SPDX-License-Identifier: MIT */
/*
 * hook-signal.c - the ways to set what a signal does, for SIGURG
 *
 * While the runtime shares that signal (urgent.h), the kernel is given the host's own action
 * for the length of the call, and the real function sets it, tells of it and remembers what
 * libc remembers, as ever. For other signals, and in a process that shares none, a call goes
 * straight on. Where the signal would be handled, it may have too little room: that is looked at
 * when it changes.
 */
#include "answer.h"
#include "real.h"
#include "urgent.h"

typedef void (*handler)(int);

/* Those that <signal.h> declares in no mode of ours. */
int __sigaction(int number, const struct sigaction *action, struct sigaction *ret_old);
handler bsd_signal(int number, handler function);
handler ssignal(int number, handler function);
handler sysv_signal(int number, handler function);
handler __sysv_signal(int number, handler function);

static int not_there(void)
{
	errno = ENOSYS;
	return -1;
}

static handler no_handler(void)
{
	errno = ENOSYS;
	return SIG_ERR;
}

static int act(int number, const struct sigaction *action, struct sigaction *ret_old)
{
	int (*function)(int, const struct sigaction *, struct sigaction *) = real()->sigaction;
	uint64_t mask;
	int result;

	if (!function)
		return not_there();
	if (number != SIGURG || !urgent_step_aside(&mask))
		return function(number, action, ret_old);
	result = function(number, action, ret_old);
	urgent_step_in(mask);
	return result;
}

FONDUE_EXPORT int sigaction(
	int number, const struct sigaction *action, struct sigaction *ret_old)
{
	return act(number, action, ret_old);
}

static handler set_by(handler (*function)(int, handler), int number, handler value)
{
	uint64_t mask;
	handler result;

	if (!function)
		return no_handler();
	if (number != SIGURG || !urgent_step_aside(&mask))
		return function(number, value);
	result = function(number, value);
	urgent_step_in(mask);
	return result;
}

FONDUE_EXPORT handler signal(int number, handler value)
{
	return set_by(real()->signal, number, value);
}

FONDUE_EXPORT handler __sysv_signal(int number, handler value)
{
	return set_by(real_rare()->__sysv_signal, number, value);
}

/* The same functions under other names. */
FONDUE_EXPORT int __sigaction(
	int number, const struct sigaction *action, struct sigaction *ret_old)
{
	return act(number, action, ret_old);
}

FONDUE_EXPORT handler bsd_signal(int number, handler value)
{
	return signal(number, value);
}

FONDUE_EXPORT handler ssignal(int number, handler value)
{
	return signal(number, value);
}

FONDUE_EXPORT handler sysv_signal(int number, handler value)
{
	return __sysv_signal(number, value);
}

/*
 * It changes the mask as well, and its result is what that was, so no signals may be blocked
 * around it. SIG_HOLD sets no action.
 */
FONDUE_EXPORT handler sigset(int number, handler value)
{
	struct sigaction action = { .sa_handler = value }, old;
	sigset_t set, before;

	if (!real_rare()->sigset)
		return no_handler();
	if (number != SIGURG || value == SIG_ERR)
		return real_rare()->sigset(number, value);
	sigemptyset(&set);
	sigaddset(&set, number);
	if (act(number, value == SIG_HOLD ? NULL : &action, &old) != 0 ||
		sigprocmask(value == SIG_HOLD ? SIG_BLOCK : SIG_UNBLOCK, &set, &before) != 0)
		return SIG_ERR;
	return sigismember(&before, number) ? SIG_HOLD : old.sa_handler;
}

FONDUE_EXPORT int sigignore(int number)
{
	uint64_t mask;
	int result;

	if (!real_rare()->sigignore)
		return not_there();
	if (number != SIGURG || !urgent_step_aside(&mask))
		return real_rare()->sigignore(number);
	result = real_rare()->sigignore(number);
	urgent_step_in(mask);
	return result;
}

FONDUE_EXPORT int siginterrupt(int number, int flag)
{
	uint64_t mask;
	int result;

	if (!real_rare()->siginterrupt)
		return not_there();
	if (number != SIGURG || !urgent_step_aside(&mask))
		return real_rare()->siginterrupt(number, flag);
	result = real_rare()->siginterrupt(number, flag);
	urgent_step_in(mask);
	return result;
}

FONDUE_EXPORT int sigaltstack(const stack_t *stack, stack_t *ret_old)
{
	int result;

	if (!real()->sigaltstack)
		return not_there();
	result = real()->sigaltstack(stack, ret_old);
	if (result == 0 && stack)
		answer_look();
	return result;
}
