/* SPDX-License-Identifier: MIT */
/*
 * joining.h - what the tests of fondue_fork_join() share: memory, and looking at results
 *
 * A scenario is a function in a child of its own (unit.h), for most change how signals or
 * children are dealt with. What workers do is seen in `scene`, which they share with the
 * scenario by mmap(), so that all is the same with the runtime and without it. Nothing sleeps
 * to synchronise; who waits for another one gives up after a minute, with SIGALRM.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <fondue/process.h>

#include "../unit/unit.h"

#define PIECES_MAX 4096

struct scene {
	atomic_int calls, flag, now, most, signals, taken;
	atomic_int pid[64];	      /* by fondue_worker_index() */
	atomic_int begun[PIECES_MAX]; /* how often, by piece */
	atomic_int index[PIECES_MAX]; /* of the worker */
};

static struct scene *scene;
static struct fondue_result results[PIECES_MAX];

static inline void scene_open(void)
{
	scene = mmap(NULL, sizeof(*scene), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		-1, 0);
	if (scene == MAP_FAILED)
		tap_bail_out("no memory");
}

/* The claim holds if @play gets to its end, on a scene of zeros. */
static inline bool plays(int (*play)(void))
{
	memset((void *)scene, 0, sizeof(*scene));
	memset(results, 0xa5, sizeof(results)); /* all is to be written */
	return unit_plays(play);
}

/* For ever is a minute: SIGALRM. In workers, too, which have no alarm of their own yet. */
#define await(...)                     \
	do {                           \
		alarm(CHILD_SECONDS);  \
		while (!(__VA_ARGS__)) \
			sched_yield(); \
	} while (0)

static inline bool is_returned(const struct fondue_result *result, int status)
{
	return result->error == 0 && result->signal == 0 && result->core == 0 &&
	       result->status == status && result->returned == 1 && result->pid > 0;
}

static inline bool is_exited(const struct fondue_result *result, int status)
{
	return result->error == 0 && result->signal == 0 && result->core == 0 &&
	       result->status == status && result->returned == 0 && result->pid > 0;
}

static inline bool is_killed_by(const struct fondue_result *result, int signal)
{
	return result->error == 0 && result->signal == signal && result->status == 0 &&
	       result->returned == 0 && result->pid > 0;
}

static inline bool is_error(const struct fondue_result *result, int error)
{
	return result->error == error && result->signal == 0 && result->status == 0 &&
	       result->returned == 0 && result->core == 0;
}

static inline bool all_returned(unsigned from, unsigned to, int status)
{
	for (unsigned i = from; i < to; i++)
		if (!is_returned(&results[i], status))
			return false;
	return true;
}

/* No child is left, neither running nor unwaited for. */
static inline bool is_childless(void)
{
	return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

/* ---- work ---- */

static inline int work_note(unsigned i, void *arg)
{
	(void)arg;
	atomic_fetch_add(&scene->calls, 1);
	atomic_fetch_add(&scene->begun[i], 1);
	atomic_store(&scene->index[i], fondue_worker_index());
	return 0;
}

/* An array of int says: what to return, or by which signal (negative) to die. */
static inline int work_obey(unsigned i, void *arg)
{
	int order = ((const int *)arg)[i];

	work_note(i, arg);
	if (order < 0) {
		signal(-order, SIG_DFL);
		raise(-order);
	}
	return order;
}
