#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A report: what an owner does, and how it came there, as far as that can be known.

    test-hold-stacks.py --fondue EXE --library SO --archive A --include DIR
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import test  # noqa: E402
from held import Held, has_run, names  # noqa: E402
from workshop import Skip, check, main, needs, run  # noqa: E402

STATES = r"""
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

FONDUE_SHARED static fondue_spinlock_t lock, other;
static const char *how;
static struct timespec hour = { 3600, 0 };
static int ends[2];

KEEP static void take(void) { fondue_spin_lock(&lock); have(); STAY(); }
KEEP static void do_read(void) { char c; (void)!read(ends[0], &c, 1); STAY(); }
KEEP static void do_sleep(void) { nanosleep(&hour, NULL); STAY(); }
KEEP static void do_poll(void) { poll(NULL, 0, -1); STAY(); }
KEEP static void do_recv(void) { char c; int s[2]; socketpair(AF_UNIX, SOCK_STREAM, 0, s); (void)!recv(s[0], &c, 1, 0); STAY(); }
KEEP static void do_run(void) { for (volatile long i = 0;; i++); }
KEEP static void do_mutex(void) { pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER; pthread_mutex_lock(&m); pthread_mutex_lock(&m); STAY(); }
KEEP static void do_odd(void) { syscall(SYS_io_getevents, 0, 0, 0, 0, 0); syscall(SYS_rt_sigsuspend, "\0\0\0\0\0\0\0", 8); STAY(); }
KEEP static void do_stop(void) { raise(SIGSTOP); STAY(); }
KEEP static void do_want(void) { fondue_spin_lock(&other); STAY(); }
KEEP static void *in_thread(void *arg) { take(); do_sleep(); return arg; }
KEEP static void do_thread(void) { pthread_t t; pthread_create(&t, NULL, in_thread, NULL); pthread_join(t, NULL); STAY(); }
KEEP static void on_signal(int n) { (void)n; do_sleep(); STAY(); }
KEEP static void do_signal(void) { signal(SIGUSR1, on_signal); raise(SIGUSR1); STAY(); }
KEEP static void do_vfork(void) { if (vfork() == 0) { pause(); _exit(0); } STAY(); }

#define DO(name) if (!strcmp(how, #name)) do_##name()
KEEP static void own(void)
{
	if (!strcmp(how, "want") && fork() == 0) {
		fondue_spin_lock(&other);
		take();
		for (;;)
			pause();
	}
	if (strcmp(how, "thread"))
		take();
	DO(read); DO(sleep); DO(poll); DO(recv); DO(run); DO(mutex); DO(odd); DO(stop);
	DO(want); DO(thread); DO(signal); DO(vfork);
}
KEEP static void want(void) { fondue_spin_lock(&lock); STAY(); }

int main(int argc, char **argv)
{
	(void)argc;
	how = argv[1];
	return pipe(ends) || held(own, want);
}
"""


@check
def states(shop):
    path = shop.held("states", STATES, "-O1", "-fomit-frame-pointer")
    for how, state, stack in [
            ("read", "sleeping in read", ["do_read", "own"]),
            ("sleep", "sleeping in clock_nanosleep", ["do_sleep", "own"]),
            ("poll", "sleeping in poll", ["do_poll", "own"]),
            ("recv", "sleeping in recvfrom", ["do_recv", "own"]),
            ("mutex", "sleeping in futex", ["do_mutex", "own"]),
            ("odd", "sleeping in sigsuspend", ["do_odd", "own"]),
            ("stop", "stopped", ["do_stop", "own"]),
            ("thread", "sleeping in clock_nanosleep", ["do_sleep", "in_thread"]),
            ("signal", "sleeping in clock_nanosleep", ["do_sleep", "on_signal"])]:
        with Held(shop, path, how) as held:
            pid = held.hear()[0]
            owner = held.report()["owner"]
        test(f"an owner, {how}: {state}, with the stack that led there",
             owner["pid"] == pid and owner["state"].startswith(state)
             and (owner["tid"] != pid) == (how == "thread") and owner["how"] == "proc"
             and owner["complete"] and has_run(owner, *stack), owner)
        if how == "signal":
            test("... and through the signal to what it interrupted", "do_signal" in names(owner)
                 and any(frame.get("signal") for frame in owner["frames"]), owner)
    with Held(shop, path, "vfork") as held:
        owner = held.report()["owner"]
    test("an owner, vfork: it is told that it sleeps there, or what it is in",
         "in vfork" in owner["state"] or "in uninterruptible sleep" in owner["state"], owner)
    with Held(shop, path, "run") as held:
        pid = held.hear()[0]
        owner = held.report()["owner"]
    test("an owner that runs: is called so, and where it took the lock",
         owner["pid"] == pid and owner["state"] == "running" and owner["site"]["sym"] == "take"
         and (owner.get("why") or owner.get("frames")), owner)


@check
def waiting_owner(shop):
    """The owner of the lock waits itself, for one that its sibling holds: no circle."""
    path = shop.held("chain", r"""
FONDUE_SHARED static fondue_spinlock_t lock, other;
static int ends[2];

KEEP static void hold_other(void) { fondue_spin_lock(&other); (void)!write(ends[1], "x", 1); for (;;) pause(); }
KEEP static void want_other(void) { have(); fondue_spin_lock(&other); STAY(); }
KEEP static void own(void) { char c; if (fork() == 0) { prctl(PR_SET_PDEATHSIG, SIGKILL); hold_other(); } (void)!read(ends[0], &c, 1); fondue_spin_lock(&lock); want_other(); STAY(); }
KEEP static void want(void) { fondue_spin_lock(&lock); STAY(); }
int main(void) { return pipe(ends) || held(own, want); }
""", "-O1", "-fno-omit-frame-pointer")
    with Held(shop, path) as held:
        pid = held.hear()[0]
        reports = held.until(lambda said: b'"lock"' in said and said.count(b"\n") > 1)
        reports = held.reports(2)
    report = [each for each in reports if each["owner"]["pid"] == pid]
    test("an owner that waits for another lock: its stack from there, whole with frame pointers too",
         report and report[0]["owner"]["how"] == "site" and report[0]["owner"]["complete"]
         and has_run(report[0]["owner"], "want_other", "own"), reports)


STACKS = r"""
FONDUE_SHARED static fondue_spinlock_t lock;
static const char *how;

KEEP static void take(void) { fondue_spin_lock(&lock); }
KEEP static void rest(void) { have(); for (;;) pause(); }
KEEP static int deep(int n) { int result = n ? deep(n - 1) + 1 : (rest(), 0); STAY(); return result; }
KEEP static int deep_want(int n) { int result = n ? deep_want(n - 1) + 1 : fondue_spin_lock(&lock); STAY(); return result; }
KEEP static void variable(int n) { char room[n]; memset(room, 1, n); rest(); __asm__ volatile("" : : "r"(room) : "memory"); }
KEEP static void huge(void) { volatile char room[300000]; room[0] = 1; rest(); __asm__ volatile("" : : "r"(room) : "memory"); }
extern void through_bare(void (*call)(void));

KEEP static void own(void)
{
	take();
	if (!strcmp(how, "deep")) deep(10000);
	if (!strcmp(how, "variable")) variable(1000 + (int)strlen(how));
	if (!strcmp(how, "huge")) huge();
	if (!strcmp(how, "bare")) through_bare(rest);
	rest();
	STAY();
}
KEEP static void want_lock(void) { fondue_spin_lock(&lock); STAY(); }
KEEP static void want(void)
{
	if (!strcmp(how, "deep")) deep_want(10000);
	if (!strcmp(how, "bare")) through_bare(want_lock);
	want_lock();
	STAY();
}
int main(int argc, char **argv) { (void)argc; how = argv[1]; return held(own, want); }
"""
BARE = "void through_bare(void (*call)(void)) { volatile int used = 1; call(); used++; }\n"


@check
def second_place(shop):
    """With frame pointers, which nobody sees, it goes on where the lock was taken, if that lasts."""
    path = shop.held("again", r"""
FONDUE_SHARED static fondue_spinlock_t lock;
static int wraps;

KEEP static void rest(void) { have(); for (;;) pause(); }
KEEP static void middle(void) { rest(); STAY(); }
KEEP static void deepest(void) { fondue_spin_lock(&lock); STAY(); }
KEEP static void wrapper(void) { deepest(); STAY(); }
KEEP static void stale(void) { volatile char room[8192]; room[0] = 1; middle(); STAY(); }
KEEP static void own(void)
{
	if (wraps) {
		wrapper();
		stale();
	} else {
		fondue_spin_lock(&lock);
		middle();
	}
	STAY();
}
KEEP static void want(void) { fondue_spin_lock(&lock); STAY(); }
int main(int argc, char **argv) { (void)argv; wraps = argc > 1; return held(own, want); }
""", "-O1", "-fno-omit-frame-pointer")
    for options in [], ["-s"]:
        if options:
            shop.make("strip", path)
        with Held(shop, path) as held:
            owner = held.report()["owner"]
        test("the function that took the lock is at work: from there to main, behind a gap"
             + (", in a stripped program, too" if options else ""),
             not owner["complete"] and owner["end"] == "complete"
             and [frame for frame in owner["frames"] if frame.get("gap")]
             and (options or names(owner)[1:4:2] == ["rest", "main"]
                  or has_run(owner, "own", "main")), owner)
        with Held(shop, path, "wraps") as held:
            owner = held.report()["owner"]
        # what it called itself may have left its traces
        gaps = [i for i, frame in enumerate(owner["frames"]) if frame.get("gap")]
        test("... it has returned: what it left on the stack is not taken for certain",
             not owner["complete"] and all(
                 frame.get("guess") for frame in owner["frames"][min(gaps + [99]):]), owner)


@check
def odd_stacks(shop):
    for name, options in ("plain", ["-fomit-frame-pointer"]), ("framed", ["-fno-omit-frame-pointer"]):
        shop.write("bare.c", BARE)
        shop.make("gcc", "-O1", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables",
                  "-fno-exceptions", *options, "-c", "bare.c")
        path = shop.held(name, STACKS, "bare.o", "-O1", *options)
        with Held(shop, path, "deep") as held:
            report = held.report()
        waiter, owner = report["waiter"], report["owner"]
        test(f"{name}: 10,000 calls deep: the innermost frames, and that there are more",
             waiter["complete"] is False and len(waiter["frames"]) == 64
             and set(names(waiter)) == {"deep_want"} and "more frames" in waiter["end"], waiter)
        with Held(shop, path, "deep", json=False) as held:
            text = held.text()
        test("... in the text, too", "#0 deep_want+" in text and "more" in text
             and len(text.encode()) <= 4096, text)
        if name == "plain":
            test("... the owner's as well", set(names(owner)[2:]) == {"deep"}
                 and not owner["complete"], owner)
        for how, function in ("variable", "variable"), ("huge", "huge"):
            with Held(shop, path, how) as held:
                report = held.report()
            owner = report["owner"]
            test(f"{name}: a frame of {how} size: the way through it, or why it ends",
                 (owner["complete"] and has_run(owner, function, "own")) or (
                     not owner["complete"] and owner["end"] and names(owner)[0] == "pause"), owner)
            test("... and no frame of a function that has returned", "take" not in names(owner),
                 names(owner))
            test("... nor is a stack with a gap called complete", not owner["complete"] or not any(
                frame.get("gap") for frame in owner["frames"]), owner)
        with Held(shop, path, "bare") as held:
            report = held.report()
        waiter = report["waiter"]
        test(f"{name}: an object without unwind tables: the way through it by frame pointers, "
             "marked as guessed; or that it ends there, and why",
             names(waiter)[:2] == ["want_lock", "through_bare"] and (
                 any(frame.get("guess") for frame in waiter["frames"]) or (
                     not waiter["complete"] and waiter["end"] == "no unwind tables")), waiter)
        with Held(shop, path, "bare", json=False) as held:
            text = held.text()
        if not any(frame.get("guess") for frame in waiter["frames"]):
            test("... which object it is that has none",
                 f"ends here: no unwind tables ({name})" in text, text)


@check
def elsewhere(shop):
    for command in "unshare", "nsenter":
        needs(command)
    path = shop.held("away", r"""
#include <sched.h>
FONDUE_SHARED static fondue_spinlock_t lock;

KEEP static void own(void)
{
	pid_t pid;

	if (unshare(CLONE_NEWPID) != 0)
		_exit(1);
	pid = fork();
	if (pid == 0) {
		fondue_spin_lock(&lock);
		have();
	}
	for (;;)
		pause();
}
KEEP static void want(void) { fondue_spin_lock(&lock); STAY(); }
int main(void) { return held(own, want); }
""")
    if run(["unshare", "-p", "-f", "true"]).returncode:
        raise Skip("no pid namespaces for us")
    with Held(shop, path) as held:
        report = held.report()
    owner = report["owner"]
    test("an owner in another pid namespace: by its number there, which is said; nothing else",
         owner["pid"] == 1 and owner["elsewhere"] is True and "comm" not in owner
         and "frames" not in owner and "namespace" in owner["why"], owner)
    with Held(shop, path, json=False) as held:
        text = held.text()
    test("... in words", "pid 1 tid 1 in its own pid namespace" in text, text)


@check
def gone(shop):
    path = shop.held("gone", r"""
FONDUE_SHARED static fondue_spinlock_t lock;
static const char *how;

KEEP static void *leave(void *arg) { fondue_spin_lock(&lock); STAY(); return arg; }
KEEP static void own(void)
{
	pthread_t thread;

	if (!strcmp(how, "thread")) {
		pthread_create(&thread, NULL, leave, NULL);
		pthread_join(thread, NULL);
		have();
		return;
	}
	leave(NULL);
	have();
	if (!strcmp(how, "exec"))
		execlp("sleep", "sleep", "100", NULL);
	_exit(0);
}
KEEP static void want(void)
{
	int result = fondue_spin_lock(&lock);

	printf("%d\n", result);
	fflush(stdout);
	fondue_spin_unlock(&lock);
}
int main(int argc, char **argv) { (void)argc; how = argv[1]; return held(own, want); }
""")
    for how in "thread", "exec", "exit":
        with Held(shop, path, how) as held:
            pid = held.hear()[0]
            result = held.hear()
            report = held.report()
        test(f"an owner that has gone without releasing, by {how}: EOWNERDEAD, and who it was, "
             "and where it took the lock", result == [130] and report["ev"] == "death"
             and report["owner"]["pid"] == pid and report["owner"]["site"]["sym"] == "leave"
             and (report["owner"]["tid"] != pid) == (how == "thread")
             and report["owner"].get("became") == ("sleep" if how == "exec" else None),
             (result, report))


sys.exit(main(__doc__))
