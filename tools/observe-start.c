/* SPDX-License-Identifier: MIT */
/*
 * observe-start.c - a child that waits until it is traced, and then becomes the program
 *
 * It waits at a pipe, so no signal is needed, and none is left for the program to find. The
 * program is a child of this process, in its process group, with its descriptors and its
 * environment; signals are as we found them. What goes wrong in exec comes back through a
 * second pipe, which a successful exec closes.
 *
 * Tracing ends when we do: nothing here makes the program die with us (PTRACE_O_EXITKILL),
 * for it is somebody's server.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "maps.h"
#include "memory.h"
#include "observe-inherit.h"
#include "observe-picture.h"
#include "observe-start.h"
#include "process.h"
#include "program.h"

#define TRACED                                                                                 \
	(PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | \
		PTRACE_O_TRACEEXIT)

static _Noreturn void become(
	char *const *argv, const struct inherited *inherited, int go, int failure)
{
	int error;
	char byte;

	/* nothing comes if the observer is gone */
	if (read(go, &byte, 1) != 1)
		_exit(127);
	inherit_restore();
	sigaction(SIGCHLD, &inherited->child, NULL);
	sigprocmask(SIG_SETMASK, &inherited->mask, NULL);
	execvp(argv[0], argv);
	error = errno;
	if (write(failure, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

static const char *cannot_execute(const char *name, int error)
{
	if (error == ENOENT)
		return memory_format("%s: not found", name);
	return memory_format("%s: %s", name, strerror(error));
}

static const char *cannot_trace(pid_t pid, int error)
{
	struct process process = { .pid = pid, .tid = pid };

	if (error == EPERM || error == EACCES)
		return memory_format(
			"the program cannot be traced: %s", process_refusal(&process, error));
	return memory_format("the program cannot be traced: %s", strerror(error));
}

/* Let it go on until it executes. Return: does it? Else it has ended. */
static bool wait_for_exec(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, __WALL) == pid) {
		int event = status >> 16, signal = WSTOPSIG(status);

		if (!WIFSTOPPED(status))
			return false;
		if (event == PTRACE_EVENT_EXEC)
			return true;
		if (event == PTRACE_EVENT_STOP && signal != SIGTRAP)
			ptrace(PTRACE_LISTEN, pid, 0, 0);
		else
			ptrace(PTRACE_CONT, pid, 0, event ? 0 : signal);
	}
	return false;
}

static const char *give_up(pid_t pid, const char *why)
{
	kill(pid, SIGKILL);
	/* its last stop, if it is traced, and its end */
	while (waitpid(pid, &(int){ 0 }, __WALL) == pid)
		ptrace(PTRACE_CONT, pid, 0, 0);
	return why;
}

/* A container may allow ptrace(2) and not this. Some pages nobody can read, as [vvar]. */
static bool is_readable(pid_t pid)
{
	struct process process = { .pid = pid, .tid = pid };
	struct maps maps;
	bool good = false;
	char byte;

	if (maps_read(&maps, pid) != 0)
		return false;
	for (size_t i = 0; i < maps.count && !good; i++)
		good = process_read(&process, maps.list[i].start, &byte, 1) == 0;
	maps_free(&maps);
	return good;
}

/* ... nor that. */
static bool has_picture(pid_t pid)
{
	struct picture *picture = picture_take(pid);

	picture_free(picture);
	return picture != NULL;
}

static const char *trace(const char *name, pid_t pid, int go, int failure)
{
	int error = 0;

	if (ptrace(PTRACE_SEIZE, pid, 0, TRACED) != 0)
		return give_up(pid, cannot_trace(pid, errno));
	if (write(go, "", 1) != 1)
		return give_up(pid, "the program cannot be started");
	if (!wait_for_exec(pid)) {
		if (read(failure, &error, sizeof(error)) == sizeof(error))
			return cannot_execute(name, error);
		return memory_format("%s: it was killed before it began", name);
	}
	if (!is_readable(pid) || !has_picture(pid))
		return give_up(pid, cannot_trace(pid, EPERM));
	return NULL;
}

/* Only root may trace them and leave them their rights. */
static const char *object_to(const char *name)
{
	const char *path = program_find(name);

	if (!path)
		return cannot_execute(name, errno);
	if (geteuid() != 0 && program_is_secure(path))
		return "it runs with the rights of another user or group, or with "
		       "capabilities, and would not have them when traced; be root";
	return NULL;
}

const char *start_program(char *const *argv, const struct inherited *inherited, pid_t *ret_pid)
{
	const char *why = object_to(argv[0]);
	int go[2], failure[2];
	pid_t pid;

	if (why)
		return why;
	inherit_note();
	if (pipe2(go, O_CLOEXEC) != 0)
		return memory_format("no pipe: %s", strerror(errno));
	if (pipe2(failure, O_CLOEXEC) != 0) {
		close(go[0]);
		close(go[1]);
		return memory_format("no pipe: %s", strerror(errno));
	}
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		become(argv, inherited, go[0], failure[1]);
	}
	close(go[0]);
	close(failure[1]);
	why = pid < 0 ? memory_format("no process: %s", strerror(errno)) :
			trace(argv[0], pid, go[1], failure[0]);
	close(go[1]);
	close(failure[0]);
	*ret_pid = pid;
	return why;
}
