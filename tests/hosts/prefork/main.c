/* SPDX-License-Identifier: MIT */
/*
 * main.c - the master of a prefork HTTP server: it serves nothing itself
 *
 *	prefork [-p PORT] [-n WORKERS]
 *
 * Listens on the loopback interface, on a port of the kernel's choice unless told, and
 * says which on standard output once it can be connected to. All workers accept from that
 * one socket. A worker that is killed is replaced; one that ends by itself cannot serve,
 * and neither could its replacement: then the server stops with status 1. SIGTERM or
 * SIGINT end it with status 0, after the requests in hand are answered.
 *
 * The master keeps the write end of a pipe of which every worker watches the read end.
 * Closing it stops them, and so does the kernel's closing it when the master is killed:
 * no worker is ever left behind. Signals are the master's alone: blocked, waited for one
 * at a time, and blocked in the workers by inheritance.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <fondue/shared.h>

#include "prefork.h"

#define WORKERS_MAX  64
#define STOP_SECONDS 15 /* more than a request in hand can take: see IDLE_SECONDS */

FONDUE_SHARED unsigned long workers_replaced; /* the master counts, the workers show it */
int master_gone;

static int master_alive; /* the write end, open in the master only */
static int listener;
static int workers_wanted = 4;
static pid_t workers[WORKERS_MAX]; /* 0: none, to be started */
static int exit_status;

static void die(const char *what)
{
	fprintf(stderr, "prefork: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void start_listening(int port)
{
	struct sockaddr_in address = {0};
	socklen_t size = sizeof(address);
	int yes = 1;

	address.sin_family = AF_INET;
	address.sin_port = htons(port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (listener < 0)
		die("socket");
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(listener, (struct sockaddr *)&address, size) < 0 ||
		listen(listener, 128) < 0 || fcntl(listener, F_SETFL, O_NONBLOCK) < 0 ||
		getsockname(listener, (struct sockaddr *)&address, &size) < 0)
		die("listen");
	printf("prefork: serving http://127.0.0.1:%d/\n", ntohs(address.sin_port));
	fflush(stdout); /* a fork would double what is left in the buffer */
}

static pid_t start_worker(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		close(master_alive);
		_exit(serve(listener));
	}
	return pid;
}

/* Returns the number that could not be started: a fork may fail for lack of memory. */
static int start_missing_workers(void)
{
	int missing = 0;

	for (int i = 0; i < workers_wanted; i++) {
		if (workers[i] != 0)
			continue;
		workers[i] = start_worker();
		if (workers[i] < 0) {
			perror("prefork: fork");
			workers[i] = 0;
			missing++;
		}
	}
	return missing;
}

static void forget_worker(pid_t pid)
{
	for (int i = 0; i < workers_wanted; i++)
		if (workers[i] == pid)
			workers[i] = 0;
	stats_worker_died(pid);
}

/* Collect who has ended. Returns 0 when one of them gave up by itself. */
static int reap_workers(void)
{
	int status, good = 1;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		forget_worker(pid);
		if (WIFSIGNALED(status)) {
			__atomic_add_fetch(&workers_replaced, 1, __ATOMIC_RELAXED);
			fprintf(stderr, "prefork: worker %ld killed by signal %d\n",
				(long)pid, WTERMSIG(status));
		} else if (WEXITSTATUS(status) != 0) {
			fprintf(stderr, "prefork: worker %ld gave up\n", (long)pid);
			good = 0;
		}
	}
	return good;
}

/* Next of @signals, or 0 when a second has passed and somebody waits for that. */
static int next_signal(const sigset_t *signals, int hurry)
{
	static const struct timespec second = {1, 0};
	int signal;

	do
		signal = hurry ? sigtimedwait(signals, NULL, &second)
			       : sigwaitinfo(signals, NULL);
	while (signal < 0 && errno == EINTR);
	return signal < 0 ? 0 : signal;
}

static void run(const sigset_t *signals)
{
	for (;;) {
		int missing = start_missing_workers();
		int signal = next_signal(signals, missing);

		if (signal == SIGTERM || signal == SIGINT)
			return;
		if (!reap_workers()) {
			exit_status = 1;
			return;
		}
	}
}

static int workers_left(void)
{
	int left = 0;

	for (int i = 0; i < workers_wanted; i++)
		left += workers[i] != 0;
	return left;
}

/* A worker that does not stop in time is stuck, and no good any more. */
static void stop(void)
{
	static const struct timespec patience = {STOP_SECONDS, 0};
	sigset_t ended;

	sigemptyset(&ended);
	sigaddset(&ended, SIGCHLD);
	close(master_alive);
	for (reap_workers(); workers_left() > 0; reap_workers()) {
		if (sigtimedwait(&ended, NULL, &patience) >= 0 || errno == EINTR)
			continue;
		exit_status = 1;
		for (int i = 0; i < workers_wanted; i++)
			if (workers[i] != 0)
				kill(workers[i], SIGKILL);
	}
}

static int number(const char *text, int min, int max)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || value < min || value > max) {
		fprintf(stderr, "prefork: %s is not a number from %d to %d\n", text, min,
			max);
		exit(2);
	}
	return (int)value;
}

int main(int argc, char **argv)
{
	sigset_t signals;
	int port = 0, life[2], option;

	while ((option = getopt(argc, argv, "p:n:")) != -1) {
		if (option == 'p')
			port = number(optarg, 0, 65535);
		else if (option == 'n')
			workers_wanted = number(optarg, 1, WORKERS_MAX);
		else
			return 2;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	if (pipe(life) < 0)
		die("pipe");
	master_gone = life[0];
	master_alive = life[1];
	start_listening(port);
	run(&signals);
	stop();
	return exit_status;
}
