/* SPDX-License-Identifier: MIT */
/*
 * peer.h - programs that wait until they are asked to measure something in themselves
 *
 * What a preload costs inside a process can be compared only between processes. Each
 * variant is a process of its own, started beforehand; the benchmark asks them in turn,
 * through pipes, so that their measurements interleave as those of one process would.
 */
#pragma once

#include <stdbool.h>

#include "launch.h"

struct peer {
	const char *name;
	pid_t pid;
	int to, from;
};

/* All of @size bytes, or nothing at the end of the file. */
static inline bool receive(int fd, void *data, size_t size)
{
	size_t got = 0;

	while (got < size) {
		ssize_t n = read(fd, (char *)data + got, size - got);

		if (n == 0 && got == 0)
			return false;
		if (n == 0)
			bench_give_up("an answer broke off");
		if (n < 0)
			bench_fail("read");
		got += n;
	}
	return true;
}

static inline void transmit(int fd, const void *data, size_t size)
{
	for (size_t sent = 0; sent < size;) {
		ssize_t n = write(fd, (const char *)data + sent, size - sent);

		if (n <= 0)
			bench_fail("write");
		sent += n;
	}
}

/* Start @argv with pipes for its standard input and output. */
static inline struct peer peer_start(
	const char *name, char *const *argv, const char *preload)
{
	posix_spawn_file_actions_t actions;
	struct peer peer = { .name = name };
	char **env = preloading(preload);
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
		bench_fail("pipe2");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
	peer.pid = spawn(argv, env, &actions);
	posix_spawn_file_actions_destroy(&actions);
	free(env);
	close(in[0]);
	close(out[1]);
	peer.to = in[1];
	peer.from = out[0];
	return peer;
}

static inline void peer_ask(const struct peer *peer, const void *question,
	size_t question_size, void *ret_answer, size_t answer_size)
{
	transmit(peer->to, question, question_size);
	if (!receive(peer->from, ret_answer, answer_size))
		bench_give_up(peer->name);
}

static inline void peer_stop(struct peer *peer)
{
	close(peer->to); /* the end of its input ends it */
	close(peer->from);
	finish(peer->pid, peer->name);
}
