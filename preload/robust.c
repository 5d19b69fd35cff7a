/* SPDX-License-Identifier: MIT */
/*
 * robust.c - a program that has not asked for it is not told EOWNERDEAD
 *
 * It would take it for a failure, and go on without the lock. It gets the lock, as it
 * expects, and somebody else is told what has happened: that what the mutex protects may be
 * half written. A program that has made a mutex robust itself knows what to do, and is told
 * by libc. Which these are is remembered: it cannot be seen from a mutex.
 *
 * Who has died cannot be seen from it either, then: so it is looked at before. Where in a
 * mutex its owner stands is learned as everything here is: by looking at one of our own.
 */
#include <stdatomic.h>

#include "robust.h"
#include "config.h"
#include "marks.h"
#include "process-shared.h"
#include "remark.h"
#include "thread-state.h"

/*
 * As the kernel has it in the word of a robust futex; <linux/futex.h>, which musl does not
 * find
 */
#define TID_MASK 0x3fffffff

#define UNKNOWN -1
#define NOWHERE -2
static _Atomic int owner_at = UNKNOWN; /* in words of 32 bits */

bool robust_is_for(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
	int robust = PTHREAD_MUTEX_STALLED, protocol = PTHREAD_PRIO_NONE;

	if (!config.robust)
		return false;
	if (attributes) {
		(void)sync_calls.mutexattr_getrobust(attributes, &robust);
		(void)sync_calls.mutexattr_getprotocol(attributes, &protocol);
	}
	marks_remove(MARKS_ASKED, mutex);
	if (robust == PTHREAD_MUTEX_ROBUST)
		(void)marks_add(MARKS_ASKED, mutex);
	/* glibc has none that are both */
	return protocol != PTHREAD_PRIO_PROTECT;
}

static bool make(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attributes;

	return pthread_mutexattr_init(&attributes) == 0 &&
	       pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0 &&
	       pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0 &&
	       pthread_mutex_init(mutex, &attributes) == 0;
}

/*
 * The last word that has our number, for glibc has it twice and the kernel clears the
 * first.
 */
static int learn(void)
{
	union {
		pthread_mutex_t mutex;
		uint32_t words[sizeof(pthread_mutex_t) / sizeof(uint32_t)];
	} object;
	uint32_t self = sys_call(SYS_gettid);
	int found = NOWHERE;

	if (!make(&object.mutex) || pthread_mutex_trylock(&object.mutex) != 0)
		return NOWHERE;
	for (unsigned i = 0; i < FONDUE_COUNT(object.words); i++)
		if (((volatile uint32_t *)object.words)[i] == self)
			found = i;
	(void)pthread_mutex_unlock(&object.mutex);
	return found;
}

uint32_t robust_owner(pthread_mutex_t *mutex)
{
	int at = atomic_load_explicit(&owner_at, memory_order_relaxed);

	if (at == UNKNOWN) {
		at = learn();
		atomic_store_explicit(&owner_at, at, memory_order_relaxed);
	}
	/* relaxed: a number that is looked into before it is told */
	return at < 0 ? 0 :
			TID_MASK & atomic_load_explicit((_Atomic uint32_t *)mutex + at,
					   memory_order_relaxed);
}

/*
 * It may have released the mutex since, and another has died. Where /proc does not know
 * ourselves it says nothing of others.
 */
static bool is_dead(uint32_t owner)
{
	return thread_process_lives(sys_call(SYS_getpid), UINT64_MAX) &&
	       !thread_process_lives(owner, UINT64_MAX);
}

struct death {
	uintptr_t mutex;
	uint32_t owner; /* 0: not known */
	bool is_repaired;
};

static void say(struct remark *remark, const void *facts)
{
	const struct death *death = facts;

	log_add(&remark->text, "mutex ");
	remark_add_variable(remark, death->mutex);
	log_add(&remark->text, ": its owner");
	if (death->owner)
		log_add(&remark->text, ", pid %u,", death->owner);
	log_add(&remark->text,
		" died holding it; this process has it now%s, and what it protects may "
		"be half written (FONDUE_ROBUST)",
		death->is_repaired ? " and goes on" : "");
}

static const struct remark_form form = { .say = say };

int robust_inherit(pthread_mutex_t *mutex, uint32_t owner, int result)
{
	struct death death = { .mutex = (uintptr_t)mutex };

	if (result != EOWNERDEAD || marks_have(MARKS_ASKED, mutex))
		return result;
	death.is_repaired = pthread_mutex_consistent(mutex) == 0;
	death.owner = owner && is_dead(owner) ? owner : 0;
	remark_make(&form, &death);
	return death.is_repaired ? 0 : result;
}
