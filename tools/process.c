/* SPDX-License-Identifier: MIT */
/*
 * process.c - whom a number means, and what the kernel lets us see of him
 *
 * Reading is process_vm_readv(2): it stops nobody, attaches to nothing, and is refused
 * where a debugger would be. A process whose first thread has ended looks like a zombie,
 * and its memory is to be had only through one of the others: so there is always a thread
 * that stands for it. Whatever goes wrong is told in the words of whoever typed the number.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "memory.h"
#include "process.h"

#define YAMA "/proc/sys/kernel/yama/ptrace_scope"

bool process_number(const char *text, pid_t *ret_pid)
{
	unsigned long number;

	if (!*text || strspn(text, "0123456789") != strlen(text))
		return false;
	errno = 0;
	number = strtoul(text, NULL, 10);
	if (errno || number < 1 || number > INT_MAX)
		return false;
	*ret_pid = (pid_t)number;
	return true;
}

bool process_field(pid_t tid, const char *name, char *value, size_t size)
{
	size_t len = strlen(name);
	char path[64], line[512];
	bool found = false;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	status = fopen(path, "re");
	while (status && !found && fgets(line, sizeof(line), status)) {
		found = !strncmp(line, name, len) && line[len] == ':';
		if (found)
			snprintf(value, size, "%s",
				line + len + 1 + strspn(line + len + 1, " \t"));
	}
	if (status)
		fclose(status);
	if (found)
		value[strcspn(value, "\n")] = '\0';
	return found;
}

static bool lives(pid_t tid)
{
	char state[32];

	return process_field(tid, "State", state, sizeof(state)) && *state != 'Z' &&
	       *state != 'X';
}

/* A thread that lives, its first if that does. Return: 0: there is none. */
static pid_t living_thread(pid_t pid)
{
	char path[64];
	struct dirent *entry;
	pid_t found = 0, tid;
	DIR *tasks;

	if (lives(pid))
		return pid;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	while (tasks && !found && (entry = readdir(tasks)))
		if (process_number(entry->d_name, &tid) && lives(tid))
			found = tid;
	if (tasks)
		closedir(tasks);
	return found;
}

/* What /proc shows must be what our own system calls mean. */
static char *doubt_proc(void)
{
	char self[32] = "";
	ssize_t len = readlink("/proc/self", self, sizeof(self) - 1);

	if (len < 0)
		return memory_copy("/proc is not mounted, which tells about processes");
	if (strtol(self, NULL, 10) != getpid())
		return memory_copy("/proc shows another pid namespace than this command is in; "
				   "mount the own one: mount -t proc proc /proc");
	return NULL;
}

static char *not_there(pid_t pid)
{
	if (kill(pid, 0) != 0 && errno == ESRCH)
		return memory_copy("there is no such process, or no more; pgrep(1) finds those "
				   "that run");
	return memory_copy("it is not to be seen in /proc, as another user's (hidepid); "
			   "look at it as root");
}

char *process_find(struct process *process, pid_t pid)
{
	char group[32];
	char *why = doubt_proc();

	*process = (struct process){ .pid = pid };
	if (why)
		return why;
	if (!process_field(pid, "Tgid", group, sizeof(group)))
		return not_there(pid);
	if (strtol(group, NULL, 10) != pid)
		return memory_format("it is a thread; look at its process, %s", group);
	process->tid = living_thread(pid);
	if (!process->tid)
		return memory_copy("it has ended, and waits for its parent to take notice "
				   "(a zombie)");
	return NULL;
}

bool process_has_ended(pid_t pid)
{
	return living_thread(pid) == 0;
}

/* 0: there is no Yama. */
static int yama_scope(void)
{
	FILE *file = fopen(YAMA, "re");
	int scope = 0;

	if (file && fscanf(file, "%d", &scope) != 1)
		scope = 0;
	if (file)
		fclose(file);
	return scope;
}

char *process_refusal(const struct process *process, int error)
{
	char uids[128] = "";
	uid_t uid;

	if (error == ESRCH || error == ENOENT)
		return memory_copy("it has just ended");
	if (error != EPERM && error != EACCES)
		return memory_format("it cannot be read: %s", strerror(error));
	process_field(process->tid, "Uid", uids, sizeof(uids));
	uid = (uid_t)strtoul(uids, NULL, 10);
	if (geteuid() != 0 && isdigit((unsigned char)*uids) && uid != geteuid())
		return memory_format("it may not be read: it belongs to user %u; be that user, "
				     "or root",
			uid);
	if (yama_scope() > 2)
		return memory_copy("nobody may read it: " YAMA " is 3 until the next boot");
	if (yama_scope() > 0)
		return memory_format("it may not be read: " YAMA " is %d; be root",
			yama_scope());
	if (geteuid() != 0)
		return memory_copy("it may not be read: it has changed its user or has other "
				   "rights than its caller; be root");
	return memory_copy("it may not be read, not even by root: of this container, perhaps; "
			   "look from outside, or allow CAP_SYS_PTRACE and process_vm_readv");
}

int process_read(const struct process *process, uint64_t from, void *to, size_t size)
{
	char *next = to;

	while (size) {
		struct iovec local = { .iov_base = next, .iov_len = size };
		struct iovec remote = { .iov_base = (void *)(uintptr_t)from,
			.iov_len = size };
		ssize_t got = process_vm_readv(process->tid, &local, 1, &remote, 1, 0);

		if (got <= 0)
			return got < 0 ? errno : EFAULT;
		next += got;
		from += (size_t)got;
		size -= (size_t)got;
	}
	return 0;
}
