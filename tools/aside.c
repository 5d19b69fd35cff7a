/* SPDX-License-Identifier: MIT */
/*
 * aside.c - a damaged file ends a lookup, and not the report
 *
 * Reading debug information is the work of a large library on files that anybody may have
 * made, that may be cut off, and that may even change meanwhile, which ends who has them
 * mapped. So a child does it. It gets one question a message and gives one answer; if it dies
 * of one, or takes too long, the file that was asked for is set down as damaged and the next
 * question goes to a new child. What was answered is kept here, since the same frames come
 * again and again.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "aside.h"
#include "lookup.h"
#include "memory.h"
#include "record.h"
#include "say.h"

/* A message, which is at most what a socket takes: 208 KiB. */
#define MESSAGE_MAX (256 << 10)
/* The debug information of a browser takes seconds. */
#define ANSWER_MS   60000
#define DOWNLOAD_MS 1800000
/* Children that are lost before it is given up: so many files at a time are not damaged. */
#define LOSSES_MAX 5
/* Answers that are kept, of some hundred bytes each. */
#define KEPT_MAX 50000

static struct {
	pid_t child; /* 0: none */
	int fd, timeout_ms;
	unsigned losses;
	json_t *kept;	 /* answers, by request */
	json_t *damaged; /* answers, by file */
	json_t *nothing; /* the empty answer */
} aside;

static void answer_one(int fd, const char *text, size_t length)
{
	json_t *request = json_loadb(text, length, 0, NULL);
	json_t *answer = lookup(request);
	char *out = json_dumps(answer, JSON_COMPACT);

	if (!out || send(fd, out, strlen(out), MSG_NOSIGNAL) < 0)
		(void)send(fd, "{}", 2, MSG_NOSIGNAL); /* it was too long */
	free(out);
	json_decref(answer);
	json_decref(request);
}

/*
 * It is expected to fail: so it leaves no core file, and has nothing of what its parent reads
 * from, whose position an exit() here would move.
 */
static _Noreturn void serve(int fd)
{
	char *text = memory_get(MESSAGE_MAX);
	ssize_t length;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
	dup2(fd, STDIN_FILENO);
	close_range(STDERR_FILENO + 1, ~0u, 0);
	while ((length = recv(STDIN_FILENO, text, MESSAGE_MAX, 0)) > 0)
		answer_one(STDIN_FILENO, text, (size_t)length);
	_exit(0);
}

static bool start(void)
{
	int fds[2];

	if (aside.child)
		return true;
	if (aside.losses == LOSSES_MAX ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		return false;
	fflush(stdout);
	aside.child = fork();
	if (aside.child == 0) {
		close(fds[0]);
		serve(fds[1]);
	}
	close(fds[1]);
	aside.fd = fds[0];
	if (aside.child > 0)
		return true;
	close(fds[0]);
	aside.child = 0;
	return false;
}

static void stop(void)
{
	if (!aside.child)
		return;
	kill(aside.child, SIGKILL);
	waitpid(aside.child, NULL, 0);
	close(aside.fd);
	aside.child = 0;
}

/* Return: NULL: the child is lost. */
static json_t *exchange(const char *request, const char **ret_how)
{
	static char *text;
	struct pollfd pollfd = { .fd = aside.fd, .events = POLLIN };
	ssize_t length;

	*ret_how = "ended the one who looked";
	if (send(aside.fd, request, strlen(request), MSG_NOSIGNAL) < 0)
		return NULL;
	if (poll(&pollfd, 1, aside.timeout_ms) <= 0) {
		*ret_how = "took too long";
		return NULL;
	}
	text = text ? text : memory_get(MESSAGE_MAX);
	length = recv(aside.fd, text, MESSAGE_MAX, 0);
	return length > 0 ? json_loadb(text, (size_t)length, 0, NULL) : NULL;
}

static char *file_key(const json_t *request)
{
	const char *build_id = record_text(request, "bid");

	return memory_format("%s\n%s", record_text(request, "obj"), build_id ? build_id : "");
}

/* Whatever is asked of this file from now on. */
static json_t *set_down(const char *file, const char *how)
{
	char *why = memory_format(
		"its symbols or its debug information are damaged: looking at them %s", how);
	json_t *answer = json_object();

	stop();
	if (++aside.losses == LOSSES_MAX)
		say("report: too many files are damaged; no more lines are looked up");
	json_object_set_new(answer, "why", json_string(why));
	json_object_set(aside.damaged, file, answer);
	free(why);
	return answer;
}

static json_t *find_answer(const char *file, const char *request)
{
	json_t *answer = json_object_get(aside.damaged, file);
	const char *how;

	if (answer)
		return json_incref(answer);
	if (!start())
		return json_incref(aside.nothing);
	answer = exchange(request, &how);
	return answer ? answer : set_down(file, how);
}

const json_t *aside_ask(const json_t *request)
{
	char *key = json_dumps(request, JSON_COMPACT);
	char *file = file_key(request);
	json_t *answer = json_object_get(aside.kept, key);

	if (!answer) {
		answer = find_answer(file, key);
		if (json_object_size(aside.kept) >= KEPT_MAX)
			json_object_clear(aside.kept);
		json_object_set_new(aside.kept, key, answer);
	}
	free(file);
	free(key);
	return answer;
}

void aside_begin(bool patient)
{
	aside.timeout_ms = patient ? DOWNLOAD_MS : ANSWER_MS;
	aside.kept = json_object();
	aside.damaged = json_object();
	aside.nothing = json_object();
}

void aside_end(void)
{
	stop();
}
