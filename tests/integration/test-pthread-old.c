/* SPDX-License-Identifier: MIT */
/*
 * Description: a program of old, linked with glibc's former condition variables, keeps them
 *
 * Its calls are of the same names and another version, and are bound when they are made. It
 * shares something, so that there are doors.
 */
#include <fondue/shared.h>

#include "pthreading.h"

__asm__(".symver pthread_cond_wait, pthread_cond_wait@GLIBC_2.2.5");
__asm__(".symver pthread_cond_signal, pthread_cond_signal@GLIBC_2.2.5");

FONDUE_SHARED static pthread_mutex_t between = PTHREAD_MUTEX_INITIALIZER;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static bool is_due;

static void *make_due(void *arg)
{
	pthread_mutex_lock(&mutex);
	is_due = true;
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&mutex);
	return arg;
}

static int play(void)
{
	static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
	pthread_t thread;

	alarm(PATIENCE);
	must(pthread_mutex_lock(&between) == 0 && pthread_mutex_unlock(&between) == 0);
	must(memcmp(&between, &fresh, sizeof(fresh)) != 0); /* there are */
	must(pthread_mutex_lock(&mutex) == 0);
	must(pthread_create(&thread, NULL, make_due, NULL) == 0);
	while (!is_due)
		must(pthread_cond_wait(&cond, &mutex) == 0);
	must(pthread_mutex_unlock(&mutex) == 0);
	must(pthread_join(thread, NULL) == 0);
	return CHILD_GOOD;
}

int main(void)
{
	test_play("it waits, and is woken", play);
	return tap_done();
}
