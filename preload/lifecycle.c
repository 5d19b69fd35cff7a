/* SPDX-License-Identifier: MIT */
/*
 * lifecycle.c - the order of things
 *
 * Objects are taken in while nobody else can be writing to them: those of the start before
 * any constructor but ours, later ones when their own first constructor tells us (it is in
 * <fondue/shared.h>): relocated, still in the hands of the thread inside dlopen(), and
 * nothing of them has run. So dlopen() itself needs no hook, which its callers would notice
 * in how it searches.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#include "lifecycle.h"
#include "adopt.h"
#include "config.h"
#include "family.h"
#include "log.h"

static bool is_single_threaded(void)
{
	struct stat tasks;

	/* a directory's links: itself, its name, and one for each thread */
	return sys_call(SYS_newfstatat, AT_FDCWD, "/proc/self/task", &tasks, 0) == 0 &&
	       tasks.st_nlink == 3;
}

/* Registered before any other handlers: so this one runs last, next to the fork itself. */
static void before_fork(void)
{
	adopt_hold();
	family_forks();
}

static void after_fork_parent(void)
{
	adopt_release();
}

static void after_fork_child(void)
{
	adopt_release();
	family_forked_child();
}

void lifecycle_start(char *const *envp, const struct fondue_runtime *runtime, bool late)
{
	log_start();
	config_load(envp, getauxval(AT_SECURE) != 0);
	family_start();
	adopt_start(runtime);
	pthread_atfork(before_fork, after_fork_parent, after_fork_child);
	if (late && !is_single_threaded())
		adopt_refuse_all();
	if (adopt_new_objects() && config.strict) {
		log_line("FONDUE_STRICT=1: the program does not start");
		_exit(127);
	}
}

void lifecycle_object_loaded(void)
{
	adopt_new_objects();
}
