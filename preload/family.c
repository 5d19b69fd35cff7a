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
#include <string.h>
#include <sys/mman.h>

#include "family.h"
#include "log.h"

/* A daemon has two ancestors at most; a longer line is not worth following. */
#define ANCESTORS_MAX 8

static atomic_uint own_forks;

static struct {
	atomic_int self;
	atomic_uint *forks; /* of the whole family; &own_forks: only of this process */
	bool unclear;	    /* nobody has counted, or the line is too long */
	unsigned count;
	pid_t ancestors[ANCESTORS_MAX]; /* the last is the parent */
} family = { .forks = &own_forks };

static pid_t own_pid(void)
{
	return sys_call(SYS_getpid); /* not libc's: some cached it across raw clones */
}

void family_start(void)
{
	atomic_store_explicit(&family.self, own_pid(), memory_order_relaxed);
}

void family_keep_count(void)
{
	long page;

	if (family.forks != &own_forks || family.unclear || atomic_load(&own_forks))
		return;
	page = sys_call(SYS_mmap, 0, sizeof(*family.forks), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page > 0 || page < -4095)
		family.forks = (atomic_uint *)page;
}

void family_forks(void)
{
	/*
	 * Before the child exists, so that no relative can miss it. Relaxed: whoever reads
	 * it has been forked, or has seen a process's end, and the kernel orders those.
	 */
	atomic_fetch_add_explicit(family.forks, 1, memory_order_relaxed);
}

void family_fork_failed(void)
{
	atomic_fetch_sub_explicit(family.forks, 1, memory_order_relaxed);
}

/* `family` is still the parent's, as it was at the fork: become its child, once. */
static bool become_child(void)
{
	pid_t pid = own_pid();
	pid_t parent = atomic_exchange_explicit(&family.self, pid, memory_order_relaxed);

	if (parent == pid)
		return false;
	if (family.forks == &own_forks || family.count == ANCESTORS_MAX)
		family.unclear = true;
	else
		family.ancestors[family.count++] = parent;
	return true;
}

void family_forked_child(void)
{
	(void)become_child();
}

bool family_notice_fork(void)
{
	bool noticed = become_child();

	if (noticed)
		family_forks();
	return noticed;
}

/* In /proc/PID/stat: the state behind the name, and the 18th field from there. */
static bool is_zombie(const char *stat)
{
	const char *at = strrchr(stat, ')');

	if (!at || (at[1] != ' ') || (at[2] != 'Z' && at[2] != 'X'))
		return false;
	at += 2;
	for (unsigned field = 0; field < 17; field++) {
		at = strchr(at, ' ');
		if (!at)
			return false;
		at++;
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
	(void)family_notice_fork();
	/* raw forks are in the line and not in the count, hence not "different" */
	if (family.unclear ||
		atomic_load_explicit(family.forks, memory_order_relaxed) > family.count)
		return false;
	for (unsigned i = 0; i < family.count; i++)
		if (!is_gone(family.ancestors[i], i + 1 == family.count))
			return false;
	return true;
}
