/* SPDX-License-Identifier: MIT */
/*
 * Description: in a program that shares nothing, no call of libc's locks goes by the
 * runtime
 *
 * Which can be seen from where the functions are: an address that a program takes of one is
 * in a slot, as the address that it calls is. Built with and without an annotated variable:
 * then they are in the runtime.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>

#ifdef ANNOTATED
#include <fondue/shared.h>
FONDUE_SHARED int something;
#endif

#include "../tap.h"

#ifdef OWN_GETPID /* a program may define what we look for libc by */
#include <sys/syscall.h>
#include <unistd.h>

pid_t getpid(void)
{
	return syscall(SYS_getpid);
}
#endif

/* Is it libc's, and not ours? */
static bool is_libcs(void *function, const char *name)
{
	Dl_info info;

	if (dladdr(function, &info) && strstr(info.dli_fname, "libfondue"))
		return false;
	return function == dlsym(RTLD_DEFAULT, name);
}

#define IS_LIBCS(name) is_libcs((void *)name, #name)

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;

int main(void)
{
#ifdef ANNOTATED
	bool expected = !something;
#else
	bool expected = false;
#endif

	test("to lock a mutex", IS_LIBCS(pthread_mutex_lock) == !expected);
	test("to initialise one", IS_LIBCS(pthread_mutex_init) == !expected);
	test("to wait for a condition", IS_LIBCS(pthread_cond_wait) == !expected);
	test("to lock for reading", IS_LIBCS(pthread_rwlock_rdlock) == !expected);
	test("to make a semaphore", IS_LIBCS(sem_init) == !expected);
	test("to unlock, in any case", IS_LIBCS(pthread_mutex_unlock));
	test("to signal, in any case", IS_LIBCS(pthread_cond_signal));
	test("they work", pthread_mutex_lock(&mutex) == 0 &&
				  pthread_mutex_unlock(&mutex) == 0 &&
				  pthread_cond_signal(&cond) == 0 &&
				  pthread_rwlock_rdlock(&rwlock) == 0 &&
				  pthread_rwlock_unlock(&rwlock) == 0);
	return tap_done();
}
