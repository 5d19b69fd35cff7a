#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is seen of forking programs: signals, terminals and stops.

    test-observe-signals.py --dump EXE --fondue EXE --library SO --archive A --include DIR
"""
import os
import pty
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from observing import (command_of, end_of, HEAD, observe,  # noqa: E402
                       Seen, SERVER, start_server, usual_signals)
from tap import test  # noqa: E402
from workshop import Skip, check, main, needs, run  # noqa: E402


@check
def before_the_end(shop):
    path = shop.program("server", SERVER)
    process = start_server(shop, path)
    process.send_signal(signal.SIGTERM)
    seen = end_of(shop, process)
    test("a signal for the observer alone is passed on, and the program ends as it wants",
         seen.ran.stdout == "ended by 15\n" and seen.ran.returncode == 3, seen)
    test("what it was that ended it", seen.ended_by == signal.SIGTERM, seen)
    test("the whole family is seen before any of it tidies up",
         seen.after("served", "signal") == [10, 20, 30]
         and seen.after("table", "signal", "[1]") == [3, 6, 9], seen)
    test("... and after", seen.after("cleared") == [1, 1, 1] and not seen.of("served"), seen)
    process = start_server(shop, path, start_new_session=True)
    os.killpg(process.pid, signal.SIGINT)
    seen = end_of(shop, process)
    test("as the terminal does, to the whole group: the family is seen, all workers killed",
         seen.after("served", "signal") == [10, 20, 30] and seen.ended_by == signal.SIGINT, seen)


ORPHANS = SERVER.replace("	action", "	action").replace(
    "	sigaction(SIGTERM, &action, NULL);\n	sigaction(SIGINT, &action, NULL);\n",
    "	(void)action;\n").replace(
        "	poll(&asked, 1, -1); /* told to end by the pipe, not by a signal */",
        "	(void)asked; for (;;) pause();")


@check
def who_lives_on(shop):
    """The program ends by the signal, and its children hear nothing of it."""
    process = start_server(shop, shop.program("orphans", ORPHANS))
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)
    seen = Seen(subprocess.CompletedProcess("orphans", process.returncode, "", ""),
                shop.path("seen"))
    pids = [seen.processes[child]["pid"] for child in seen.children]
    alive = [pid for pid in pids if os.path.exists(f"/proc/{pid}")]
    test("the observer ends when the program has, though its children live on",
         seen.left == 3 and len(alive) == 3 and seen.ran.returncode == 128 + 15, seen)
    test("they are seen all the same", seen.after("served", "signal") == [10, 20, 30], seen)
    tracers = [re.search(r"TracerPid:\s*(\d+)", open(f"/proc/{pid}/status").read())[1]
               for pid in alive]
    test("and nobody traces them any more", tracers == ["0"] * 3, tracers)
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
    process.communicate()


@check
def when_the_observer_dies(shop):
    path = shop.program("server", SERVER)
    process = start_server(shop, path)
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as children:
        program = int(children.read().split()[0])
    process.kill()
    process.wait()
    os.kill(program, signal.SIGTERM)
    rest = process.stdout.read()
    process.stderr.close()
    test("a program whose observer is killed goes on", rest == "ended by 15\n", rest)


GROUP_STOP = HEAD + r"""
int counted;

/* Stopped by a signal, seen so by its parent, continued, and ended. */
int main(void)
{
	int status, signals[] = { SIGSTOP, SIGTSTP }, good = 0, go[2];
	char byte;

	alarm(20);
	if (pipe(go) != 0)
		return 99;
	for (unsigned i = 0; i < 2; i++) {
		char path[64], state = 0;
		FILE *stat;
		pid_t child = fork();

		if (child == 0) {
			counted = 1;
			/* SIGTSTP stops nobody whose group has no parent outside */
			setpgid(0, 0);
			raise(signals[i]);
			counted = 2;
			_exit(read(go[0], &byte, 1) == 1 ? 11 : 12);
		}
		good += waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status) &&
			WSTOPSIG(status) == signals[i];
		/* time for whoever traces it to let it go on by mistake */
		for (int j = 0; j < 20; j++)
			if (fork() == 0)
				_exit(0);
			else
				while (waitpid(0, NULL, WNOHANG) <= 0)
					;
		snprintf(path, sizeof(path), "/proc/%d/stat", (int)child);
		stat = fopen(path, "r");
		good += stat && fscanf(stat, "%*d (%*[^)]) %c", &state) == 1 &&
			(state == 'T' || state == 't');
		good += waitpid(child, &status, WNOHANG | WUNTRACED) == 0;
		kill(child, SIGCONT);
		good += waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status);
		if (write(go[1], "", 1) != 1)
			return 98;
		good += waitpid(child, &status, 0) == child && WIFEXITED(status) &&
			WEXITSTATUS(status) == 11;
	}
	return good;
}
"""


@check
def group_stops(shop):
    path = shop.program("stop", GROUP_STOP)
    plain = run([path])
    seen = observe(shop, path)
    test("a child is stopped and continued, and its parent sees it, as ever",
         seen.ran.returncode == plain.returncode == 10, f"{plain.returncode} {seen}")
    test("... and it is observed to its end", seen.after("counted") == [2, 2], seen)


SIGNALS = HEAD + r"""
static volatile sig_atomic_t got, children, value, pid_ok;
static pid_t mine;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)context;
	got += sig == SIGUSR1 && info->si_code == SI_QUEUE;
	value = info->si_value.sival_int;
	pid_ok = info->si_pid == mine;
}

static void on_child(int sig, siginfo_t *info, void *context)
{
	(void)context;
	children += sig == SIGCHLD && info->si_code == CLD_EXITED && info->si_status == 6;
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART };
	sigset_t mask, old, usual;
	int good = 0, status;

	sigprocmask(SIG_BLOCK, NULL, &usual);
	good += !sigismember(&usual, SIGTERM) && !sigismember(&usual, SIGCHLD);
	mine = getpid();
	sigaction(SIGUSR1, &action, NULL);
	sigqueue(mine, SIGUSR1, (union sigval){ .sival_int = 77 });
	good += got == 1 && value == 77 && pid_ok;
	action.sa_sigaction = on_child;
	sigaction(SIGCHLD, &action, NULL);
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, &old);
	pid_t child = fork();
	if (child == 0)
		_exit(6);
	while (!children)
		sigsuspend(&old);
	good += waitpid(-1, &status, 0) == child && WEXITSTATUS(status) == 6;
	good += waitpid(-1, &status, 0) == -1 && errno == ECHILD;
	sigprocmask(SIG_SETMASK, &old, NULL);
	/* nobody is to wait for them */
	signal(SIGCHLD, SIG_IGN);
	if (fork() == 0)
		_exit(0);
	good += wait(NULL) == -1 && errno == ECHILD;
	return good;
}
"""


@check
def signals(shop):
    path = shop.program("signals", SIGNALS)
    plain = run([path])
    seen = observe(shop, path)
    test("signals come as they were sent, and wait() is what it was",
         seen.ran.returncode == plain.returncode == 5, f"{plain.returncode} {seen}")


class Terminal:
    """A command that has a terminal of its own, as its session's leader."""

    def __init__(self, *command):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvp(command[0], command)
        self.text = ""

    def wait_for(self, text, count=1):
        while self.text.count(text) < count:
            try:
                more = os.read(self.fd, 4096)
            except OSError:
                more = b""
            if not more:
                return False
            self.text += more.decode().replace("\r", "")
        return True

    def group(self):
        """Whom it would send its signals."""
        return os.tcgetpgrp(self.fd)

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        self.wait_for("\0")
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


@check
def terminal(shop):
    path = shop.program("server", SERVER)
    terminal = Terminal(*command_of(shop, path))
    terminal.wait_for("+\n", 3)
    terminal.type("\x03")
    status = terminal.end()
    seen = Seen(terminal.text, shop.path("seen"))
    test("Ctrl-C in a terminal: the family is seen before it hears of it, and ends as it wants",
         status == 3 and seen.after("served", "signal") == [10, 20, 30]
         and seen.ended_by == signal.SIGINT, f"{status} {seen}")
    # workers that the terminal's signal does not kill
    path = shop.program("server", SERVER.replace("static void worker(int number)\n{",
                                                 "static void worker(int number)\n{\n"
                                                 "\tsignal(SIGINT, SIG_IGN);"))
    # noflsh: else Ctrl-C may throw away what the program says of it
    script = "stty noflsh; set -m; {}; echo stopped $?; fg >/dev/null; echo ended $?".format(
        " ".join(command_of(shop, path)))
    terminal = Terminal(needs("bash"), "-c", script)
    terminal.wait_for("+\n", 3)
    job = terminal.group()
    terminal.type("\x1a")
    test("Ctrl-Z stops it for the shell", terminal.wait_for("stopped 148"), terminal.text)
    while terminal.group() != job:
        os.sched_yield()
    terminal.type("\x03")
    test("... and it goes on, and ends by Ctrl-C", terminal.wait_for("ended 3\n")
         and "ended by 2\n" in terminal.text, terminal.text)
    terminal.end()
    seen = Seen(terminal.text, shop.path("seen"))
    test("... having been observed", seen.after("served", "signal") == [10, 20, 30]
         and seen.after("cleared") == [1, 1, 1], seen)


WAITER = HEAD + r"""
int kept;

int main(void)
{
	sigset_t all;
	int sig, end[2];
	char byte;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	if (pipe(end) != 0)
		return 9;
	if (fork() == 0) {
		close(end[1]);
		kept = 7;
		if (write(1, "+\n+\n+\n", 6) != 6 || read(end[0], &byte, 1) != 0)
			_exit(9);
		kept = 0;
		_exit(0);
	}
	do
		sigwait(&all, &sig);
	while (sig == SIGCHLD);
	close(end[1]);
	wait(NULL);
	return sig == SIGTERM ? 3 : 4;
}
"""


@check
def servers_that_wait_for_signals(shop):
    process = start_server(shop, shop.program("waiter", WAITER))
    process.send_signal(signal.SIGTERM)
    seen = end_of(shop, process)
    test("a signal that is taken by sigwait(): the family is seen before it is passed on",
         seen.ran.returncode == 3 and seen.after("kept", "signal") == [7]
         and seen.ended_by == signal.SIGTERM, seen)


@check
def limit(shop):
    seen = observe(shop, shop.program("server", SERVER), limit=1)
    test("when its time is up the program is told to end",
         seen.ran.returncode == 3 and "ended by 15" in seen.ran.stdout
         and seen.after("served", "signal") == [10, 20, 30] and seen.ended_by == 15, seen)


EPOLL = HEAD + r"""
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>

/* A child that ends while its parent waits: SIGCHLD is ignored, so nothing is to be noticed. */
int main(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct timeval long_time = { .tv_sec = 100 };
	int set = epoll_create1(0), ends[2], good = 0;
	char byte;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0 ||
		epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event) != 0)
		return 9;
	setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &long_time, sizeof(long_time));
	for (int i = 0; i < 2; i++) {
		pid_t waiter = getpid();

		if (fork() == 0) {
			/* one that ends first, when the other sleeps; then one that wakes it */
			char path[64], state = 0;
			FILE *file;
			pid_t zombie = 0;

			snprintf(path, sizeof(path), "/proc/%d/stat", (int)waiter);
			while (state != 'S') {
				file = fopen(path, "r");
				if (!file || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
					_exit(1);
				fclose(file);
			}
			kill(waiter, SIGCHLD);
			kill(waiter, SIGWINCH);
			/* it sleeps again, or has returned and waits for us */
			for (state = 0; state != 'S';) {
				file = fopen(path, "r");
				if (!file || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
					_exit(1);
				fclose(file);
			}
			(void)zombie;
			_exit(write(ends[1], "x", 1) != 1);
		}
		good += i ? recv(ends[0], &byte, 1, 0) == 1 :
			    epoll_wait(set, &event, 1, 100000) == 1;
		if (!i && read(ends[0], &byte, 1) != 1)
			return 8;
	}
	while (wait(NULL) > 0)
		;
	return good;
}
"""


@check
def ignored_signals(shop):
    path = shop.program("epoll", EPOLL)
    plain = run([path])
    if os.uname().machine != "x86_64":
        raise Skip("only known how on x86-64")
    seen = observe(shop, path)
    test("a signal that is ignored wakes nobody in epoll_wait() and recv()",
         seen.ran.returncode == plain.returncode == 2, seen)


usual_signals()
sys.exit(main(__doc__))
