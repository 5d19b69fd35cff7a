/* SPDX-License-Identifier: MIT */
/*
 * http.c - a worker: one connection after the other, one request after the other
 *
 * As much of HTTP/1.1 as a client needs to be served: GET, persistent connections,
 * pipelined requests. Every answer names the worker that gave it, its serial number among
 * the answers of that worker and its number among all answers of the server; the body
 * repeats what was asked for, so that a client sees whether the answer is meant for it.
 * /stats is the page of counts and is itself not counted.
 */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <fondue/shared.h>

#include "prefork.h"

#define HEAD_SIZE    2048 /* longest head of a request */
#define IDLE_SECONDS 10	  /* a silent client must not keep a worker for ever */

struct request {
	char target[HEAD_SIZE]; /* as asked for */
	char path[HEAD_SIZE];	/* without the query */
	int keep_alive;
};

/* The parse buffer, each worker's own: what has come in and was not answered yet. */
static char input[HEAD_SIZE + 1];
static size_t input_length;
static struct request request;

/* Wait until @fd can be read; 0 when time is up or @stop (-1: nothing) says stop. */
static int wait_readable(int fd, int stop, int seconds)
{
	struct pollfd on[] = {{fd, POLLIN, 0}, {stop, POLLIN, 0}};
	int ready;

	do
		ready = poll(on, 2, seconds * 1000);
	while (ready < 0 && errno == EINTR);
	if (ready < 0) {
		perror("prefork: poll");
		_exit(1);
	}
	return on[0].revents != 0;
}

static int server_stops(void)
{
	return wait_readable(master_gone, -1, 0);
}

/*
 * Read until `input` begins with a whole head. Returns its length; 0 when none comes: the
 * client closed or said nothing, or the server stops before a request has begun; -1 for
 * what can never become one.
 */
static int read_head(int connection)
{
	for (;;) {
		char *end;
		ssize_t got;

		input[input_length] = '\0';
		end = strstr(input, "\r\n\r\n");
		if (end)
			return (int)(end + 4 - input);
		if (input_length == HEAD_SIZE || strlen(input) < input_length)
			return -1;
		if (!wait_readable(
			    connection, input_length ? -1 : master_gone, IDLE_SECONDS))
			return 0;
		got = recv(connection, input + input_length, HEAD_SIZE - input_length, 0);
		if (got <= 0)
			return 0;
		input_length += got;
	}
}

static void forget_head(size_t length)
{
	input_length -= length;
	memmove(input, input + length, input_length);
}

/* Is there a line "Connection: close" among those of a head that follow the first? */
static int wants_close(const char *line)
{
	for (; line; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, "Connection:", 11) == 0) {
			line += 11;
			line += strspn(line, " \t");
			return strncasecmp(line, "close", 5) == 0;
		}
	}
	return 0;
}

static int is_target(const char *text)
{
	if (*text != '/')
		return 0;
	while (isgraph((unsigned char)*text))
		text++;
	return *text == '\0';
}

/* Take the head in `input` apart; returns what to refuse it with, or NULL. */
static const char *parse_head(size_t length)
{
	char *lines = strstr(input, "\r\n"), *method, *target, *version;

	input[length - 2] = '\0'; /* the empty line */
	request.keep_alive = !wants_close(lines);
	*lines = '\0';
	method = strtok(input, " ");
	target = strtok(NULL, " ");
	version = strtok(NULL, " ");
	if (!version || strncmp(version, "HTTP/1.", 7) != 0 || !is_target(target))
		return "400 Bad Request";
	if (strcmp(method, "GET") != 0)
		return "501 Not Implemented";
	if (strcmp(version, "HTTP/1.0") == 0)
		request.keep_alive = 0;
	strcpy(request.target, target);
	strcpy(request.path, target);
	request.path[strcspn(request.path, "?")] = '\0';
	return NULL;
}

static int send_all(int connection, const char *data, size_t length, int flags)
{
	while (length > 0) {
		ssize_t sent = send(connection, data, length, flags | MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return -1;
		data += sent;
		length -= sent;
	}
	return 0;
}

static int answer(int connection, const char *status, const char *body, size_t length,
	int keep_alive)
{
	static unsigned long serial;		    /* among this worker's answers */
	static FONDUE_SHARED unsigned long answers; /* of all workers */
	static char head[512];
	int head_length;

	head_length = snprintf(head, sizeof(head),
		"HTTP/1.1 %s\r\n"
		"Content-Type: text/plain\r\n"
		"Content-Length: %zu\r\n"
		"Connection: %s\r\n"
		"X-Worker: %ld\r\n"
		"X-Serial: %lu\r\n"
		"X-Number: %lu\r\n"
		"\r\n",
		status, length, keep_alive ? "keep-alive" : "close", (long)getpid(),
		++serial, __atomic_add_fetch(&answers, 1, __ATOMIC_RELAXED));
	if (send_all(connection, head, head_length, MSG_MORE) < 0)
		return -1;
	return send_all(connection, body, length, 0);
}

/*
 * Closing with input unread makes the kernel reset the connection, and the client may
 * never see the answer. So end our side first, then read on, though not for ever.
 */
static void refuse(int connection, const char *status)
{
	stats_count_refused();
	answer(connection, status, "", 0, 0);
	shutdown(connection, SHUT_WR);
	for (int i = 0; i < 64 && wait_readable(connection, master_gone, 1); i++)
		if (recv(connection, input, HEAD_SIZE, 0) <= 0)
			break;
}

static int grant(int connection)
{
	static char text[HEAD_SIZE + 64];
	const char *body = text;
	size_t length;

	request.keep_alive = request.keep_alive && !server_stops();
	if (strcmp(request.path, "/stats") == 0) {
		body = stats_page(&length);
	} else {
		length = snprintf(text, sizeof(text), "This is %s\n", request.target);
		stats_count(request.path, length);
	}
	return answer(connection, "200 OK", body, length, request.keep_alive);
}

/* Serve one request; may there be another on this connection? */
static int serve_request(int connection)
{
	int length = read_head(connection);
	const char *refusal;

	if (length == 0)
		return 0;
	refusal = length < 0 ? "400 Bad Request" : parse_head(length);
	if (refusal) {
		refuse(connection, refusal);
		return 0;
	}
	forget_head(length);
	return grant(connection) == 0 && request.keep_alive;
}

static void serve_connection(int connection)
{
	static const struct timeval patience = {IDLE_SECONDS, 0};

	setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	input_length = 0;
	while (serve_request(connection))
		;
	close(connection);
}

/*
 * The life of a worker. The listener does not block: all workers are woken for a
 * connection, one gets it, and the others must not be stuck in accept() when the server
 * stops. Returns the exit status, not 0 when serving has become impossible.
 */
int serve(int listener)
{
	stats_worker_started();
	while (!server_stops()) {
		int connection;

		if (!wait_readable(listener, master_gone, IDLE_SECONDS))
			continue;
		connection = accept(listener, NULL, NULL);
		if (connection >= 0) {
			serve_connection(connection);
		} else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
			perror("prefork: accept");
			return 1;
		}
	}
	return 0;
}
