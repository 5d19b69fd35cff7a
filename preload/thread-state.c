/* SPDX-License-Identifier: MIT */
/*
 * thread-state.c - reading /proc about somebody else
 *
 * What is wanted at three in the morning is not a letter but a word: is the owner running,
 * waiting for the disk, stopped by somebody's debugger, or gone? /proc/PID/task/TID/stat has
 * the letter, and /proc/PID/task/TID/syscall, where it may be read, the number of the
 * system call that it sleeps in. Calls that a lock's owner is likely to be found in have a
 * name here; of others the number is told, which is certain as well.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "thread-state.h"
#include "log.h"
#include "text.h"

/* Read the beginning of a file. Return: its length, or negative. */
static long read_start(const char *path, char *text, size_t size)
{
	long fd = sys_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	long len;

	text[0] = '\0';
	if (fd < 0)
		return fd;
	len = sys_call(SYS_read, fd, text, size - 1);
	(void)sys_call(SYS_close, fd);
	if (len >= 0)
		text[len] = '\0';
	return len;
}

static long read_about(pid_t pid, pid_t tid, const char *what, char *text, size_t size)
{
	char path[64];

	log_format(path, sizeof(path), "/proc/%d/task/%d/%s", pid, tid, what);
	return read_start(path, text, size);
}

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449 /* on every architecture */
#endif

static const struct {
	long number;
	const char *name;
} calls[] = {
	{ SYS_read, "read" }, { SYS_write, "write" }, { SYS_pread64, "pread" },
	{ SYS_pwrite64, "pwrite" }, { SYS_readv, "readv" }, { SYS_writev, "writev" },
	{ SYS_openat, "openat" }, { SYS_close, "close" }, { SYS_fsync, "fsync" },
	{ SYS_fdatasync, "fdatasync" }, { SYS_flock, "flock" }, { SYS_fcntl, "fcntl" },
	{ SYS_ioctl, "ioctl" }, { SYS_futex, "futex" }, { SYS_futex_waitv, "futex" },
	{ SYS_nanosleep, "nanosleep" }, { SYS_clock_nanosleep, "clock_nanosleep" },
	{ SYS_ppoll, "ppoll" },
	{ SYS_pselect6, "pselect" }, { SYS_epoll_pwait, "epoll_pwait" },
	{ SYS_wait4, "wait4" }, { SYS_waitid, "waitid" }, { SYS_accept, "accept" },
	{ SYS_accept4, "accept4" }, { SYS_connect, "connect" }, { SYS_recvfrom, "recvfrom" },
	{ SYS_recvmsg, "recvmsg" }, { SYS_sendto, "sendto" }, { SYS_sendmsg, "sendmsg" },
	{ SYS_rt_sigsuspend, "sigsuspend" }, { SYS_rt_sigtimedwait, "sigtimedwait" },
	{ SYS_semtimedop, "semtimedop" }, { SYS_msgrcv, "msgrcv" },
#ifdef SYS_poll
	{ SYS_poll, "poll" }, { SYS_select, "select" }, { SYS_pause, "pause" },
	{ SYS_open, "open" }, { SYS_epoll_wait, "epoll_wait" }, { SYS_vfork, "vfork" },
#endif
};

/* "in fsync", or "" if it is in none or that may not be known. */
static void name_call(pid_t pid, pid_t tid, char *text, size_t size)
{
	char line[160];
	long number = 0;
	unsigned digit;

	text[0] = '\0';
	if (read_about(pid, tid, "syscall", line, sizeof(line)) <= 0)
		return;
	if (line[0] < '0' || line[0] > '9')
		return; /* "running", or -1: not in a call */
	for (const char *c = line; *c >= '0' && *c <= '9' && number < 100000; c++) {
		digit = *c - '0';
		number = number * 10 + digit;
	}
	for (size_t i = 0; i < FONDUE_COUNT(calls); i++)
		if (calls[i].number == number) {
			log_format(text, size, " in %s", calls[i].name);
			return;
		}
	log_format(text, size, " in system call %ld", number);
}

static const char *word_for(char state)
{
	switch (state) {
	case 'R':
		return "running";
	case 'S':
		return "sleeping";
	case 'D':
		return "in uninterruptible sleep";
	case 'T':
		return "stopped";
	case 't':
		return "stopped by a tracer";
	case 'Z':
	case 'X':
		return "dead";
	default:
		return "in a state unknown here";
	}
}

/* "12 (name) S 1 ...": the name may hold anything, so from its end. */
static char state_in(const char *stat, size_t len)
{
	while (len > 2 && !(stat[len - 1] == ' ' && stat[len - 2] == ')'))
		len--;
	return len > 2 ? stat[len] : '\0';
}

/* A thread may call itself what it likes; a terminal should not obey it. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

/* That its state cannot be read. */
static const char *what_it_means(long error)
{
	if (error == -ENOENT || error == -ESRCH)
		return "gone";
	return "in a state that may not be seen from here";
}

void thread_look(pid_t pid, pid_t tid, struct thread_state *ret_state)
{
	char stat[512], call[48];
	long len = read_about(pid, tid, "stat", stat, sizeof(stat));
	long name = read_about(pid, tid, "comm", ret_state->comm, sizeof(ret_state->comm));
	char state = len > 0 ? state_in(stat, len) : '\0';

	ret_state->is_there = len > 0;
	if (name > 0 && ret_state->comm[name - 1] == '\n')
		ret_state->comm[name - 1] = '\0';
	make_printable(ret_state->comm);
	name_call(pid, tid, call, sizeof(call));
	log_format(ret_state->doing, sizeof(ret_state->doing), "%s%s",
		len > 0 ? word_for(state) : what_it_means(len), state == 'R' ? "" : call);
}

/* Fields of stat, counted from the state. */
#define FIELD_FLAGS 6
#define FIELD_START 19
#define FLAG_EXITING 0x4 /* PF_EXITING, which is set before anybody hears of a death */

/* The @n-th behind @at, which is at the 0-th. */
static uint64_t field(const char *at, unsigned n)
{
	uint64_t value = 0;

	for (; n && *at; at++)
		n -= *at == ' ';
	for (; text_digit(*at, 10) < 10; at++)
		value = value * 10 + text_digit(*at, 10);
	return value;
}

/* A start is counted in hundredths of a second on all architectures that we know. */
#define START_NS 10000000

bool thread_process_lives(pid_t pid, uint64_t since)
{
	char stat[512];
	long len = read_about(pid, pid, "stat", stat, sizeof(stat));
	const char *state = len > 0 ? text_last(stat, ')') : NULL;

	if (!state || state[1] != ' ' || !state[2])
		return false;
	state += 2;
	return *state != 'Z' && *state != 'X' && !(field(state, FIELD_FLAGS) & FLAG_EXITING) &&
	       field(state, FIELD_START) * START_NS <= since;
}

/* The kernel gives a program its name, then says where its arguments are. */
bool thread_is_loaded(pid_t pid)
{
	char arguments[16];

	return read_about(pid, pid, "cmdline", arguments, sizeof(arguments)) > 0;
}

bool thread_proc_is_ours(void)
{
	char text[16], own[16];
	long len = sys_call(SYS_readlinkat, AT_FDCWD, "/proc/self", text, sizeof(text) - 1);

	if (len <= 0)
		return false;
	text[len] = '\0';
	log_format(own, sizeof(own), "%d", (int)sys_call(SYS_getpid));
	return text_equals(text, own);
}

uint64_t thread_namespace(void)
{
	struct stat it;

	return sys_call(SYS_newfstatat, AT_FDCWD, "/proc/self/ns/pid", &it, 0) == 0 ? it.st_ino :
										      0;
}

bool thread_is_alone(void)
{
	struct stat tasks;

	/* a directory's links: itself, its name, and one for each thread */
	return sys_call(SYS_newfstatat, AT_FDCWD, "/proc/self/task", &tasks, 0) == 0 &&
	       tasks.st_nlink == 3;
}
