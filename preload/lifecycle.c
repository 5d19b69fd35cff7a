/* SPDX-License-Identifier: MIT */
/*
 * lifecycle.c - the order of things
 *
 * Objects are taken in as early as can be, while nobody else can be writing to them: those
 * of the start before any constructor but ours, later ones before dlopen() returns. A
 * dlopen() that we must pass on without a frame of our own (see hook-dl.c) is made up for
 * at the next occasion: before a fork, a thread or another dlopen().
 *
 * Never wait for the loader's lock where the host does not take it itself: a thread that
 * is inside dlopen() may be waiting for one that forks. Hence before a split objects are
 * looked for only by the thread that is inside dlopen() (it has the lock), or when there
 * is but one thread.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#include "lifecycle.h"
#include "adopt.h"
#include "config.h"
#include "family.h"
#include "log.h"

/* dlopen() calls that this thread is inside of */
static __thread unsigned loading __attribute__((tls_model("initial-exec")));
/* a dlopen() went by unseen, and nobody has looked since; relaxed: a hint */
static atomic_bool pending;

static bool is_single_threaded(void)
{
	struct stat tasks;

	/* a directory's links: itself, its name, and one for each thread */
	if (sys_call(SYS_newfstatat, AT_FDCWD, "/proc/self/task", &tasks, 0) != 0)
		return false;
	return tasks.st_nlink == 3;
}

/* Registered before any other handlers: so this one runs last, next to the fork itself. */
static void before_fork(void)
{
	lifecycle_before_split();
	adopt_hold();
}

static void after_fork_parent(void)
{
	adopt_release();
	family_forked_parent();
}

static void after_fork_child(void)
{
	adopt_release();
	family_forked_child();
}

void lifecycle_start(char *const *envp, const struct fondue_runtime *runtime)
{
	log_start();
	config_load(envp, getauxval(AT_SECURE) != 0);
	family_start();
	adopt_start(runtime);
	pthread_atfork(before_fork, after_fork_parent, after_fork_child);
	if (adopt_new_objects(ADOPT_START) && config.strict) {
		log_line("FONDUE_STRICT=1: the program does not start");
		_exit(127);
	}
}

/* errno is the host's: after a successful dlopen() it is what it was. */
static void look(enum adopt_when when)
{
	int saved = errno;

	adopt_new_objects(when);
	errno = saved;
}

static void look_if_pending(void)
{
	if (atomic_load_explicit(&pending, memory_order_relaxed)) {
		atomic_store_explicit(&pending, false, memory_order_relaxed);
		look(is_single_threaded() ? ADOPT_LOADED : ADOPT_THREADS);
	}
}

void lifecycle_enter_loading(void)
{
	look_if_pending();
	loading++;
}

void lifecycle_leave_loading(void)
{
	loading--;
	look(ADOPT_LOADED);
}

void lifecycle_unseen_loading(void)
{
	look_if_pending();
	atomic_store_explicit(&pending, true, memory_order_relaxed);
}

void lifecycle_before_split(void)
{
	if (loading)
		look(ADOPT_LOADED);
	else if (atomic_load_explicit(&pending, memory_order_relaxed) && is_single_threaded())
		look_if_pending();
}
