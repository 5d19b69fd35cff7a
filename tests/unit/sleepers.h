/* SPDX-License-Identifier: MIT */
/*
 * sleepers.h - starting sleepers and looking at them
 */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>

#include "backtrace.h"
#include "sleeper.h"
#include "unit.h"

struct sleeper {
	pid_t pid, tid;
	int wake; /* its standard input */
	struct place place;
};

/* Path of the directory with the programs; set by main(). */
static const char *sleepers;

static inline const char *sleeper_path(const char *name)
{
	static char paths[4][512];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", sleepers, name);
	return path;
}

/* The youngest thread; the only one, most often. */
static inline pid_t youngest_thread(pid_t pid)
{
	pid_t youngest = pid;
	struct dirent *entry;
	char path[64];
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	while (tasks && (entry = readdir(tasks)))
		if (atoi(entry->d_name) > youngest)
			youngest = atoi(entry->d_name);
	if (tasks)
		closedir(tasks);
	return youngest;
}

/* Run @path until it sleeps. Return: pid 0 when it did not. */
static inline struct sleeper sleeper_start(
	const char *path, const char *how, const char *plugin)
{
	struct sleeper sleeper = { .pid = 0 };
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
		tap_bail_out("no pipes");
	sleeper.pid = fork();
	if (sleeper.pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execl(path, path, how, plugin, (char *)NULL);
		_exit(99);
	}
	close(in[0]);
	close(out[1]);
	sleeper.wake = in[1];
	if (read(out[0], &sleeper.place, sizeof(sleeper.place)) != sizeof(sleeper.place))
		sleeper.pid = 0;
	close(out[0]);
	usleep(20000);
	sleeper.tid = youngest_thread(sleeper.pid);
	return sleeper;
}

static inline void sleeper_end(const struct sleeper *sleeper)
{
	close(sleeper->wake);
	kill(sleeper->pid, SIGKILL);
	unit_wait(sleeper->pid);
}

/* A snapshot, when it sleeps at last. */
static inline int sleeper_snapshot(const struct sleeper *sleeper, struct snapshot *ret)
{
	static unsigned char stack[SNAPSHOT_STACK_MAX];
	int error = -EAGAIN;

	for (unsigned i = 0; i < 200 && error == -EAGAIN; i++) {
		error = snapshot_take_sleeping(
			sleeper->pid, sleeper->tid, stack, sizeof(stack), ret);
		if (error == -EAGAIN)
			usleep(10000);
	}
	return error;
}

static inline void backtrace_note(const struct backtrace *b)
{
	for (unsigned i = 0; i < b->count; i++) {
		const struct frame *f = &b->frames[i];

		tap_note("  #%u %s+0x%lx (%s+0x%lx)%s%s%s%s", i, f->symbol ? f->symbol : "?",
			(unsigned long)f->symbol_offset, f->binary ? f->binary->path : "?",
			(unsigned long)f->offset, f->step.is_exact ? " exact" : "",
			f->step.is_signal ? " signal" : "", f->step.is_guess ? " guess" : "",
			f->is_behind_gap ? " gap" : "");
	}
	tap_note("  end: %s%s%s", backtrace_end_text(b->end), b->where ? " in " : "",
		b->where ? b->where->path : "");
}

/* Position of the first frame named @name; -1: none is. */
static inline int frame_named(const struct backtrace *b, const char *name)
{
	for (unsigned i = 0; i < b->count; i++)
		if (b->frames[i].symbol && !strcmp(b->frames[i].symbol, name))
			return i;
	return -1;
}

/* Are the frames of these names (the last being NULL) there, and nothing between them? */
static inline bool has_run(const struct backtrace *b, const char *const *names)
{
	int first = frame_named(b, names[0]);

	for (unsigned i = 0; first >= 0 && names[i]; i++)
		if (first + i >= b->count || !b->frames[first + i].symbol ||
			strcmp(b->frames[first + i].symbol, names[i]) != 0)
			first = -1;
	if (first < 0)
		backtrace_note(b);
	return first >= 0;
}

#define HAS_RUN(b, ...) has_run(b, (const char *const[]){ __VA_ARGS__, NULL })

/* Is no frame of the object at @path named? */
static inline bool is_unnamed(const struct backtrace *b, const char *path)
{
	bool seen = false;

	for (unsigned i = 0; i < b->count; i++) {
		const struct frame *f = &b->frames[i];

		if (!f->binary || strcmp(f->binary->path, path) != 0)
			continue;
		seen = true;
		if (f->symbol) {
			backtrace_note(b);
			return false;
		}
	}
	if (!seen)
		backtrace_note(b);
	return seen;
}
