/* SPDX-License-Identifier: MIT */
/*
 * Description: whoever uses a lock of libc first makes it process-shared
 *
 * Of any type, in any process, through any object; what lies in private memory stays as it
 * is; and what cannot be done is told, with the variable's name.
 */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>

#include <fondue/heap.h>
#include <fondue/shared.h>

#include "heard.h"
#include "plugins/locker.h"
#include "pthreading.h"

#ifdef PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP
#define OF_TYPE(type) PTHREAD_##type##_MUTEX_INITIALIZER_NP
#else /* musl has no others */
#define OF_TYPE(type) PTHREAD_MUTEX_INITIALIZER
#endif

FONDUE_SHARED static pthread_mutex_t plain = PTHREAD_MUTEX_INITIALIZER;
FONDUE_SHARED static pthread_mutex_t recursive = OF_TYPE(RECURSIVE);
FONDUE_SHARED static pthread_mutex_t checking = OF_TYPE(ERRORCHECK);
FONDUE_SHARED static pthread_mutex_t adaptive = OF_TYPE(ADAPTIVE);
FONDUE_SHARED static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
FONDUE_SHARED static pthread_once_t once = PTHREAD_ONCE_INIT;

static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
static const pthread_cond_t fresh_cond = PTHREAD_COND_INITIALIZER;
static const pthread_rwlock_t fresh_rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_mutex_t private_one = PTHREAD_MUTEX_INITIALIZER;

#define MANY 300
FONDUE_SHARED_ZERO static pthread_mutex_t many[MANY];
FONDUE_SHARED_ZERO static volatile unsigned long counts[MANY];

FONDUE_SHARED static volatile unsigned long count;
FONDUE_SHARED static volatile int turn;
FONDUE_SHARED static atomic_int about_to;

static int (*lock)(pthread_mutex_t *) = pthread_mutex_lock;
static int (*unlock)(pthread_mutex_t *) = pthread_mutex_unlock;
static pthread_mutex_t *mutex = &plain;

static int count_by_lock(void)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		must(lock(mutex) == 0);
		count++;
		must(unlock(mutex) == 0);
	}
	return CHILD_GOOD;
}

static int wait_for_it(void)
{
	atomic_store(&about_to, 1);
	must(lock(mutex) == 0);
	return unlock(mutex) == 0 ? CHILD_GOOD : 1;
}

/* Count is kept, and who sleeps is woken. */
static int play_shared(void)
{
	pid_t child;

	must(all_do(count_by_lock));
	must(count == CHILDREN * ROUNDS);
	must(lock(mutex) == 0);
	child = start_child(wait_for_it);
	must(falls_asleep(child, &about_to));
	must(unlock(mutex) == 0);
	must(unit_wait(child) == CHILD_GOOD);
	must(!*heard());
	return CHILD_GOOD;
}

/* Types */

static int play_recursive(void)
{
	mutex = &recursive;
	must(play_shared() == CHILD_GOOD);
#ifdef PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP
	must(pthread_mutex_lock(mutex) == 0 && pthread_mutex_lock(mutex) == 0);
	must(pthread_mutex_unlock(mutex) == 0 && pthread_mutex_unlock(mutex) == 0);
	must(pthread_mutex_unlock(mutex) == EPERM);
#endif
	return CHILD_GOOD;
}

static int play_checking(void)
{
	mutex = &checking;
	must(play_shared() == CHILD_GOOD);
#ifdef PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP
	must(pthread_mutex_lock(mutex) == 0 && pthread_mutex_lock(mutex) == EDEADLK);
	must(pthread_mutex_unlock(mutex) == 0);
#endif
	return CHILD_GOOD;
}

static int play_adaptive(void)
{
	mutex = &adaptive;
	return play_shared();
}

/* Who */

static int count_everywhere(void)
{
	for (unsigned i = 0; i < MANY; i++) {
		must(pthread_mutex_lock(&many[i]) == 0);
		counts[i]++;
		must(pthread_mutex_unlock(&many[i]) == 0);
	}
	return CHILD_GOOD;
}

/* Several at once, each lock for the first time. */
static int play_race(void)
{
	must(all_do(count_everywhere));
	for (unsigned i = 0; i < MANY; i++)
		must(counts[i] == CHILDREN);
	must(!*heard());
	return CHILD_GOOD;
}

/* A child that has it first, while its parent has not used it. */
static int hold_it(void)
{
	must(lock(mutex) == 0);
	atomic_store(&about_to, 2);
	while (atomic_load(&about_to) != 1 || state_of(getppid()) != 'S')
		sched_yield();
	return unlock(mutex) == 0 ? CHILD_GOOD : 1;
}

static int play_child_first(void)
{
	pid_t child = start_child(hold_it);

	alarm(PATIENCE);
	while (atomic_load(&about_to) != 2)
		sched_yield();
	must(wait_for_it() == CHILD_GOOD);
	must(unit_wait(child) == CHILD_GOOD);
	return CHILD_GOOD;
}

/* It is given a new value, as a struct that holds it may be: it is private again. */
static int play_anew(void)
{
	must(play_shared() == CHILD_GOOD);
	plain = fresh;
	count = 0;
	atomic_store(&about_to, 0);
	return play_shared();
}

/* Through what */

static int play_library(void)
{
	lock = locker_lock;
	unlock = locker_unlock;
	return play_shared();
}

static int wait_in_library(void)
{
	must(locker_lock(&plain) == 0);
	while (!turn) {
		atomic_store(&about_to, 1);
		must(locker_wait(&cond, &plain) == 0);
	}
	return locker_unlock(&plain) == 0 ? CHILD_GOOD : 1;
}

static int play_library_waits(void)
{
	pid_t child = start_child(wait_in_library);

	must(falls_asleep(child, &about_to));
	must(pthread_mutex_lock(&plain) == 0);
	turn = 1;
	must(pthread_cond_signal(&cond) == 0);
	must(pthread_mutex_unlock(&plain) == 0);
	must(unit_wait(child) == CHILD_GOOD);
	return CHILD_GOOD;
}

static bool load(const char *name)
{
	char path[4096];
	void *handle;

	snprintf(path, sizeof(path), "%s/%s", PLUGINS, name);
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return false;
	*(void **)&lock = dlsym(handle, "locker_lock");
	*(void **)&unlock = dlsym(handle, "locker_unlock");
	return lock && unlock && lock != locker_lock;
}

static int play_plugin(void)
{
	must(load("locker-plugin.so"));
	return play_shared();
}

static int play_silent_plugin(void)
{
	must(load("locker-silent.so"));
	return play_shared();
}

static int lock_by_plugin(void)
{
	must(load("locker-plugin.so"));
	return wait_for_it();
}

/* It comes to a process that has been forked, which waits by it. */
static int play_late_plugin(void)
{
	pid_t child;

	must(pthread_mutex_lock(&plain) == 0);
	plain = fresh; /* nobody has used it ... */
	child = start_child(lock_by_plugin);
	must(unit_wait(child) == CHILD_GOOD);
	must(memcmp(&plain, &fresh, sizeof(fresh)) != 0);
	return CHILD_GOOD;
}

static int play_pointer(void)
{
	static int (*volatile pointer)(pthread_mutex_t *) = pthread_mutex_lock;

	lock = pointer;
	return play_shared();
}

/* In a program that is not position independent it is an address of its own. */
static int play_address(void)
{
	__asm__("" : "=r"(lock) : "0"(pthread_mutex_lock));
	return play_shared();
}

/* What is private */

static int play_private(void)
{
	pthread_mutex_t here = fresh;
	pthread_cond_t here_cond = fresh_cond;
	pthread_rwlock_t here_rwlock = fresh_rwlock;
	pthread_mutex_t *allocated = malloc(sizeof(*allocated));
	struct timespec past = { 1, 0 };

	pthread_mutex_init(allocated, NULL);
	must(!memcmp(allocated, &fresh, sizeof(fresh)));
	must(pthread_mutex_lock(&private_one) == 0 && pthread_mutex_unlock(&private_one) == 0);
	must(!memcmp(&private_one, &fresh, sizeof(fresh)));
	must(pthread_mutex_lock(&here) == 0);
	must(pthread_cond_timedwait(&here_cond, &here, &past) == ETIMEDOUT);
	must(pthread_mutex_unlock(&here) == 0);
	must(pthread_rwlock_rdlock(&here_rwlock) == 0 &&
		pthread_rwlock_unlock(&here_rwlock) == 0);
	must(!memcmp(&here, &fresh, sizeof(fresh)));
	must(!memcmp(&here_rwlock, &fresh_rwlock, sizeof(fresh_rwlock)));
	must(pthread_mutex_lock(&plain) == 0 && pthread_mutex_unlock(&plain) == 0);
	must(memcmp(&plain, &fresh, sizeof(fresh)) != 0); /* so it would be seen */
	return CHILD_GOOD;
}

static int play_errno(void)
{
	errno = 12345;
	must(pthread_mutex_lock(&plain) == 0 && pthread_mutex_unlock(&plain) == 0);
	must(pthread_mutex_init(&checking, NULL) == 0 && errno == 12345);
	return CHILD_GOOD;
}

/* What cannot be done */

/* Once, of the variable with this name. */
static bool is_told(const char *variable, const char *what)
{
	char line[512];

	snprintf(line, sizeof(line), "]: %s (%s): %s", variable, program_invocation_short_name,
		what);
	return heard_count(line) == 1;
}

static void *unseen(const char *name)
{
	return dlsym(RTLD_NEXT, name); /* the program may have one, which is a way to ours */
}

/* Somebody may sleep already: nothing is changed, and a child does not say it again. */
static int play_in_use(void)
{
	int (*behind)(pthread_mutex_t *);
	pthread_mutex_t kept;

	*(void **)&behind = unseen("pthread_mutex_lock");
	must(behind(&plain) == 0);
	kept = plain;
	must(pthread_mutex_trylock(&plain) == EBUSY);
	must(!memcmp(&plain, &kept, sizeof(kept)));
	must(heard_count("\n") == 1);
	must(is_told("plain",
		"this pthread_mutex_t is not process-shared: it has been used by a call "
		"that was not seen; initialise"));
	must(pthread_mutex_trylock(&plain) == EBUSY && heard_count("\n") == 1);
	if (fork() == 0)
		_exit(pthread_mutex_trylock(&plain) == EBUSY ? CHILD_GOOD : 1);
	must(unit_wait(-1) == CHILD_GOOD && heard_count("\n") == 1);
	return CHILD_GOOD;
}

static void nothing(void)
{
}

static int play_once(void)
{
	static pthread_once_t private_once = PTHREAD_ONCE_INIT;

	must(pthread_once(&private_once, nothing) == 0 && !*heard());
	must(pthread_once(&once, nothing) == 0 && pthread_once(&once, nothing) == 0);
	must(heard_count("\n") == 1);
	must(is_told("once", "this pthread_once_t is not process-shared"));
	return CHILD_GOOD;
}

static int play_misplaced(void)
{
	char *block = fondue_calloc(1, 256);
	pthread_mutex_t *misplaced = (pthread_mutex_t *)(block + 4);

	__asm__("" : "+r"(misplaced)); /* how it is aligned is not for the compiler to know */
	must(pthread_mutex_lock(misplaced) == 0 && pthread_mutex_unlock(misplaced) == 0);
	must(heard_count("this pthread_mutex_t is not process-shared: it is not aligned") == 1);
	return CHILD_GOOD;
}

/* A scenario has a process of its own, but its shared memory is everybody's. */
static void claim(const char *name, int (*play)(void))
{
	static const pthread_mutex_t types[] = { OF_TYPE(RECURSIVE), OF_TYPE(ERRORCHECK),
		OF_TYPE(ADAPTIVE) };

	plain = fresh;
	recursive = types[0];
	checking = types[1];
	adaptive = types[2];
	cond = fresh_cond;
	count = turn = 0;
	atomic_store(&about_to, 0);
	hear_anew();
	test_play(name, play);
	if (tap_failed)
		heard_explain();
}

int main(void)
{
	hear();
	claim("a mutex that nobody has initialised but the file", play_shared);
	claim("a recursive one is shared, and recursive", play_recursive);
	claim("one that checks for errors is shared, and checks", play_checking);
	claim("an adaptive one is shared", play_adaptive);
	claim("several use it first at once", play_race);
	claim("a child uses it first", play_child_first);
	claim("it is initialised anew by assignment", play_anew);
	claim("a library locks it", play_library);
	claim("a library waits for a condition", play_library_waits);
	claim("a plugin locks it", play_plugin);
	claim("a plugin locks it that came without a word, before the fork",
		play_silent_plugin);
	claim("a plugin locks it that was loaded after the fork", play_late_plugin);
	claim("it is locked through a pointer", play_pointer);
	claim("it is locked by an address that is in the code", play_address);
	claim("what lies in private memory stays as it is", play_private);
	claim("errno is left alone", play_errno);
	claim("a mutex in use stays as it is, which is told once, by name", play_in_use);
	claim("a pthread_once_t cannot be shared, which is told by name", play_once);
	claim("one that is not aligned cannot be shared, which is told", play_misplaced);
	return tap_done();
}
