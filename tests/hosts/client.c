/* SPDX-License-Identifier: MIT */
/*
 * client.c - asks the prefork server, and keeps its own books
 *
 *	client load PORT COUNT PARALLEL [-v]
 *		COUNT requests, PARALLEL at a time, each on a connection of its own;
 *		says how many were sent and how many answered, in all and per path
 *	client stats PORT WORKERS
 *		the page /stats of each of WORKERS workers, lowest process number first
 *
 * A request counts as answered when the whole answer has come and repeats what was asked
 * for, and as broken when the connection ended before that, as it does when the worker is
 * killed. An answer to something else is wrong. Broken requests are not repeated: then
 * nobody could say how often the server should have counted them. With -v there is a line
 * for each answer as it comes: path, worker, serial, number (the headers X-*).
 *
 * Exit status: 0 when all was answered, 1 when not, 2 when the client itself failed.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_SIZE	 65536
#define PATIENCE_SECONDS 20
#define WORKERS_MAX	 64

static const char *const paths[] = {"/", "/bread", "/cheese", "/wine"};
#define PATHS (sizeof(paths) / sizeof(paths[0]))

struct answer {
	unsigned long worker, serial, number;
	size_t body; /* where it begins in the text */
	char text[ANSWER_SIZE];
};

enum outcome { ANSWERED, BROKEN, WRONG, OUTCOMES };

struct report { /* from a job to the client's parent process; one write each */
	unsigned path;
	enum outcome outcome;
};

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static unsigned long number(const char *text, unsigned long max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || value == 0 || value > max) {
		fprintf(stderr, "client: %s is not a number from 1 to %lu\n", text, max);
		exit(2);
	}
	return value;
}

/* Returns a connection, or -1. */
static int dial(int port)
{
	static const struct timeval patience = {PATIENCE_SECONDS, 0};
	struct sockaddr_in address = {0};
	int connection = socket(AF_INET, SOCK_STREAM, 0);

	if (connection < 0)
		die("socket");
	setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	address.sin_family = AF_INET;
	address.sin_port = htons(port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(connection, (struct sockaddr *)&address, sizeof(address)) == 0)
		return connection;
	close(connection);
	return -1;
}

static int send_request(int connection, const char *target, const char *persistence)
{
	char text[256];
	int length = snprintf(text, sizeof(text),
		"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: %s\r\n\r\n", target,
		persistence);

	return send(connection, text, length, MSG_NOSIGNAL) == length ? 0 : -1;
}

static unsigned long header(const struct answer *answer, const char *name)
{
	const char *line = strstr(answer->text, name);

	return line && line < answer->text + answer->body
		       ? strtoul(line + strlen(name), NULL, 10)
		       : 0;
}

/* Is what has come so far a whole answer? Then take it apart. */
static int is_complete(struct answer *answer, size_t length)
{
	char *end;

	answer->text[length] = '\0';
	end = strstr(answer->text, "\r\n\r\n");
	if (!end || strncmp(answer->text, "HTTP/1.1 200 ", 13) != 0)
		return 0;
	answer->body = end + 4 - answer->text;
	answer->worker = header(answer, "\r\nX-Worker: ");
	answer->serial = header(answer, "\r\nX-Serial: ");
	answer->number = header(answer, "\r\nX-Number: ");
	return length - answer->body == header(answer, "\r\nContent-Length: ");
}

static int receive(int connection, struct answer *ret)
{
	size_t length = 0;

	while (length < ANSWER_SIZE - 1) {
		ssize_t got =
			recv(connection, ret->text + length, ANSWER_SIZE - 1 - length, 0);

		if (got <= 0)
			return -1;
		length += got;
		if (is_complete(ret, length))
			return 0;
	}
	return -1;
}

static int ask(int port, const char *target, struct answer *ret)
{
	int connection = dial(port), result = -1;

	if (connection < 0)
		return -1;
	if (send_request(connection, target, "close") == 0)
		result = receive(connection, ret);
	close(connection);
	return result;
}

/* One request; its query makes it differ from every other, so that a mix-up shows. */
static enum outcome ask_for_path(
	int port, unsigned path, unsigned long serial, struct answer *ret)
{
	char target[64], expected[96];

	snprintf(target, sizeof(target), "%s?%lu", paths[path], serial);
	snprintf(expected, sizeof(expected), "This is %s\n", target);
	if (ask(port, target, ret) < 0)
		return BROKEN;
	return strcmp(ret->text + ret->body, expected) == 0 ? ANSWERED : WRONG;
}

/* What one of the parallel processes does: every PARALLEL-th of the requests. */
static void job(int port, unsigned long first, unsigned long step, unsigned long count,
	int verbose, int reports)
{
	static struct answer answer;

	for (unsigned long i = first; i < count; i += step) {
		struct report report = {i % PATHS, BROKEN};

		report.outcome = ask_for_path(port, report.path, i, &answer);
		if (verbose && report.outcome == ANSWERED)
			dprintf(STDOUT_FILENO, "%s %lu %lu %lu\n", paths[report.path],
				answer.worker, answer.serial, answer.number);
		if (write(reports, &report, sizeof(report)) != sizeof(report))
			die("write");
	}
}

/* Start the jobs; returns where their reports can be read. */
static int start_jobs(int port, unsigned long count, unsigned long parallel, int verbose)
{
	int reports[2];

	if (pipe(reports) < 0)
		die("pipe");
	for (unsigned long i = 0; i < parallel; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid == 0) {
			close(reports[0]);
			job(port, i, parallel, count, verbose, reports[1]);
			_exit(0);
		}
	}
	close(reports[1]);
	return reports[0];
}

static int load(int port, unsigned long count, unsigned long parallel, int verbose)
{
	unsigned long of_path[PATHS][OUTCOMES] = {{0}}, all[OUTCOMES] = {0}, sent = 0;
	int reports = start_jobs(port, count, parallel, verbose), status, good = 1;
	struct report report;

	while (read(reports, &report, sizeof(report)) == sizeof(report)) {
		of_path[report.path][report.outcome]++;
		all[report.outcome]++;
		sent++;
	}
	while (wait(&status) > 0)
		good = good && status == 0;
	if (!good || sent != count) {
		fprintf(stderr, "client: a process of its own failed\n");
		return 2;
	}
	printf("sent %lu answered %lu broken %lu wrong %lu\n", sent, all[ANSWERED],
		all[BROKEN], all[WRONG]);
	for (unsigned i = 0; i < PATHS; i++)
		printf("path %s answered %lu\n", paths[i], of_path[i][ANSWERED]);
	return all[ANSWERED] == count ? 0 : 1;
}

static int by_worker(const void *a, const void *b)
{
	const struct answer *left = a, *right = b;

	return (left->worker > right->worker) - (left->worker < right->worker);
}

/* Ask on every connection, then read every answer; returns how many came. */
static unsigned ask_all(const int *connections, unsigned count, struct answer *ret)
{
	for (unsigned i = 0; i < count; i++)
		if (send_request(connections[i], "/stats", "keep-alive") < 0)
			return 0;
	for (unsigned i = 0; i < count; i++)
		if (receive(connections[i], &ret[i]) < 0)
			return i;
	return count;
}

/*
 * A worker serves one connection until it ends. So as many connections as there are
 * workers, all kept open, are with as many different workers. The first answers show that
 * all are there, replacements included, and done with whatever they did for others; the
 * second answers are then from a server at rest.
 */
static int stats(int port, unsigned workers)
{
	static struct answer answers[WORKERS_MAX];
	int connections[WORKERS_MAX];

	for (unsigned i = 0; i < workers; i++) {
		connections[i] = dial(port);
		if (connections[i] < 0)
			die("client: connect");
	}
	for (int round = 0; round < 2; round++)
		if (ask_all(connections, workers, answers) < workers) {
			fprintf(stderr, "client: not all of %u workers answer\n",
				workers);
			return 1;
		}
	for (unsigned i = 0; i < workers; i++)
		close(connections[i]);
	qsort(answers, workers, sizeof(answers[0]), by_worker);
	for (unsigned i = 0; i < workers; i++)
		printf("%s%s", i ? "\n" : "", answers[i].text + answers[i].body);
	return 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: client load PORT COUNT PARALLEL [-v]\n"
			"       client stats PORT WORKERS\n");
	return 2;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "stats") == 0)
		return stats(number(argv[2], 65535), number(argv[3], WORKERS_MAX));
	if (argc < 5 || argc > 6 || strcmp(argv[1], "load") != 0 ||
		(argc == 6 && strcmp(argv[5], "-v") != 0))
		return usage();
	return load(number(argv[2], 65535), number(argv[3], 10000000),
		number(argv[4], 64), argc == 6);
}
