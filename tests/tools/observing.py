# SPDX-License-Identifier: MIT
"""What the tests of the observer (tools/observe.c) have in common: see test-observe-*.py.

Programs wait for one another by pipes and by what the kernel says of them, never by time.
"""
import errno
import json
import os
import signal
import subprocess
import sys

from workshop import run

HEAD = r"""
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
"""


def usual_signals():
    """Who is started with the signals of a terminal ignored, as by some supervisors, hands that
    on to all programs here; those that stop themselves would then wait forever to be continued."""
    for each in signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGINT, signal.SIGQUIT:
        signal.signal(each, signal.default_int_handler if each == signal.SIGINT else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def dump_path():
    return sys.argv[sys.argv.index("--dump") + 1]


class Seen:
    """What observe-dump has written, and how the program ended."""

    def __init__(self, ran, file):
        self.ran = ran
        try:
            with open(file) as text:
                self.data = json.load(text)
        except (OSError, ValueError):
            self.data = {}
        for key, value in self.data.items():
            setattr(self, key, value)
        self.children = [i for i, process in enumerate(self.data.get("processes", []))
                         if process["parent"] is not None]

    def __str__(self):
        return f"{self.ran}\n" + json.dumps(self.data)[:6000]

    def index(self, name):
        found = [i for i, variable in enumerate(self.variables) if variable["name"] == name]
        return found[0] if found else None

    def variable(self, name):
        return None if self.index(name) is None else self.variables[self.index(name)]

    def of(self, name, when="end"):
        """The changes of a variable."""
        return [change for change in self.changes
                if change["variable"] == self.index(name) and change["when"] == when]

    def after(self, name, when="end", member=None):
        """The values of one word, sorted."""
        return sorted(word["after"] for change in self.of(name, when)
                      for word in change["words"] if word["member"] == member)

    def names(self, when="end"):
        return {self.variables[change["variable"]]["name"] for change in self.changes
                if change["when"] == when}


def command_of(shop, *words, sample=0, limit=60, watch=None):
    options = [str(sample), str(limit)] + ([watch] if watch else [])
    return [os.path.abspath(dump_path()), shop.path("seen"), *options, "--", *words]


def observe(shop, *words, sample=0, limit=60, watch=None, **options):
    ran = run(command_of(shop, *words, sample=sample, limit=limit, watch=watch), **options)
    return Seen(ran, shop.path("seen"))


SPAWN = HEAD + r"""
#include <spawn.h>
int touched;
extern char **environ;

int main(void)
{
	char *words[] = { "true", NULL };
	pid_t pid;
	int status = -1;

	if (posix_spawnp(&pid, "true", NULL, NULL, words, environ) != 0)
		return 9;
	waitpid(pid, &status, 0);
	pid = vfork();
	if (pid == 0) {
		touched++;
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	if (fork() == 0) {
		touched = 50;
		execlp("true", "true", NULL);
		_exit(1);
	}
	wait(NULL);
	return status + touched;
}
"""


def separate_debug_information(shop, name):
    shop.make("objcopy", "--only-keep-debug", name, name + ".debug")
    shop.make("strip", name)
    shop.make("objcopy", f"--add-gnu-debuglink={name}.debug", name)


SERVER = HEAD + r"""
int table[4], cleared, served;
static int end[2];
static volatile sig_atomic_t told;

static void on_term(int sig) { told = sig; }

static void worker(int number)
{
	struct pollfd asked = { .fd = end[0], .events = POLLIN };

	for (int i = 0; i < 10; i++)
		table[i % 4] += number;
	served = 10 * number;
	if (write(1, "+\n", 2) != 2)
		_exit(9);
	poll(&asked, 1, -1); /* told to end by the pipe, not by a signal */
	memset(table, 0, sizeof(table));
	served = 0;
	cleared = 1;
	_exit(0);
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_term };
	sigset_t term, before;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigaddset(&term, SIGINT);
	sigprocmask(SIG_BLOCK, &term, &before);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	if (pipe(end) != 0)
		return 9;
	for (int i = 1; i <= 3; i++)
		if (fork() == 0) {
			close(end[1]);
			worker(i);
		}
	while (!told)
		sigsuspend(&before);
	close(end[1]);
	while (wait(NULL) > 0)
		;
	printf("ended by %d\n", (int)told);
	return 3;
}
"""


def start_server(shop, path, **options):
    """The observer, when the three workers have served."""
    process = subprocess.Popen(command_of(shop, path), encoding="utf-8", stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, **options)
    for _ in range(3):
        process.stdout.readline()
    return process


def end_of(shop, process):
    out, err = process.communicate(timeout=60)
    return Seen(subprocess.CompletedProcess("server", process.returncode, out, err),
                shop.path("seen"))


def state_of(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0]
