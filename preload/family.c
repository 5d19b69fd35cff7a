/* SPDX-License-Identifier: MIT */
/*
 * family.c - parents, children, and the daemon that outlives them
 *
 * Memory made after a fork cannot reach processes that exist already, so what arrives
 * later can no longer be what the program asked for: one variable for the whole family.
 * That is true of a process that has forked and of one that was forked, unless everybody
 * else is gone: a daemon forks once or twice at its start, the parents end, and the
 * survivor loads its modules. So each process remembers its line of ancestors, and the
 * whole family counts its forks in one shared page. If there were as many forks as a
 * process has ancestors, each of them had one child, and nobody else was ever born; then
 * it is alone when they are dead. Of a brother who was born later nothing else could tell.
 *
 * A pid that was given to a stranger since counts as alive: too careful, never wrong. Raw
 * clone() and syscall() are seen in the child (its pid has changed) but not in the parent.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "family.h"
#include "log.h"
#include "text.h"

/* A daemon has two ancestors at most; a longer line is not worth following. */
#define ANCESTORS_MAX 8

static struct {
	pid_t self;
	atomic_bool has_forked; /* while nobody counts; written once: see family_forks() */
	atomic_uint *forks;	/* of the whole family; NULL: nobody counts */
	bool unclear;		/* born when nobody counted, or the line is too long */
	unsigned count;
	pid_t ancestors[ANCESTORS_MAX]; /* the last is the parent */
} family;

/* What family_forks() did, for family_fork_failed() to undo. */
static __thread enum {
	DID_NOTHING,
	DID_COUNT,
	DID_SET,
} did __attribute__((tls_model("initial-exec")));

static pid_t own_pid(void)
{
	return sys_call(SYS_getpid); /* not libc's: some cached it across raw clones */
}

void family_start(void)
{
	family.self = own_pid();
}

void family_keep_count(void)
{
	long page;

	if (family.forks || family.unclear || atomic_load(&family.has_forked))
		return;
	page = sys_call(SYS_mmap, 0, sizeof(*family.forks), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page > 0 || page < -4095)
		family.forks = (atomic_uint *)page;
}

/* `family` is perhaps still the parent's, as it was at the fork: become its child. */
static void notice_birth(void)
{
	pid_t pid = own_pid();

	if (family.self == pid)
		return;
	if (!family.forks || family.count == ANCESTORS_MAX)
		family.unclear = true;
	else
		family.ancestors[family.count++] = family.self;
	family.self = pid;
}

/*
 * Counted before the child exists, so that no relative can miss it. Private memory is
 * written to the first time only: after each fork the first write to a page costs a fault.
 * All relaxed: whoever reads has been forked, or has seen a process's end, and the kernel
 * orders those.
 */
void family_forks(void)
{
	did = DID_NOTHING;
	if (family.forks) {
		notice_birth(); /* the child's line must not lack us */
		atomic_fetch_add_explicit(family.forks, 1, memory_order_relaxed);
		did = DID_COUNT;
	} else if (!atomic_load_explicit(&family.has_forked, memory_order_relaxed)) {
		atomic_store_explicit(&family.has_forked, true, memory_order_relaxed);
		did = DID_SET;
	}
}

void family_fork_failed(void)
{
	if (did == DID_COUNT)
		atomic_fetch_sub_explicit(family.forks, 1, memory_order_relaxed);
	else if (did == DID_SET)
		atomic_store_explicit(&family.has_forked, false, memory_order_relaxed);
}

/* In /proc/PID/stat: the state behind the name, and the 18th field from there. */
static bool is_zombie(const char *stat)
{
	const char *at = text_last(stat, ')');

	if (!at || (at[1] != ' ') || (at[2] != 'Z' && at[2] != 'X'))
		return false;
	at += 2;
	for (unsigned field = 0; field < 17; at++) {
		if (!*at)
			return false;
		field += *at == ' ';
	}
	/* its first thread has ended; others may go on */
	return (at[0] == '0' || at[0] == '1') && at[1] == ' ';
}

/* Ended, though its parent has not waited for it yet. */
static bool has_ended(pid_t pid)
{
	char path[64], stat[1024]; /* longer than the line up to the number of threads */
	long fd, got;

	log_format(path, sizeof(path), "/proc/%d/stat", pid);
	fd = sys_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = sys_call(SYS_read, fd, stat, sizeof(stat) - 1);
	(void)sys_call(SYS_close, fd);
	stat[got > 0 ? got : 0] = '\0';
	return is_zombie(stat);
}

static bool is_gone(pid_t pid, bool is_parent)
{
	if (is_parent && sys_call(SYS_getppid) != pid)
		return true;
	return sys_call(SYS_kill, pid, 0) == -ESRCH || has_ended(pid);
}

bool family_alone(void)
{
	notice_birth();
	if (family.unclear || atomic_load(&family.has_forked))
		return false;
	/* raw forks are in the line and not in the count, hence not "different" */
	if (family.forks &&
		atomic_load_explicit(family.forks, memory_order_relaxed) > family.count)
		return false;
	for (unsigned i = 0; i < family.count; i++)
		if (!is_gone(family.ancestors[i], i + 1 == family.count))
			return false;
	return true;
}
