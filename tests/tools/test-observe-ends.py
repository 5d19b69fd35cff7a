#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is seen of forking programs: births and ends of what a program forks.

    test-observe-ends.py --dump EXE --fondue EXE --library SO --archive A --include DIR
"""
import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from observing import (end_of, HEAD, observe,  # noqa: E402
                       separate_debug_information, SPAWN, start_server, usual_signals)
from tap import test  # noqa: E402
from workshop import check, main, run  # noqa: E402

WAYS = HEAD + r"""
int counted;
char *volatile nowhere;
static int told[2];

/* Has counted, and says so to its parent, who kills it then. */
static void tell(void)
{
	if (write(told[1], "", 1) != 1)
		_exit(99);
}

static void end(int way)
{
	counted = way + 1;
	switch (way) {
	case 0:
		exit(3);
	case 1:
		_exit(4);
	case 2:
		*nowhere = 1;
		break;
	case 3:
		abort();
	case 4:
		raise(SIGKILL);
		break;
	case 5:
		tell();
		for (;;)
			pause();
	case 6:
		tell();
		for (;;)
			;
	}
	_exit(98);
}

int main(void)
{
	char byte;

	if (pipe(told) != 0)
		return 97;
	for (int way = 0; way < 7; way++) {
		pid_t child = fork();

		if (child == 0)
			end(way);
		if (way >= 5 && read(told[0], &byte, 1) == 1)
			kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	printf("counted %d\n", counted);
	return 5;
}
"""


@check
def ways_to_die(shop):
    path = shop.program("ways", WAYS)
    plain = run([path])
    seen = observe(shop, path)
    test("the output and the status of the program are its own",
         (seen.ran.stdout, seen.ran.stderr, seen.ran.returncode) ==
         (plain.stdout, plain.stderr, plain.returncode) == ("counted 0\n", "", 5), seen)
    test("exit, _exit, two crashes and three ways of SIGKILL: what each had counted is seen",
         seen.after("counted") == [1, 2, 3, 4, 5, 6, 7], seen)
    ends = [(seen.processes[i]["killed"], seen.processes[i]["status"]) for i in seen.children]
    test("... and how each has ended", ends == [
        (False, 3), (False, 4), (True, signal.SIGSEGV), (True, signal.SIGABRT),
        (True, 9), (True, 9), (True, 9)], ends)
    test("... and each has been looked at",
         all(seen.processes[i]["looked_at"] for i in seen.children), seen)
    crashes = {crash["signal"]: crash for crash in seen.crashes}
    test("a crash is told with its line",
         re.fullmatch(r"end \(ways\.c:\d+\)", crashes[signal.SIGSEGV]["where"])
         and crashes[signal.SIGSEGV]["fault"] == 0, seen.crashes)
    test("an abort is told with the line of the program, not with libc's",
         re.fullmatch(r"end \(ways\.c:\d+\)", crashes[signal.SIGABRT]["where"]), seen.crashes)
    test("what has not changed is not told of",
         seen.names() <= {"counted", "completed.0"} and seen.ran.returncode == 5, seen)


NESTED = HEAD + r"""
int mine;

int main(void)
{
	for (int i = 0; i < 20; i++)
		if (fork() == 0) {
			mine = 1000 + i;
			for (int j = 0; j < 15; j++) {
				if (fork() == 0) {
					mine = 100000 + 100 * i + j;
					_exit(0);
				}
			}
			mine = 2000 + i;
			while (wait(NULL) > 0)
				;
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	return 0;
}
"""


@check
def nested_forks(shop):
    seen = observe(shop, shop.program("nested", NESTED))
    parents = {i for i in seen.children if seen.processes[i]["parent"] == 0}
    grandchildren = [i for i in seen.children if seen.processes[i]["parent"] in parents]
    test("300 grandchildren below 20 children", (len(parents), len(grandchildren)) == (20, 300))
    before = {}
    for change in seen.of("mine"):
        word = change["words"][0]
        before[change["process"]] = (word["before"], word["after"])
    wrong = [i for i in grandchildren
             if before.get(i, (0, 0))[0] not in range(1000, 1020)
             or before[i][1] // 100 - 1000 != before[i][0] - 1000]
    test("each begins with what its own parent had at fork, though that went on", not wrong,
         wrong[:5])
    test("... and the parents are told by their own",
         sorted(before[i][1] for i in parents) == list(range(2000, 2020)), seen)


@check
def spawned_programs(shop):
    seen = observe(shop, shop.program("spawn", SPAWN))
    one, two, three = (seen.processes[i] for i in seen.children)
    test("a spawned program borrows its parent's memory, and is another program then",
         one["borrower"] and os.path.basename(one["executed"]).startswith(("true", "coreutils")),
         seen)
    test("so does a vfork's child", two["borrower"] and two["executed"] is None, seen)
    test("a fork that executes is another program, and no borrower",
         not three["borrower"] and three["executed"], seen)
    test("nothing has changed in any of them", seen.names() == set(), seen)
    test("what a vfork's child has changed its parent has", seen.ran.returncode == 1, seen)


THREADS = HEAD + r"""
int in_thread, at_main;
static pthread_barrier_t all;

static void *work(void *last)
{
	__atomic_add_fetch(&in_thread, 1, __ATOMIC_RELAXED);
	pthread_barrier_wait(&all);
	if (last)
		_exit(7);
	for (;;)
		pause();
}

static void child(int leader_leaves)
{
	pthread_t thread;

	pthread_barrier_init(&all, NULL, 5);
	for (long i = 0; i < 4; i++)
		pthread_create(&thread, NULL, work, (void *)(i == 3 && leader_leaves ? 1L : 0L));
	pthread_barrier_wait(&all);
	at_main = 3;
	if (leader_leaves)
		pthread_exit(NULL);
	_exit(6);
}

static void *idle(void *arg)
{
	for (;;)
		pause();
	return arg;
}

int main(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, idle, NULL);
	for (int i = 0; i < 20; i++) {
		if (fork() == 0)
			child(i % 2);
		wait(NULL);
	}
	return 0;
}
"""


@check
def threads(shop):
    seen = observe(shop, shop.program("threads", THREADS, "-pthread"))
    test("threads are not processes", len(seen.processes) == 21, len(seen.processes))
    test("of a child that ends with all its threads running everything is seen",
         seen.after("in_thread") == [4] * 20, seen)
    ends = [seen.processes[i]["status"] for i in seen.children]
    test("... whichever thread ended it", ends == [6, 7] * 10, ends)


CRASH = HEAD + r"""
int *grid;
int late;

int main(void)
{
	int go[2];
	char byte;

	if (pipe(go) != 0)
		return 9;
	if (fork() == 0) {
		if (read(go[0], &byte, 1) != 1)
			_exit(8);
		return *grid;
	}
	late = 42;
	grid = calloc(10, sizeof(*grid));
	if (write(go[1], "", 1) != 1)
		return 7;
	wait(NULL);
	return 0;
}
"""


@check
def crash(shop):
    seen = observe(shop, shop.program("crash", CRASH))
    test("at a crash the parent is looked at: what it has set after the fork",
         seen.after("late", "crash") == [42] and {"grid", "late"} <= seen.names("crash"), seen)
    test("... and at the end of the child, too", seen.after("late", "parent") == [42], seen)
    test("the child itself has changed nothing", not seen.of("late") and not seen.of("grid"))
    test("it is known where", re.fullmatch(r"main \(crash\.c:\d+\)", seen.crashes[0]["where"]),
         seen.crashes)


DAEMON = HEAD + r"""
int served;

int main(void)
{
	sigset_t set;
	int sig, ready[2];
	char byte;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	if (pipe(ready) != 0)
		return 9;
	if (fork() != 0) {
		close(ready[1]);
		return read(ready[0], &byte, 1) == 0 ? 0 : 8;
	}
	setsid();
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (fork() == 0) {
		served = 5;
		close(ready[1]);
		close(ready[0]);
		if (write(1, "+\n+\n+\n", 6) != 6)
			_exit(9);
		sigwait(&set, &sig);
		_exit(4);
	}
	close(ready[1]);
	close(ready[0]);
	_exit(0);
}
"""


@check
def daemons(shop):
    path = shop.program("daemon", DAEMON)
    process = start_server(shop, path)
    # the program has ended when its end can be seen: then it has no children any more
    while True:
        with open(f"/proc/{process.pid}/task/{process.pid}/children") as children:
            if not children.read().strip():
                break
    process.send_signal(signal.SIGTERM)
    seen = end_of(shop, process)
    test("of a daemon the last process is told to end, though its parents are gone",
         len(seen.children) == 2 and seen.processes[2]["status"] == 4
         and seen.after("served") == [5] and seen.ran.returncode == 0, seen)


HEIR = HEAD + r"""
#include <dirent.h>
int mine;

int main(void)
{
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;

	if (fork() == 0) {
		mine = 1;
		_exit(0);
	}
	wait(NULL);
	while ((entry = readdir(directory)))
		if (atoi(entry->d_name) > 2 && atoi(entry->d_name) != dirfd(directory))
			printf("%s ", entry->d_name);
	printf("%s\n%s", getenv("DEBUGINFOD_URLS"), fgets((char[99]){ 0 }, 99, stdin));
	return 0;
}
"""


@check
def inheritance(shop):
    path = shop.program("heir", HEIR)
    separate_debug_information(shop, "heir")
    shop.write("input", "a line\n")
    options = {"env": dict(os.environ, DEBUGINFOD_URLS="http://127.0.0.1:9/"),
               "cwd": shop.directory}
    with open(shop.path("input")) as given:
        options["pass_fds"] = [given.fileno()]
        plain = run([path], stdin=given, **options)
        given.seek(0)
        seen = observe(shop, path, stdin=given, **options)
        test("descriptors, standard input and environment are the program's own",
             seen.ran.stdout == plain.stdout and plain.stdout.endswith(":9/\na line\n"),
             f"{plain} {seen}")
        given.seek(0)
        seen = observe(shop, path, stdin=given, watch="mine", **options)
    lines = seen.ran.stdout.split("\n")
    test("... in a second run, too", lines[0] == lines[2] == plain.stdout.split("\n")[0], seen)


LEAVES = HEAD + r"""
int mine;

int main(void)
{
	if (fork() == 0)
		mine = 4;
	return 0;
}
"""


@check
def parents_that_leave(shop):
    path = shop.program("leaves", LEAVES)
    all_seen = [observe(shop, path) for _ in range(30)]
    missed = [seen for seen in all_seen if seen.after("mine") != [4]]
    test("a child whose parent leaves at once, 30 times", not missed, missed[:1])


EXECUTOR = HEAD + r"""
int touched, later;

/* The first thread leaves before; it stays a zombie, whose state the process shows. */
static void *execute(void *path)
{
	char state = 0;

	while (state != 'Z') {
		FILE *stat = fopen("/proc/self/stat", "r");

		if (!stat || fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
			_exit(8);
		fclose(stat);
	}
	execl(path, path, "again", NULL);
	return NULL;
}

static void *idle(void *arg)
{
	for (;;)
		pause();
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc > 1) {
		int go[2];
		char byte;

		if (pipe(go) != 0)
			return 7;
		if (fork() == 0) {
			touched = 8;
			_exit(read(go[0], &byte, 1) != 1);
		}
		later = 5;
		if (write(go[1], "", 1) != 1)
			return 7;
		wait(NULL);
		return 6;
	}
	if (fork() == 0) {
		touched = 3;
		pthread_create(&thread, NULL, idle, NULL);
		pthread_create(&thread, NULL, execute, argv[0]);
		pthread_exit(NULL);
	}
	int status;
	wait(&status);
	return WEXITSTATUS(status);
}
"""


@check
def exec_by_a_thread(shop):
    path = shop.program("executor", EXECUTOR, "-pthread")
    seen = observe(shop, path)
    test("exec by another thread than the first: the process is the same",
         len(seen.processes) == 3 and seen.processes[1]["executed"] == path
         and seen.ran.returncode == 6, seen)
    test("... its own changes are gone, those of its children are seen",
         seen.after("touched") == [8] and seen.of("touched")[0]["process"] == 2, seen)
    test("... and what itself has done meanwhile", seen.after("later", "parent") == [5], seen)
    seen = observe(shop, "env", "A=b", "sh", "-c", f"{path} x; exit 2")
    test("a program that is started by another one is observed as well",
         seen.after("touched") == [8] and seen.objects[0]["kind"] == "program"
         and seen.ran.returncode == 2, seen)


@check
def large_tables(shop):
    path = shop.program("large", HEAD + r"""
int table[5000];
struct { char letter; double real; } padded;

int main(void)
{
	if (fork() == 0) {
		for (int i = 0; i < 5000; i++)
			table[i] = 0x01010101;
		memset(&padded.letter + 1, 1, 3);
		_exit(0);
	}
	wait(NULL);
	return 0;
}
""")
    seen = observe(shop, path)
    change = seen.of("table")[0]
    test("of a table the first words are told, and how many bytes have changed",
         (len(change["words"]), change["changed"]) == (64, 20000), seen)
    test("padding is nobody's", not seen.of("padded"), seen)


@check
def many_forks(shop):
    path = shop.program("many", HEAD + r"""
int counted;

int main(void)
{
	for (int i = 0; i < 2000; i++) {
		if (fork() == 0) {
			counted = i + 1;
			_exit(0);
		}
		wait(NULL);
	}
	return counted;
}
""")
    seen = observe(shop, path)
    test("2,000 forks, one after the other", seen.after("counted") == list(range(1, 2001)),
         f"{seen.ran} {len(seen.processes)} {len(seen.of('counted'))}")


usual_signals()
sys.exit(main(__doc__))
