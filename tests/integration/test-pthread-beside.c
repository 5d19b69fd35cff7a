/* SPDX-License-Identifier: MIT */
/*
 * Description: somebody forks while a library that locks is loaded, or unloaded
 *
 * Before a fork the slots of objects are looked through. What the loader is still at work
 * on is left alone, and is seen to before the library runs; whether it is another thread
 * that forks, or a signal handler of the one that loads.
 */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fondue/shared.h>

#include "pthreading.h"

#define LOADS 300

FONDUE_SHARED static pthread_mutex_t of_all = PTHREAD_MUTEX_INITIALIZER;

static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool stop;

static void *fork_for_long(void *arg)
{
	while (!atomic_load(&stop)) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		if (pid < 0 || unit_wait(pid) != 0)
			return NULL;
	}
	return arg;
}

/* The library's first lock call makes the mutex process-shared. */
static bool locks(void *handle)
{
	int (*lock)(pthread_mutex_t *), (*unlock)(pthread_mutex_t *);

	*(void **)&lock = dlsym(handle, "locker_lock");
	*(void **)&unlock = dlsym(handle, "locker_unlock");
	of_all = fresh;
	return lock && unlock && lock(&of_all) == 0 && unlock(&of_all) == 0 &&
	       memcmp(&of_all, &fresh, sizeof(fresh)) != 0;
}

static bool load_and_lock(const char *name)
{
	char path[4096];
	void *handle;
	bool good;

	snprintf(path, sizeof(path), "%s/%s", PLUGINS, name);
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return false;
	good = locks(handle);
	return dlclose(handle) == 0 && good;
}

static int play(const char *name)
{
	void *result = NULL;
	pthread_t thread;

	alarm(60);
	must(pthread_mutex_lock(&of_all) == 0 && pthread_mutex_unlock(&of_all) == 0);
	must(pthread_create(&thread, NULL, fork_for_long, &stop) == 0);
	for (unsigned i = 0; i < LOADS; i++)
		must(load_and_lock(name));
	atomic_store(&stop, true);
	must(pthread_join(thread, &result) == 0 && result);
	return CHILD_GOOD;
}

static int play_plain(void)
{
	return play("locker-plugin.so");
}

static int play_read_only(void)
{
	return play("locker-many.so");
}

/* By a handler: only with glibc, others have dlopen() wait for a lock that it may hold. */
#ifdef __GLIBC__

static volatile sig_atomic_t forks;

static void fork_here(int number)
{
	int saved = errno, status;
	pid_t pid = fork();

	(void)number;
	if (pid == 0)
		_exit(0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		_exit(2);
	forks++;
	errno = saved;
}

/* Without a second thread: with one fork() waits for malloc()'s locks, which we may hold. */
static int play_interrupted(void)
{
	struct sigaction action = { .sa_handler = fork_here, .sa_flags = SA_RESTART };
	struct itimerval often = { { 0, 2000 }, { 0, 2000 } }, never = { { 0, 0 }, { 0, 0 } };

	must(sigaction(SIGALRM, &action, NULL) == 0);
	must(setitimer(ITIMER_REAL, &often, NULL) == 0);
	while (forks < LOADS)
		must(load_and_lock("locker-many.so"));
	must(setitimer(ITIMER_REAL, &never, NULL) == 0);
	return CHILD_GOOD;
}

#endif

int main(void)
{
	test_play("its slots stay writable", play_plain);
	test_play("its slots are made read-only when it has been loaded", play_read_only);
#ifdef __GLIBC__
	test_play("a signal handler forks", play_interrupted);
#endif
	return tap_done();
}
