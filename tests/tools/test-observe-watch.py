#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is seen of forking programs: who reads, by debug registers; and where nothing may be seen.

    test-observe-watch.py --dump EXE --fondue EXE --library SO --archive A --include DIR
"""
import ctypes
import errno
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from observing import HEAD, observe, SPAWN, usual_signals  # noqa: E402
from tap import test  # noqa: E402
from workshop import Skip, check, main, run  # noqa: E402

WATCHED = HEAD + r"""
int counted;
double result;
struct { int other, hits; } stats;

static void work(void)
{
	counted = 3;
	result = 2.5;
	stats.hits = 4;
}

static int ask(void)
{
	return counted;
}

int main(void)
{
	if (fork() == 0) {
		work();
		_exit(0);
	}
	wait(NULL);
	return ask() + (result > 1);
}
"""


def line_of(source, text):
    return next(i for i, line in enumerate(source.split("\n"), 1) if text in line)


@check
def watching(shop):
    path = shop.program("watched", WATCHED)
    first = observe(shop, path)
    second = observe(shop, path, watch="counted,result")
    if os.uname().machine != "x86_64" or not second.watched:
        raise Skip("this machine has no debug registers for us")
    told = [(a["process"], second.variables[a["variable"]]["name"], a["value"], a["write"],
             a["where"]) for a in second.accesses]
    at = {text: line_of(WATCHED, text) for text in ["counted = 3", "return counted", "result > 1",
                                                    "result = 2.5"]}
    test("the child has written, and where",
         (1, "counted", 3, True, f"work (watched.c:{at['counted = 3']})") in told, told)
    test("the parent then read the old value, and where",
         (0, "counted", 0, False, f"ask (watched.c:{at['return counted']})") in told, told)
    test("... of two variables", (0, "result", 0, False,
                                  f"main (watched.c:{at['result > 1']})") in told, told)
    test("nothing else touched them", len(told) == 4, told)
    test("what has changed is seen as in the first run", second.names() == first.names()
         and second.after("counted") == [3], second)
    test("it ends as ever", second.ran.returncode == first.ran.returncode == 0)


@check
def rights(shop):
    if os.getuid() != 0:
        raise Skip("not root, who can be somebody else")
    path = shop.program("secure", HEAD + "int main(void) { return fork() == 0; }\n")
    os.chown(path, 1, 1)
    os.chmod(path, 0o4755)
    os.chmod(shop.directory, 0o777)
    seen = observe(shop, path, user=65534)
    test("a set-user-ID program is not run without its rights",
         seen.ran.returncode == 99 and "rights of another user" in (seen.why or ""), seen)
    os.chmod(path, 0o755)
    os.unlink(shop.path("seen"))
    seen = observe(shop, path, user=65534)
    test("others can be observed by anybody", seen.ran.returncode == 0 and seen.forked, seen)


def forbid(number):
    """For subprocess: this system call fails with EPERM from now on, as in some containers."""
    load, equal, give = 0x20, 0x15, 0x06  # BPF: the call's number; is it that; what then
    code = b"".join(struct.pack("HBBI", *step) for step in [
        (load, 0, 0, 0), (equal, 0, 1, number), (give, 0, 0, 0x00050000 | errno.EPERM),
        (give, 0, 0, 0x7fff0000)])
    buffer = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(buffer)))
    libc = ctypes.CDLL(None, use_errno=True)

    def apply(code_of_program=buffer):
        if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program):
            raise OSError(ctypes.get_errno(), "seccomp")
    return apply


@check
def containers(shop):
    if os.uname().machine != "x86_64":
        raise Skip("the numbers of system calls are those of x86-64")
    path = shop.program("marks", HEAD + r"""
int main(int argc, char **argv)
{
	return argc < 2 || !fopen(argv[1], "w");
}
""")
    for name, number in [("ptrace()", 101), ("process_vm_readv()", 310)]:
        seen = observe(shop, path, shop.path("mark"), preexec_fn=forbid(number))
        test(f"where {name} is forbidden that is said, and the program does not run",
             seen.ran.returncode == 99 and "cannot be traced" in seen.why
             and not os.path.exists(shop.path("mark")), seen)
    seen = observe(shop, shop.program("spawn", SPAWN), preexec_fn=forbid(312))
    test("where kcmp() is forbidden it is known all the same who borrows memory",
         [seen.processes[i]["borrower"] for i in seen.children] == [True, True, False]
         and seen.names() == set(), seen)


WAITING_THREAD = HEAD + r"""
#include <sys/epoll.h>
#include <sys/syscall.h>
int counted;
static int ends[2], result = -1;
static volatile pid_t waiter;

static void *wait_for_it(void *arg)
{
	waiter = (pid_t)syscall(SYS_gettid);

	struct epoll_event event = { .events = EPOLLIN };
	int set = epoll_create1(0);

	epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event);
	result = epoll_wait(set, &event, 1, 100000);
	return arg;
}

/* Until the other thread sleeps. */
static void settle(void)
{
	char path[64], state = 0;

	while (state != 'S') {
		FILE *stat;

		if (!waiter)
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)waiter);
		stat = fopen(path, "r");
		if (!stat || fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
			_exit(9);
		fclose(stat);
	}
}

int main(void)
{
	pthread_t thread;

	if (pipe(ends) != 0)
		return 9;
	pthread_create(&thread, NULL, wait_for_it, NULL);
	settle();
	for (int i = 0; i < 3; i++) {
		if (fork() == 0) {
			counted = 1;
			_exit(0);
		}
		wait(NULL);
	}
	settle();
	counted += write(ends[1], "", 1) != 1;
	pthread_join(thread, NULL);
	return result + counted;
}
"""


@check
def watched_threads(shop):
    path = shop.program("waiting", WAITING_THREAD, "-pthread")
    plain = run([path])
    seen = observe(shop, path, watch="counted")
    test("a thread that sleeps while its process is watched does not notice",
         seen.ran.returncode == plain.returncode == 1, f"{plain} {seen}")


@check
def refusals(shop):
    for name, words in [(shop.path("nothing"), "not found"), ("no-such-program", "not found"),
                        (shop.write("plain.txt", "x"), "Permission denied")]:
        seen = observe(shop, name)
        test(f"it is said why nothing runs: {os.path.basename(name)}",
             seen.ran.returncode == 99 and words in seen.why and not seen.processes, seen)
    seen = observe(shop, shop.write("script.sh", "#!/bin/sh\nexit 4\n", 0o755))
    test("a script runs", seen.ran.returncode == 4 and not seen.forked, seen)


usual_signals()
sys.exit(main(__doc__))
