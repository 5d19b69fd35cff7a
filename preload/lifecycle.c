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
#include <pthread.h>
#include <sys/auxv.h>

#include "lifecycle.h"
#include "adopt.h"
#include "areas.h"
#include "audit.h"
#include "complain.h"
#include "config.h"
#include "family.h"
#include "lockorder.h"
#include "log.h"
#include "modules.h"
#include "overdue.h"
#include "plans.h"
#include "relock.h"
#include "repoint.h"
#include "thread-state.h"
#include "watch.h"

/*
 * Registered before any other handlers: so the first runs last and the second first, next
 * to the fork itself. There is none for the child, which would pay for its pages: what a
 * child must know it finds out when it needs to.
 */
static void before_fork(void)
{
	plans_before_fork();
	if (areas_are_there())
		repoint_silent();
	adopt_hold();
	family_forks();
}

/* There is something in which locks may lie: from now on calls that lock are seen. */
static void share_locks(void)
{
	if (areas_are_there())
		repoint_all();
}

/*
 * Not so when our constructor runs, before libc's: to load a library then would have libc
 * start as a part of it, without a command line and without an environment.
 */
static bool libc_is_ready;

static const struct fondue_runtime *audit_as_configured(const struct fondue_runtime *runtime)
{
	if (!config.lock_order && !config.hold_check)
		return runtime;
	if (config.lock_order)
		lockorder_start();
	if (config.hold_check)
		overdue_start();
	return audit_start(runtime);
}

/* Return: how many objects were refused. */
static unsigned share_annotated(bool late)
{
	if (!adopt_is_wanted())
		return 0;
	if (late && !thread_is_alone())
		adopt_refuse_all(REASON_THREADS);
	else if (!modules_are_the_programs())
		adopt_refuse_all(REASON_NAMESPACE);
	return adopt_new_objects();
}

void lifecycle_start(char *const *envp, const struct fondue_runtime *runtime, bool late)
{
	unsigned refused;

	log_start();
	config_load(envp, getauxval(AT_SECURE) != 0);
	family_start(late);
	adopt_start(audit_as_configured(runtime));
	pthread_atfork(before_fork, adopt_release, NULL);
	relock_start();
	watch_start(); /* libraries with locks may come later */
	complain_start();
	refused = share_annotated(late);
	refused += plans_apply(late ? "its object has begun to run" : NULL);
	share_locks();
	if (refused && config.strict) {
		log_line("FONDUE_STRICT=1: the program does not start");
		_exit(127);
	}
	if (late)
		lifecycle_libc_is_ready();
}

void lifecycle_libc_is_ready(void)
{
	libc_is_ready = true;
	if (adopt_has_locks())
		watch_ready();
}

void lifecycle_object_arrives(uintptr_t code)
{
	plans_object_arrives(code);
	if (areas_are_there())
		repoint_arrival(code);
}

/* In a static program such constructors may run before ours, which then sees to all. */
void lifecycle_object_loaded(void)
{
	if (!adopt_is_started())
		return;
	adopt_new_objects();
	share_locks();
	if (libc_is_ready)
		lifecycle_libc_is_ready();
}
