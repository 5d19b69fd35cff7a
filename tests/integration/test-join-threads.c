/* SPDX-License-Identifier: MIT */
/*
 * Description: fork and join in threads, some of which are cancelled
 */
#include <pthread.h>
#include <sys/syscall.h>

#include "joining.h"

static int work_own(unsigned i, void *arg)
{
	return work_note(*(int *)arg * 10 + i, NULL) + *(int *)arg;
}

static void *join_often(void *arg)
{
	struct fondue_result own[10];
	long bad = 0;

	for (int round = 0; round < 10; round++) {
		int result = fondue_fork_join(10, work_own, arg, own);

		bad += result != (*(int *)arg ? ECHILD : 0);
		for (int i = 0; i < 10; i++)
			bad += !is_returned(&own[i], *(int *)arg);
	}
	return (void *)bad;
}

static int play_several(void)
{
	pthread_t threads[6];
	int numbers[6];
	long bad = 0;
	void *result;

	for (int i = 0; i < 6; i++) {
		numbers[i] = i;
		must(pthread_create(&threads[i], NULL, join_often, &numbers[i]) == 0);
	}
	for (int i = 0; i < 6; i++) {
		must(pthread_join(threads[i], &result) == 0);
		bad += (long)result;
	}
	must(bad == 0 && is_childless());
	for (int i = 0; i < 60; i++)
		must(scene->begun[i] == 10);
	return CHILD_GOOD;
}

/* A cancellation point, of which a worker's thread is to come out. */
static int work_cancellable(unsigned i, void *arg)
{
	int ends[2];
	char byte;

	(void)arg;
	atomic_fetch_add(&scene->calls, 1);
	await(scene->flag);
	if (pipe(ends) < 0 || close(ends[1]) < 0)
		return 1;
	pthread_testcancel();
	return read(ends[0], &byte, 1) == 0 ? 20 + (int)i : 2;
}

static void *join_once(void *arg)
{
	atomic_int *returned = arg;

	fondue_fork_join(3, work_cancellable, NULL, results);
	atomic_store(returned, 1);
	pthread_testcancel();
	return NULL;
}

static bool is_cancelled(pthread_t thread, atomic_int *returned)
{
	void *result;

	if (pthread_join(thread, &result))
		return false;
	for (int i = 0; i < 3; i++)
		if (!is_returned(&results[i], 20 + i))
			return false;
	return *returned && result == PTHREAD_CANCELED && is_childless();
}

static int play_cancelled(void)
{
	static atomic_int returned;
	pthread_t thread;

	must(pthread_create(&thread, NULL, join_once, (void *)&returned) == 0);
	await(scene->calls == 3);
	must(pthread_cancel(thread) == 0);
	scene->flag = 1;
	must(is_cancelled(thread, &returned));
	return CHILD_GOOD;
}

static void *cancel_oneself(void *arg)
{
	pthread_cancel(pthread_self());
	return join_once(arg);
}

static int play_cancelled_before(void)
{
	static atomic_int returned;
	pthread_t thread;

	scene->flag = 1;
	must(pthread_create(&thread, NULL, cancel_oneself, (void *)&returned) == 0);
	must(is_cancelled(thread, &returned));
	return CHILD_GOOD;
}

/* The state of cancellation is the caller's again. */
static int play_cancel_state(void)
{
	int old;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	must(fondue_fork_join(1, work_note, NULL, NULL) == 0);
	must(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old) == 0);
	must(old == PTHREAD_CANCEL_DISABLE);
	must(fondue_fork_join(1, work_note, NULL, NULL) == 0);
	must(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old) == 0);
	must(old == PTHREAD_CANCEL_ENABLE);
	return CHILD_GOOD;
}

static void *read_stream(void *stream)
{
	scene->pid[0] = (int)syscall(SYS_gettid);
	return (void *)(long)fgetc(stream);
}

static bool sleeps(int tid)
{
	char path[64], line[512] = "";
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	stat = fopen(path, "r");
	if (!stat)
		return false;
	if (!fgets(line, sizeof(line), stat))
		*line = '\0';
	fclose(stat);
	return *line && strrchr(line, ')')[2] == 'S';
}

/* fflush(NULL) would wait for the reader. */
static int play_reader(void)
{
	struct fondue_fork_join_options options = { .workers = 2,
		.flags = FONDUE_JOIN_NO_FLUSH };
	pthread_t reader;
	void *result;
	FILE *stream;
	int ends[2];

	must(pipe(ends) == 0 && (stream = fdopen(ends[0], "r")));
	must(pthread_create(&reader, NULL, read_stream, stream) == 0);
	await(scene->pid[0] && sleeps(scene->pid[0]));
	must(fondue_fork_join_pieces(10, &options, work_note, NULL, results) == 0);
	must(all_returned(0, 10, 0));
	must(write(ends[1], "x", 1) == 1 && pthread_join(reader, &result) == 0);
	must((long)result == 'x');
	return CHILD_GOOD;
}

int main(void)
{
	scene_open();
	test("several threads at once, each with workers of its own", plays(play_several));
	test("a thread that is cancelled while it waits leaves nobody behind, and ends after it",
		plays(play_cancelled));
	test("one that has been before has workers that have not",
		plays(play_cancelled_before));
	test("whether it can be cancelled is as before", plays(play_cancel_state));
	test("a thread in a stream is in nobody's way, if nothing is flushed",
		plays(play_reader));
	return tap_done();
}
