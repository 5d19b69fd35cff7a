/* SPDX-License-Identifier: MIT */
/*
 * held.h - what the tests of reports share: standard error is a file, read whole
 *
 * Opened for appending, so that what any process says is there, by whole lines.
 */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <sys/uio.h>

#include "locking.h"
#include "run.h"

#define LIMIT_MS 20

static char held_text[1 << 20];

static inline const char *said(void)
{
	const struct iovec whole = { held_text, sizeof(held_text) - 1 };
	/* not pread(), which the runtime needs, and some tests refuse */
	ssize_t len = preadv(STDERR_FILENO, &whole, 1, 0);

	held_text[len > 0 ? len : 0] = '\0';
	return held_text;
}

static inline bool is_said(const char *what)
{
	return strstr(said(), what) != NULL;
}

static inline void forget(void)
{
	if (ftruncate(STDERR_FILENO, 0) != 0)
		tap_bail_out("no way to empty standard error");
}

static inline unsigned count_said(const char *what)
{
	unsigned count = 0;

	for (const char *at = said(); (at = strstr(at, what)); at++)
		count++;
	return count;
}

/* "312 ms", "4.2 s", in ms. */
static inline long held_ms(const char *at)
{
	double held;
	char unit[8];

	if (sscanf(at, "%lf %7s", &held, unit) != 2)
		return -1;
	return *unit == 'm' ? (long)held : (long)(held * 1000);
}

/* The @n-th report from 0: how long the lock had been held, ms; 0: there is none. */
static inline long report(unsigned n)
{
	const char *at = said();

	for (unsigned i = 0; i <= n; i++) {
		at = strstr(at, " held ");
		if (!at)
			return 0;
		at += strlen(" held ");
	}
	return held_ms(at);
}

static inline bool names(pid_t pid)
{
	char word[32];

	snprintf(word, sizeof(word), "by pid %d", pid);
	return is_said(word);
}

static inline unsigned count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

/*
 * Wait for a lock in vain, the longer the longer it takes, until @word has been said. A machine
 * that is busy elsewhere misses a limit, and the next one.
 */
static inline bool wait_until_said(fondue_spinlock_t *lock, const char *word)
{
	for (long long ms = 4 * LIMIT_MS; !is_said(word) && ms < 10000; ms *= 2) {
		struct timespec deadline = time_at(now() + ms * MS);

		if (fondue_spin_timedlock(lock, &deadline) != ETIMEDOUT)
			return false;
	}
	return is_said(word);
}

/* Return: false: without the runtime. */
static inline bool held_begin(void)
{
	int file = open("/tmp", O_TMPFILE | O_RDWR | O_APPEND, 0600);

	if (!fondue_active())
		return false;
	if (file < 0 || dup2(file, STDERR_FILENO) < 0)
		tap_bail_out("no file for standard error");
	close(file);
	return true;
}

static inline void test_hold(struct board *where, const char *claim, int (*play)(void))
{
	bool good;

	forget();
	(void)fondue_spin_set_hold_limit(&where->lock, FONDUE_HOLD_DEFAULT);
	good = plays_on(where, play);
	if (!good)
		run_quote_("said", said());
	test(claim, good);
}
