/* SPDX-License-Identifier: MIT */
/*
 * Description: what is made process-shared is what libc itself would have made of it
 *
 * Byte by byte: of each kind, with each attribute, an object that is made process-shared
 * afterwards is compared with one that was initialised so.
 */
#include <string.h>

#include "config.h"
#include "log.h"
#include "process-shared.h"
#include "said.h"
#include "unit.h"

static pthread_mutex_t mutex, like_mutex;
static pthread_cond_t cond, like_cond;
static pthread_rwlock_t rwlock, like_rwlock;

static void start(void)
{
	said_start();
	log_start();
	sync_calls = (struct sync_calls){
		.cond_init = pthread_cond_init,
		.condattr_init = pthread_condattr_init,
		.condattr_setpshared = pthread_condattr_setpshared,
		.rwlock_init = pthread_rwlock_init,
		.rwlockattr_init = pthread_rwlockattr_init,
		.rwlockattr_setpshared = pthread_rwlockattr_setpshared,
	};
	areas_add((uintptr_t)&mutex, (uintptr_t)(&mutex + 1));
	areas_add((uintptr_t)&cond, (uintptr_t)(&cond + 1));
	areas_add((uintptr_t)&rwlock, (uintptr_t)(&rwlock + 1));
}

static const int types[] = { PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE,
	PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_DEFAULT };
static const int protocols[] = { PTHREAD_PRIO_NONE, PTHREAD_PRIO_INHERIT };

static void make_mutex(pthread_mutex_t *at, int type, int protocol, int shared, int robust)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, type);
	pthread_mutexattr_setprotocol(&attributes, protocol);
	pthread_mutexattr_setpshared(&attributes, shared);
	pthread_mutexattr_setrobust(&attributes, robust);
	memset(at, 0, sizeof(*at));
	pthread_mutex_init(at, &attributes);
}

/* Both ways: at its first use, and just initialised. */
static bool becomes(int type, int protocol, bool fresh)
{
	make_mutex(&mutex, type, protocol, PTHREAD_PROCESS_PRIVATE, PTHREAD_MUTEX_STALLED);
	make_mutex(&like_mutex, type, protocol, PTHREAD_PROCESS_SHARED,
		config.robust ? PTHREAD_MUTEX_ROBUST : PTHREAD_MUTEX_STALLED);
	if (fresh)
		process_shared_fresh(SYNC_MUTEX, &mutex, config.robust);
	else
		process_shared_use(SYNC_MUTEX, &mutex);
	return !memcmp(&mutex, &like_mutex, sizeof(mutex));
}

static int play_mutexes(void)
{
	start();
	for (unsigned i = 0; i < FONDUE_COUNT(types) * FONDUE_COUNT(protocols) * 2; i++)
		must(becomes(types[i / 4], protocols[i / 2 % 2], i % 2));
	must(said_lines() == 0);
	return CHILD_GOOD;
}

static int play_robust(void)
{
	config.robust = true;
	return play_mutexes();
}

static int play_cond(void)
{
	pthread_condattr_t attributes;

	start();
	for (unsigned i = 0; i < 2; i++) {
		pthread_condattr_init(&attributes);
		pthread_condattr_setclock(&attributes, i ? CLOCK_MONOTONIC : CLOCK_REALTIME);
		pthread_cond_init(&cond, &attributes);
		pthread_condattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
		pthread_cond_init(&like_cond, &attributes);
		process_shared_fresh(SYNC_COND, &cond, false);
		must(!memcmp(&cond, &like_cond, sizeof(cond)));
	}
	memset(&cond, 0, sizeof(cond));
	process_shared_use(SYNC_COND, &cond);
	must(process_shared_is(SYNC_COND, &cond));
	return CHILD_GOOD;
}

static int play_rwlock(void)
{
	pthread_rwlockattr_t attributes;

	start();
	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_rwlock_init(&like_rwlock, &attributes);
	process_shared_use(SYNC_RWLOCK, &rwlock);
	must(!memcmp(&rwlock, &like_rwlock, sizeof(rwlock)));
	return CHILD_GOOD;
}

/* Statically initialised in the other way that there is. */
static int play_writers(void)
{
#ifdef PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP
	static const pthread_rwlock_t fresh = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
	pthread_rwlockattr_t attributes;

	start();
	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_rwlockattr_setkind_np(
		&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&like_rwlock, &attributes);
	rwlock = fresh;
	process_shared_use(SYNC_RWLOCK, &rwlock);
	must(!memcmp(&rwlock, &like_rwlock, sizeof(rwlock)));
	must(said_lines() == 0);
#endif
	return CHILD_GOOD;
}

static int play_elsewhere(void)
{
	static pthread_mutex_t elsewhere, fresh = PTHREAD_MUTEX_INITIALIZER;

	start();
	process_shared_use(SYNC_MUTEX, &elsewhere);
	must(!memcmp(&elsewhere, &fresh, sizeof(fresh)));
	return CHILD_GOOD;
}

/* In use: of any kind. A mutex that has been used, and is free, is as good as new. */
static int play_in_use(void)
{
	pthread_mutex_t kept;
	pthread_rwlock_t kept_rwlock;

	start();
	must(pthread_mutex_lock(&mutex) == 0);
	kept = mutex;
	process_shared_use(SYNC_MUTEX, &mutex);
	must(!memcmp(&mutex, &kept, sizeof(kept)));
	must(pthread_mutex_unlock(&mutex) == 0);
	process_shared_use(SYNC_MUTEX, &mutex);
	must(process_shared_is(SYNC_MUTEX, &mutex));
	must(pthread_rwlock_rdlock(&rwlock) == 0);
	kept_rwlock = rwlock;
	process_shared_use(SYNC_RWLOCK, &rwlock);
	must(!memcmp(&rwlock, &kept_rwlock, sizeof(kept_rwlock)));
	return CHILD_GOOD;
}

/* A libc in which that is not to be had: nothing is changed. */
static int never(pthread_condattr_t *attributes, int shared)
{
	(void)attributes;
	(void)shared;
	return ENOTSUP;
}

static int play_unknown(void)
{
	pthread_cond_t fresh = PTHREAD_COND_INITIALIZER;

	start();
	sync_calls.condattr_setpshared = never;
	process_shared_use(SYNC_COND, &cond);
	must(!memcmp(&cond, &fresh, sizeof(fresh)));
	return CHILD_GOOD;
}

int main(void)
{
	test_play(
		"mutexes of all types, with and without inheritance of priority", play_mutexes);
	test_play("... robust ones", play_robust);
	test_play("condition variables, of either clock", play_cond);
	test_play("a lock for readers and writers", play_rwlock);
	test_play("... that prefers writers", play_writers);
	test_play("what lies elsewhere is left alone", play_elsewhere);
	test_play("what is in use is left alone", play_in_use);
	test_play("where libc has no such thing nothing is changed", play_unknown);
	return tap_done();
}
