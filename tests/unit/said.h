/* SPDX-License-Identifier: MIT */
/*
 * said.h - what the runtime says on standard error, caught in a pipe
 *
 * The pipe is in packet mode: one read gives what one write wrote, so that a line which
 * leaves in two pieces is seen to.
 */
#pragma once

#include <fcntl.h>
#include <poll.h>

#include "unit.h"

static int said_pipe[2] = { -1, -1 };

/* From now on, in this process and its children, until said_stop(). */
static inline void said_start(void)
{
	if (pipe2(said_pipe, O_DIRECT | O_CLOEXEC) != 0 || dup2(said_pipe[1], 2) != 2)
		tap_bail_out("no pipe for standard error");
}

/* The next packet, which is there already; "" when nothing (more) was said. */
static inline const char *said(void)
{
	static char packet[8192];
	struct pollfd poll_ = { .fd = said_pipe[0], .events = POLLIN };
	ssize_t got = 0;

	if (poll(&poll_, 1, 0) == 1)
		got = read(said_pipe[0], packet, sizeof(packet) - 1);
	packet[got > 0 ? got : 0] = '\0';
	return packet;
}

/* Number of lines said, each in one write; what they say is dropped. */
static inline unsigned said_lines(void)
{
	unsigned lines = 0;

	while (*said())
		lines++;
	return lines;
}
