#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is seen of forking programs (tools/observe.c), by an executable that prints it.

    test-observe.py --dump EXE --fondue EXE --library SO --archive A --include DIR

Programs wait for one another by pipes and by what the kernel says of them, never by time.
"""
import ctypes
import errno
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import skip, test  # noqa: E402
from workshop import Skip, check, main, needs, run  # noqa: E402

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


TYPES = HEAD + r"""
#include <stdbool.h>
typedef unsigned long count_t;
enum color { RED, GREEN };
struct inner { short small; long hits; };
struct outer {
	int requests;
	struct inner stats[3];
	unsigned three : 3, five : 5;
	union { int number; char bytes[8]; };
	void *data, *code, *stack, *heap;
	char gap; double mean;
} outer;
count_t counted = 7;
static long calls;
int table[2][3];
const char *volatile words[4];
enum color color;
int (*function)(const char *);
long double wide;
bool yes;
char text[16];
float real;
_Atomic int atomic;

static int twice(void)
{
	static int calls_inside;

	return ++calls_inside;
}

int main(void)
{
	if (fork() == 0) {
		outer.requests = -2;
		outer.stats[1].hits = 5;
		outer.stats[2].small = -1;
		outer.five = 17;
		outer.three = 5;
		outer.number = 3;
		outer.data = &calls;
		outer.code = (void *)main;
		outer.stack = &outer.stack - 0 + (0 * twice());
		int here;
		outer.stack = &here;
		outer.heap = malloc(10);
		outer.mean = 1.5;
		counted++;
		calls += 300;
		table[1][2] = 9;
		words[3] = "three";
		color = GREEN;
		function = puts;
		wide = 2.5L;
		yes = true;
		strcpy(text, "ab");
		real = 0.5f;
		atomic = 4;
		_exit(0);
	}
	wait(NULL);
	return 0;
}
"""


def as_real(value, width=8):
    return struct.unpack("<d" if width == 8 else "<f", value.to_bytes(width, "little"))[0]


@check
def types_and_members(shop):
    path = shop.program("types", TYPES)
    seen = observe(shop, path)
    spelled = {variable["name"]: variable["type"] for variable in seen.variables}
    wanted = {"outer": "struct outer", "counted": "count_t", "calls": "long",
              "table": "int[2][3]", "words": "const char *volatile[4]",
              "color": "enum color", "function": "int (*)(const char *)",
              "wide": "long double", "yes": "_Bool", "text": "char[16]", "real": "float",
              "atomic": "_Atomic int"}
    for name, text in wanted.items():
        test(f"the type of {name}: {text}", spelled.get(name) == text, spelled.get(name))
    words = {word["member"]: word for word in seen.of("outer")[0]["words"]}
    test("members are told by their names", set(words) == {
        "requests", "stats[1].hits", "stats[2].small", "three", "five", "number", "data",
        "code", "stack", "heap", "mean"}, sorted(map(str, words)))
    test("a signed number", words["requests"]["after"] == 0xfffffffe
         and words["requests"]["width"] == 4 and words["requests"]["encoding"] == "signed")
    test("bit-fields, each by itself", (words["three"]["after"], words["five"]["after"]) == (5, 17)
         and words["five"]["encoding"] == "unsigned", words)
    test("a real number", as_real(words["mean"]["after"]) == 1.5
         and words["mean"]["encoding"] == "real")
    for name, where in [("data", "data"), ("code", "text"), ("stack", "stack"), ("heap", "heap")]:
        test(f"a pointer into {where}", words[name]["is"] == where
             and words[name]["was"] == "number", words[name])
    test("elements have their indices",
         [w["member"] for w in seen.of("table")[0]["words"]] == ["[1][2]"]
         and [w["member"] for w in seen.of("words")[0]["words"]] == ["[3]"], seen)
    test("a long double is told as a double", as_real(seen.after("wide")[0]) == 2.5)
    test("a float", as_real(seen.after("real")[0], 4) == 0.5)
    test("text is of characters", [w["encoding"] for w in seen.of("text")[0]["words"]] ==
         ["character"] * 2)
    test("what it was at fork is told", seen.of("counted")[0]["words"][0]["before"] == 7
         and seen.after("counted") == [8])
    counted = seen.variable("counted")
    line = next(i for i, text in enumerate(TYPES.split("\n"), 1) if text.startswith("count_t c"))
    test("where it is declared", counted["line"] == line
         and os.path.basename(counted["file"]) == "types.c", counted)
    inside = [v for v in seen.variables if v["name"].startswith("calls_inside")]
    test("a static in a function is known to be one",
         len(inside) == 1 and inside[0]["in_function"] and not inside[0]["global"], inside)
    test("a static is not global, others are", not seen.variable("calls")["global"]
         and seen.variable("counted")["global"])


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


PLUGIN = r"""
int loaded_hits;
static int loaded_secret;
void loaded_count(int by) { loaded_hits += by; loaded_secret -= by; }
"""
HOST = HEAD + r"""
#include <dlfcn.h>
int mine;

int main(int argc, char **argv)
{
	void *plugin = dlopen(argv[1], RTLD_NOW);
	void (*count)(int) = (void (*)(int))dlsym(plugin, "loaded_count");

	for (int i = 0; i < 3; i++)
		if (fork() == 0) {
			count(i + 1);
			mine = i + 1;
			if (argc > 2)
				dlclose(plugin);
			if (argc > 3 && !dlopen(argv[3], RTLD_NOW))
				_exit(9);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	return 0;
}
"""


@check
def plugins(shop):
    plugin = shop.library_of("plugin.so", PLUGIN)
    host = shop.program("host", HOST, "-ldl")
    seen = observe(shop, host, plugin)
    kinds = {os.path.basename(o["path"]): o["kind"] for o in seen.objects}
    test("an object that was loaded before the fork is looked at",
         seen.after("loaded_hits") == [1, 2, 3], seen)
    test("... and known to be no part of the program",
         kinds == {"host": "program", "plugin.so": "plugin"}, kinds)
    seen = observe(shop, host, plugin, "close")
    test("one that is unloaded before the end is not compared with what is there then",
         not seen.of("loaded_hits") and seen.after("mine") == [1, 2, 3], seen)
    one, other = (shop.library_of(name, PLUGIN.replace("hits;", f"hits = {hits};"))
                  for name, hits in [("one.so", 11), ("two.so", 77)])
    seen = observe(shop, host, one, "close", other)
    test("... nor is another one that has been loaded in its place",
         not seen.of("loaded_hits") and seen.after("mine") == [1, 2, 3]
         and all(seen.processes[i]["status"] == 0 for i in seen.children), seen)
    ran = run(["nm", plugin])
    address = next(int(line.split()[0], 16) for line in ran.stdout.split("\n")
                   if line.endswith(" loaded_secret"))
    run(["strip", plugin])
    seen = observe(shop, host, plugin)
    test("stripped: what is exported has its name",
         seen.after("loaded_hits") == [1, 2, 3] and seen.variable("loaded_hits")["type"] is None,
         seen)
    unnamed = {os.path.basename(o["path"]): o["unnamed"] for o in seen.objects}
    test("... and of what is not the bytes are counted, but not what lazy binding writes",
         unnamed == {"plugin.so": 3 * 4, "host": 0}, unnamed)
    shift = 8 * (address % 8)
    values = sorted((one["words"][0]["before"], one["words"][0]["after"] >> shift & 0xffffffff)
                    for one in seen.unnamed if one["when"] == "end"
                    and one["address"] == address // 8 * 8)
    test("... and told by where they are",
         [after for _, after in values] == [0xfffffffd, 0xfffffffe, 0xffffffff], values)


@check
def libraries(shop):
    shop.library_of("libneeded.so", PLUGIN, "-Wl,-soname,libneeded.so")
    path = shop.program("user", HEAD + r"""
extern int loaded_hits;
void loaded_count(int by);

int main(void)
{
	if (fork() == 0) {
		loaded_count(3);
		_exit(loaded_hits);
	}
	wait(NULL);
	return 0;
}
""", "-no-pie", "-fno-pie", "-L.", "-lneeded", "-Wl,-rpath," + shop.directory)
    seen = observe(shop, path)
    hits = seen.variable("loaded_hits")
    test("a copy relocation is known to be one", hits and hits["copy"]
         and seen.objects[hits["object"]]["kind"] == "program", seen)
    secret = seen.variable("loaded_secret")
    test("a library that the program is linked with",
         seen.objects[secret["object"]]["kind"] == "needed", seen)


def separate_debug_information(shop, name):
    shop.make("objcopy", "--only-keep-debug", name, name + ".debug")
    shop.make("strip", name)
    shop.make("objcopy", f"--add-gnu-debuglink={name}.debug", name)


@check
def kinds_of_programs(shop):
    source = HEAD + r"""
int counted = 5;
static int secret;
static volatile int filled[40000];
volatile int prepared[40000] = { [20000] = 7, 5, 3 };

int main(void)
{
	for (int i = 0; i < 2; i++)
		if (fork() == 0) {
			prepared[20000]++;
			counted++;
			secret = 9;
			filled[30000] = 1;
			_exit(counted);
		}
	wait(NULL);
	wait(NULL);
	return secret;
}
"""
    for name, options, cc in [("static", ["-static"], "gcc"), ("static-pie", ["-static-pie"], "gcc"),
                              ("no-pie", ["-no-pie", "-fno-pie"], "gcc"),
                              ("lld", ["-fuse-ld=lld"], "gcc"), ("clang", [], "clang"),
                              ("musl", [], "musl-gcc"), ("musl-static", ["-static"], "musl-gcc"),
                              ("optimised", ["-O2", "-flto"], "gcc")]:
        try:
            path = shop.program(name, source, *options, cc=cc)
        except Skip as why:
            skip(f"{name}: seen", str(why).split("\n")[0])
            continue
        seen = observe(shop, path)
        test(f"{name}: seen, by name and type", seen.after("counted") == [6, 6]
             and seen.after("secret") == [9, 9] and seen.variable("secret")["type"] == "int"
             and seen.after("filled", member="[30000]") == [1, 1]
             and [(w["before"], w["after"]) for c in seen.of("prepared") for w in c["words"]]
             == [(7, 8)] * 2
             and seen.ran.returncode == 0, seen)
    path = shop.program("split", source, "-Wl,--build-id")
    separate_debug_information(shop, "split")
    seen = observe(shop, path)
    test("stripped, its debug information in a file of its own",
         seen.after("secret") == [9, 9] and seen.variable("secret")["type"] == "int", seen)
    os.unlink(shop.path("split.debug"))
    seen = observe(shop, path)
    test("... which is lost: bytes without a name", seen.objects
         and seen.objects[0]["unnamed"] >= 2 * 3 and not seen.variables, seen)


@check
def equal_names_and_cxx(shop):
    shop.write("a.c", "static int same; int a(void); int a(void) { return ++same; }\n")
    shop.write("b.c", "static int same; int b(void); int b(void) { return same += 2; }\n")
    equal = HEAD + r"""
int a(void), b(void);

int main(void)
{
	if (fork() == 0)
		_exit(a() + b());
	wait(NULL);
	return 0;
}
"""
    for name, option in [("by their debug information", "-g"), ("by the symbol table", "-g0")]:
        seen = observe(shop, shop.program("equal", equal, option, "a.c", "b.c"))
        files = sorted(os.path.basename(str(v["file"])) for v in seen.variables if v["name"] == "same")
        test(f"two statics of one name are told apart {name}", files == ["a.c", "b.c"], files)
    shop.write("plus.cc", HEAD + r"""
namespace outer { int counted; namespace { int hidden; } }
struct Shop { static long sold; };
long Shop::sold;
static int twice() { static int inside; return ++inside; }

int main()
{
	if (fork() == 0) {
		outer::counted++;
		outer::hidden++;
		Shop::sold += 2;
		_exit(twice());
	}
	wait(NULL);
	return 0;
}
""")
    shop.make(needs("g++"), "-g", "plus.cc", "-o", "plus")
    seen = observe(shop, shop.path("plus"))
    names = {v["name"] for v in seen.variables}
    test("names of C++ are readable", {"outer::counted", "Shop::sold"} <= names
         and any("hidden" in n and not n.startswith("_Z") for n in names)
         and any("inside" in n and not n.startswith("_Z") for n in names), names)


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


def state_of(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0]


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


LOOKS = HEAD + r"""
int role, rising;

/* How often the observer, who is our grandparent, has read something. */
static long reads(pid_t observer)
{
	char path[64], line[128];
	long count = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/io", (int)observer);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "syscr: %ld", &count);
	if (file)
		fclose(file);
	return count;
}

int main(int argc, char **argv)
{
	pid_t observer = getppid();

	(void)argc;
	if (fork() == 0) {
		long first = reads(observer);

		if (first < 0)
			_exit(77);
		role = 3;
		while (reads(observer) < first + atol(argv[1])) {
			rising++;
			poll(NULL, 0, 1);
		}
		_exit(0);
	}
	int status;
	wait(&status);
	return WEXITSTATUS(status);
}
"""


@check
def looks_while_it_runs(shop):
    path = shop.program("looks", LOOKS)
    seen = observe(shop, path, "3")
    if seen.ran.returncode == 77:
        raise Skip("/proc/PID/io cannot be read")
    test("soon after its birth a child is looked at, while it runs",
         seen.after("role", "early") == [3] and seen.after("role") == [3]
         and seen.after("rising", "early")[0] <= seen.after("rising")[0], seen)
    seen = observe(shop, path, "18", sample=2)
    rising = [change["words"][0]["after"] for change in seen.of("rising", "sample")]
    test("and now and then, if that is wanted: less and less often",
         2 <= len(rising) <= 12 and rising == sorted(rising) and rising[0] < rising[-1], rising)


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


SHARES = HEAD + r"""
#include <fcntl.h>
#include <stdint.h>
#define PAGES 256
static char table[PAGES + 1][4096];

/* How many pages of the table are the child's alone; its parent has filled them. */
int main(void)
{
	uint64_t entries[PAGES];
	int status, own = 0;

	if (sysconf(_SC_PAGESIZE) != 4096)
		return 77;
	memset(table, 1, sizeof(table));
	if (fork() == 0) {
		int pagemap = open("/proc/self/pagemap", O_RDONLY);

		if (pread(pagemap, entries, sizeof(entries), (uintptr_t)table / 4096 * 8) !=
			sizeof(entries))
			_exit(77);
		for (int i = 0; i < PAGES; i++)
			own += entries[i] >> 56 & 1;
		_exit(own < 8 ? own : 8);
	}
	wait(&status);
	return WEXITSTATUS(status);
}
"""


@check
def shared_pages(shop):
    path = shop.program("shares", SHARES)
    if run([path]).returncode == 77:
        raise Skip("pages are of another size, or not told of")
    seen = observe(shop, path)
    test("a child is not given copies of its parent's pages for being looked at",
         seen.ran.returncode < 8, seen)


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


@check
def refusals(shop):
    for name, words in [(shop.path("nothing"), "not found"), ("no-such-program", "not found"),
                        (shop.write("plain.txt", "x"), "Permission denied")]:
        seen = observe(shop, name)
        test(f"it is said why nothing runs: {os.path.basename(name)}",
             seen.ran.returncode == 99 and words in seen.why and not seen.processes, seen)
    seen = observe(shop, shop.write("script.sh", "#!/bin/sh\nexit 4\n", 0o755))
    test("a script runs", seen.ran.returncode == 4 and not seen.forked, seen)


# Who is started with the signals of a terminal ignored, as by some supervisors, hands that on
# to all programs here; those that stop themselves would then wait forever to be continued.
for each in signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGINT, signal.SIGQUIT:
    signal.signal(each, signal.default_int_handler if each == signal.SIGINT else signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_SETMASK, [])
sys.exit(main(__doc__))
