/* SPDX-License-Identifier: MIT */
/*
 * doors.c - which doors there are
 */
#include <sys/mman.h>

#include "doors.h"
#include "marks.h"
#include "real.h"
#include "repoint.h"
#include "text.h"

struct next_calls *next;

void doors_use(enum sync kind, void *object)
{
	process_shared_use(kind, object);
}

bool doors_hold(const void *object)
{
	return areas_hold(object);
}

/*
 * The list, in code: as a table of pointers it would be relocated, a page of it, in every
 * process that is started.
 */
struct all {
	struct next_calls next;
	struct door doors[40];
};

static struct door *add(struct door *at, const char *name, void *function, void *next_at)
{
	*at = (struct door){ name, function, next_at };
	return at + 1;
}

/*
 * With glibc an object says that it is about to run, see hook-init.c, and dlopen() looks at
 * who calls it. With musl neither is so.
 */
#ifdef __GLIBC__
static struct door *add_loading(struct door *at)
{
	return at;
}
#else
static void *dlopen_here(const char *file, int mode)
{
	void *handle = next->dlopen(file, mode);

	repoint_all();
	return handle;
}

static struct door *add_loading(struct door *at)
{
	return add(at, "dlopen", dlopen_here, &next->dlopen);
}
#endif

static const struct door *list_doors(unsigned *ret_count)
{
	long at = sys_call(SYS_mmap, 0, sizeof(struct all), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct all *all = (struct all *)at;
	struct door *d = all->doors;

	if (sys_failed(at))
		return NULL;
	next = &all->next;
	d = add(d, "pthread_mutex_init", door_mutex_init, &next->mutex_init);
	d = add(d, "pthread_mutex_lock", door_mutex_lock, &next->mutex_lock);
	d = add(d, "pthread_mutex_trylock", door_mutex_trylock, &next->mutex_trylock);
	d = add(d, "pthread_mutex_timedlock", door_mutex_timedlock, &next->mutex_timedlock);
	d = add(d, "pthread_mutex_clocklock", door_mutex_clocklock, &next->mutex_clocklock);
	d = add(d, "pthread_cond_init", door_cond_init, &sync_calls.cond_init);
	d = add(d, "pthread_cond_wait", door_cond_wait, &next->cond_wait);
	d = add(d, "pthread_cond_timedwait", door_cond_timedwait, &next->cond_timedwait);
	d = add(d, "pthread_cond_clockwait", door_cond_clockwait, &next->cond_clockwait);
	d = add(d, "pthread_rwlock_init", door_rwlock_init, &sync_calls.rwlock_init);
	d = add(d, "pthread_rwlock_rdlock", door_rwlock_rdlock, &next->rwlock_rdlock);
	d = add(d, "pthread_rwlock_wrlock", door_rwlock_wrlock, &next->rwlock_wrlock);
	d = add(d, "pthread_rwlock_tryrdlock", door_rwlock_tryrdlock, &next->rwlock_tryrdlock);
	d = add(d, "pthread_rwlock_trywrlock", door_rwlock_trywrlock, &next->rwlock_trywrlock);
	d = add(d, "pthread_rwlock_timedrdlock", door_rwlock_timedrdlock,
		&next->rwlock_timedrdlock);
	d = add(d, "pthread_rwlock_timedwrlock", door_rwlock_timedwrlock,
		&next->rwlock_timedwrlock);
	d = add(d, "pthread_rwlock_clockrdlock", door_rwlock_clockrdlock,
		&next->rwlock_clockrdlock);
	d = add(d, "pthread_rwlock_clockwrlock", door_rwlock_clockwrlock,
		&next->rwlock_clockwrlock);
	d = add(d, "pthread_barrier_init", door_barrier_init, &sync_calls.barrier_init);
	d = add(d, "sem_init", door_sem_init, &next->sem_init);
	d = add(d, "pthread_once", door_once, &next->once);
	d = add(d, "mtx_lock", door_mtx_lock, &next->mtx_lock);
	d = add(d, "mtx_trylock", door_mtx_trylock, &next->mtx_trylock);
	d = add(d, "mtx_timedlock", door_mtx_timedlock, &next->mtx_timedlock);
	d = add(d, "cnd_wait", door_cnd_wait, &next->cnd_wait);
	d = add(d, "cnd_timedwait", door_cnd_timedwait, &next->cnd_timedwait);
	d = add(d, "cnd_signal", door_cnd_signal, &next->cnd_signal);
	d = add(d, "cnd_broadcast", door_cnd_broadcast, &next->cnd_broadcast);
	d = add_loading(d);
	/* no doors, but called behind them */
	d = add(d, "pthread_cond_signal", NULL, &next->cond_signal);
	d = add(d, "pthread_cond_broadcast", NULL, &next->cond_broadcast);
	d = add(d, "pthread_condattr_init", NULL, &sync_calls.condattr_init);
	d = add(d, "pthread_condattr_setpshared", NULL, &sync_calls.condattr_setpshared);
	d = add(d, "pthread_rwlockattr_init", NULL, &sync_calls.rwlockattr_init);
	d = add(d, "pthread_rwlockattr_setpshared", NULL, &sync_calls.rwlockattr_setpshared);
	d = add(d, "pthread_barrierattr_init", NULL, &sync_calls.barrierattr_init);
	d = add(d, "pthread_barrierattr_setpshared", NULL, &sync_calls.barrierattr_setpshared);
	d = add(d, "pthread_mutexattr_getprotocol", NULL, &sync_calls.mutexattr_getprotocol);
	d = add(d, "pthread_mutexattr_getrobust", NULL, &sync_calls.mutexattr_getrobust);
	*ret_count = d - all->doors;
	return all->doors;
}

/*
 * glibc's condition variables were of another type once. Who was linked then calls
 * functions of the same names, each of its version.
 */
static bool is_other(const char *name, const char *version)
{
	static const char of_old[][sizeof("GLIBC_2.2.5")] = { "GLIBC_2.0", "GLIBC_2.2",
		"GLIBC_2.2.5", "GLIBC_2.3" };

	for (unsigned i = 0; version && i < FONDUE_COUNT(of_old); i++)
		if (text_equals(version, of_old[i]))
			return text_begins(name, "pthread_cond_");
	return false;
}

static const struct doors doors = {
	.list = list_doors,
	.find = real_bound,
	.is_other = is_other,
	.open = marks_start,
};

void doors_start(void)
{
	repoint_start(&doors);
}
