#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fondue run --share: variables of a program that is not rebuilt, by name.

    test-share.py --fondue EXE --library SO --archive A --include DIR
"""
import os
import platform
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import test  # noqa: E402
from workshop import Skip, check, is_remark, main, needs, show, silent  # noqa: E402

SOURCE = r"""
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int before = 1, hits, after = 2;
static long sum;
static int count(void) { static int calls; return ++calls; }
__attribute__((noinline)) void serve(int i) { hits++; sum += i; before++; after++; count(); }
int main(void)
{
	for (int w = 0; w < 4; w++)
		if (!fork()) { for (int i = 0; i < 100; i++) serve(i); _exit(0); }
		else wait(NULL);
	printf("%d %ld %d %d %d\n", hits, sum, before, after, count());
	return 0;
}
"""
# The end of one array is the beginning of the next, and what is compared with it is nobody's.
UNCLEAR = r"""
#include <stdio.h>
struct both { int first[4], second[4]; } ;
int first[4], second[4];
int *volatile somewhere;
int main(void)
{
	somewhere = first + 4;
	for (int *p = somewhere; p != second + 4; p++) *p = 1;
	printf("%d\n", second[0]);
	return 0;
}
"""


def machine():
    if platform.machine() != "x86_64":
        raise Skip("a plan is for x86-64 so far")


def program(shop, name="server", source=SOURCE, *options):
    machine()
    return shop.program(name, source, "-O2", "-Wl,--build-id", *options)


def shared(shop, *words, environment=None, **options):
    cache = dict(XDG_CACHE_HOME=shop.path("cache"))
    os.makedirs(shop.path("cache"), exist_ok=True)
    ran = shop.fondue("run", *words, environment=dict(cache, **(environment or {})), **options)
    if "built without Zydis" in ran.stderr:
        raise Skip("fondue was built without Zydis")
    return ran


def kept(shop):
    directory = shop.path("cache/fondue/plans")
    return {name: os.stat(os.path.join(directory, name)).st_mtime_ns
            for name in os.listdir(directory)} if os.path.isdir(directory) else {}


@check
def by_name(shop):
    path = program(shop)
    test("a program as it is: nothing is shared", shared(shop, "--", path).stdout == "0 0 1 2 1\n")
    for names, expected in (["hits"], "400 0 1 2 1\n"), (["hits,sum"], "400 19800 1 2 1\n"), \
            (["hits", "sum", "calls"], "400 19800 1 2 401\n"), (["c*ls"], "0 0 1 2 401\n"), \
            (["server:hits"], "400 0 1 2 1\n"), (["server.c:sum"], "0 19800 1 2 1\n"), \
            (["count:calls"], "0 0 1 2 401\n"), ([path + ":hits"], "400 0 1 2 1\n"):
        ran = shared(shop, *(f"--share={name}" for name in names), "--", path)
        test(f"{' and '.join(names).replace(shop.directory, '')} is shared, and nothing else",
             silent(ran, 0, expected), show(ran))
    ran = shared(shop, f"--share={path}:hits", "--", "timeout", "20", path)
    test("behind a command that starts it, by its path", silent(ran, 0, "400 0 1 2 1\n"),
         show(ran))
    shop.write("script", f"#!/bin/sh\n{path}\n", 0o755)
    ran = shared(shop, f"--share={path}:hits", "--", "./script")
    test("in a script, too", silent(ran, 0, "400 0 1 2 1\n"), show(ran))


@check
def programs_at_a_fixed_place(shop):
    for cc in "gcc", "clang":
        for level in "-O0", "-O2":
            path = program(shop, "fixed", SOURCE, "-fno-pie", "-no-pie", level)
            for names, expected in ("hits", "400 0 1 2 1\n"), ("hits,sum", "400 19800 1 2 1\n"), \
                    ("count:calls", "0 0 1 2 401\n"):
                ran = shared(shop, f"--share={names}", "--", path)
                test(f"{cc} {level}, not position-independent: {names}", silent(ran, 0, expected),
                     show(ran))


@check
def plans_are_kept(shop):
    path = program(shop)
    shared(shop, "--share=hits", path)
    first = kept(shop)
    test("a plan is kept, and is its user's", len(first) == 1
         and os.stat(shop.path("cache/fondue/plans/" + next(iter(first)))).st_mode & 0o022 == 0
         and os.stat(shop.path("cache/fondue")).st_mode & 0o077 == 0, first)
    ran = shared(shop, "--share=hits", path)
    test("and used again", silent(ran, 0, "400 0 1 2 1\n") and kept(shop) == first, show(ran))
    program(shop, "server", SOURCE.replace("after = 2", "after = 2, more"))
    ran = shared(shop, "--share=hits", path)
    test("not for another build", silent(ran, 0, "400 0 1 2 1\n") and len(kept(shop)) == 2,
         show(ran))
    for name in kept(shop):
        os.chmod(shop.path("cache/fondue/plans/" + name), 0o666)
    ran = shared(shop, "--share=hits", path)
    test("one that others may have written to is made anew", silent(ran, 0, "400 0 1 2 1\n"),
         show(ran))
    for name in kept(shop):
        with open(shop.path("cache/fondue/plans/" + name), "r+b") as file:
            file.seek(100)
            file.write(b"damage")
    ran = shared(shop, "--share=hits", "--strict", path)
    test("one that is damaged is refused by the runtime", ran.returncode == 127
         and ran.stdout == "" and "damaged" in ran.stderr, show(ran))


@check
def files_that_are_not_plans(shop):
    path = program(shop)
    shared(shop, "--share=hits", path)
    plan = shop.path("cache/fondue/plans/" + next(iter(kept(shop))))
    with open(shop.path("precious"), "w") as file:
        file.write("precious" * 1000)
    os.unlink(plan)
    os.symlink(shop.path("precious"), plan)
    ran = shared(shop, "--share=hits", path)
    with open(shop.path("precious")) as file:
        test("a link in the place of a plan is replaced, not followed",
             silent(ran, 0, "400 0 1 2 1\n") and file.read() == "precious" * 1000, show(ran))
    os.chmod(shop.path("cache/fondue/plans"), 0o777)
    ran = shared(shop, "--share=hits", path)
    test("no plans are kept where others may put files", ran.returncode == 125
         and ran.stdout == "" and is_remark(ran, "nobody else"), show(ran))


@check
def code_that_the_loader_runs(shop):
    """A resolver has run before a variable moves: its count is kept, an address would be old."""
    machine()
    source = r"""
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
static int hits, *volatile kept;
static int next(void) { return ++hits; }
static void *resolve(void) { KEEP; hits = 7; return (void *)next; }
int count(void) __attribute__((ifunc("resolve")));
int main(void)
{
	if (!fork()) { count(); _exit(0); }
	wait(NULL);
	printf("%d %d\n", hits, !kept || kept == &hits);
	return 0;
}
"""
    path = program(shop, "keeps", source, "-DKEEP=kept = &hits", "-Wl,-z,now")
    ran = shared(shop, "--share=hits", path)
    test("not started: a resolver may have kept the address", ran.returncode == 125
         and ran.stdout == "" and "IFUNC" in ran.stderr, show(ran))
    path = program(shop, "keeps-not", source.replace("!kept || kept == &hits", "1"), "-DKEEP=",
                   "-Wl,-z,now")
    ran = shared(shop, "--share=hits", path)
    test("one that keeps nothing does no harm", silent(ran, 0, "8 1\n"), show(ran))


@check
def code_for_much_data(shop):
    for options in ["-mcmodel=large"], ["-mcmodel=large", "-Wl,-z,now"], \
            ["-mcmodel=medium", "-mlarge-data-threshold=1"]:
        path = program(shop, "much", SOURCE, *options)
        for names in "hits", "sum", "hits,sum,before,after,calls":
            ran = shared(shop, f"--share={names}", path)
            test(f"not started, or right: {names} with {' '.join(options)}",
                 ran.returncode == 125 or ran.stdout == "400 0 1 2 1\n" and names == "hits",
                 show(ran))


@check
def refusals(shop):
    path = program(shop)

    def refused(what, *words, ran):
        test(f"not started: {what}", ran.returncode == 125 and ran.stdout == ""
             and is_remark(ran, *words), show(ran))

    refused("a name that is not there", "hitz", "nm -S", ran=shared(shop, "--share=hitz", path))
    refused("no name at all", "which", ran=shared(shop, "--share=", path))
    refused("one of the names", "hitz", ran=shared(shop, "--share=hits,hitz", path))
    refused("an object that is not there", "No such", ran=shared(
        shop, "--share=./nowhere:hits", path))
    refused("a function", "serve", ran=shared(shop, "--share=serve", path))
    refused("a directory for plans with a colon", "colon", ran=shared(
        shop, "--share=hits", path, environment={"XDG_CACHE_HOME": shop.path("a:b")}))
    refused("no directory at all", "HOME", ran=shared(
        shop, "--share=hits", path, environment={"XDG_CACHE_HOME": "", "HOME": "/nowhere"}))
    static = program(shop, "static", SOURCE, "-static")
    ran = shared(shop, "--share=hits", static)
    test("not started: a static program", ran.returncode != 0 and ran.stdout == ""
         and is_remark(ran, "static", "--share"), show(ran))
    unclear = program(shop, "unclear", UNCLEAR)
    ran = shared(shop, "--share=second", unclear)
    test("not started: what cannot be proved", ran.returncode == 125 and ran.stdout == ""
         and "refused" in ran.stderr and "--share-page" in ran.stderr, show(ran))
    plain = shop.program("plain", SOURCE, "-O2", "-Wl,--build-id=none")
    refused("without a build-id", "build-id", ran=shared(shop, "--share=hits", plain))


@check
def libraries(shop):
    machine()
    for name in "one", "two":
        shop.library_of(f"lib{name}.so", f"int {name}; static int common; int {name}_hits(void)"
                        f" {{ {name}++; return ++common; }}\n", "-O2", "-Wl,--build-id")
    path = shop.program("user", r"""
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
extern int one, two;
int one_hits(void), two_hits(void);
int main(void)
{
	if (!fork()) { one_hits(); two_hits(); _exit(0); }
	wait(NULL);
	printf("%d %d ", one, two);
	printf("%d ", one_hits());
	printf("%d\n", two_hits());
	return 0;
}
""", "-O2", "-fPIC", "-Wl,--build-id", "-L.", "-lone", "-ltwo", "-Wl,-rpath,$ORIGIN")
    for names, expected in ("one", "1 0 1 1\n"), ("one,two", "1 1 1 1\n"), \
            ("libtwo.so:common", "0 0 1 2\n"), ("one,libone.so:common", "1 0 2 1\n"):
        ran = shared(shop, f"--share={names}", path)
        test(f"variables of libraries: {names}", silent(ran, 0, expected), show(ran))
    ran = shared(shop, "--share=common", path)
    test("a name that two libraries have is neither's", ran.returncode == 125
         and is_remark(ran, "libone.so", "libtwo.so", "OBJECT:common"), show(ran))


@check
def pointers_to_libraries(shop):
    machine()
    shop.library_of("libthird.so", "int third; void third_serve(void) { third++; }\n", "-O2",
                    "-Wl,--build-id")
    path = shop.program("pointer", r"""
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
extern int third;
int *to_third = &third;
void third_serve(void);
int main(void)
{
	if (!fork()) { third_serve(); *to_third += 10; _exit(0); }
	wait(NULL);
	printf("%d %d\n", third, *to_third);
	return 0;
}
""", "-O2", "-fPIC", "-Wl,--build-id", "-L.", "-lthird", "-Wl,-rpath,$ORIGIN")
    for names in "to_third,libthird.so:third", "libthird.so:third,to_third":
        ran = shared(shop, f"--share={names}", path)
        test(f"a pointer and what it points to, in another object: {names}",
             silent(ran, 0, "11 11\n"), show(ran))


@check
def copies_of_the_program(shop):
    machine()
    shop.library_of("libunused.so", "int unused = 3; int nothing(void) { return 0; }\n", "-O2",
                    "-Wl,--build-id")
    path = shop.program("copier", r"""
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
extern int unused;
int main(void)
{
	if (!fork()) { unused++; _exit(0); }
	wait(NULL);
	printf("%d\n", unused);
	return 0;
}
""", "-O2", "-fpie", "-pie", "-Wl,--build-id", "-L.", "-lunused", "-Wl,-rpath,$ORIGIN")
    ran = shared(shop, "--share=unused", path)
    test("a library's variable that the program has a copy of", silent(ran, 0, "4\n"), show(ran))
    ran = shared(shop, "--share=libunused.so:unused", "--strict", path)
    test("the library's own, which nobody uses, is refused", ran.returncode == 127
         and ran.stdout == "" and "copy" in ran.stderr, show(ran))
    shop.library_of("libused.so", "int used = 3; int *serve(void) { used++; return &used; }\n",
                    "-O2", "-Wl,--build-id")
    path = shop.program("namesake", "int used = 5; int *serve(void);\n"
                        "int main(void) { return serve() == &used ? 0 : 3; }\n",
                        "-O2", "-Wl,--build-id", "-L.", "-lused", "-Wl,-rpath,$ORIGIN")
    ran = shared(shop, "--share=libused.so:used", path)
    test("where its own slot holds another's address, that is said", ran.returncode == 0
         and "another object's variable" in ran.stderr, show(ran))


@check
def stripped_programs(shop):
    path = program(shop, "stripped")
    debug = shop.path(".debug")
    os.makedirs(debug)
    shop.make(needs("objcopy"), "--only-keep-debug", path, os.path.join(debug, "stripped.debug"))
    shop.make("strip", "--strip-all", path)
    shop.make("objcopy", "--add-gnu-debuglink=" + os.path.join(debug, "stripped.debug"), path)
    ran = shared(shop, "--share=sum", path)
    test("a stripped program whose symbols lie beside it", silent(ran, 0, "0 19800 1 2 1\n"),
         show(ran))
    shutil.rmtree(debug)
    shutil.rmtree(shop.path("cache"))
    ran = shared(shop, "--share=sum", path)
    test("and without them", ran.returncode == 125 and ran.stdout == ""
         and is_remark(ran, "sum"), show(ran))


# It has a function of libc itself, by which libc is looked for.
OWN_GETPID = r"""
#include <sys/syscall.h>
pid_t getpid(void);
""" + SOURCE + r"""
pid_t getpid(void) { return syscall(SYS_getpid); }
"""
# A mutex that two processes want, and the second of which must be woken; then one that dies.
LOCKING = r"""
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static volatile long hits, turn;
static void serve(long mine)
{
	alarm(20);
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&table_lock);
		while (turn != mine)
			pthread_cond_wait(&changed, &table_lock);
		hits++;
		turn = !mine;
		pthread_cond_signal(&changed);
		pthread_mutex_unlock(&table_lock);
	}
}
int main(int argc, char **argv)
{
	pid_t pid = fork();
	if (!pid) { serve(1); _exit(0); }
	serve(0);
	waitpid(pid, NULL, 0);
	if (argc > 1 && !(pid = fork())) { pthread_mutex_lock(&table_lock); raise(SIGKILL); }
	waitpid(pid, NULL, 0);
	pthread_mutex_lock(&table_lock);
	printf("%ld %d\n", hits, pid);
	return 0;
}
"""


@check
def functions_of_libc(shop):
    path = program(shop, "own-getpid", OWN_GETPID, "-rdynamic")
    ran = shared(shop, "--share=hits", path)
    test("a program that defines a function of libc is not taken for libc",
         ran.returncode == 0 and ran.stdout.startswith("400 ") and not ran.stderr, show(ran))


@check
def locks_of_libc(shop):
    path = program(shop, "locking", LOCKING, "-pthread")
    names = "--share=table_lock,changed,hits,turn"
    ran = shared(shop, names, path)
    test("a mutex and a condition variable that are shared work between processes",
         ran.returncode == 0 and ran.stdout.split()[:1] == ["4000"] and not ran.stderr, show(ran))
    debug = shop.path(".debug")
    os.makedirs(debug)
    shop.make(needs("objcopy"), "--only-keep-debug", path, os.path.join(debug, "locking.debug"))
    for kind in "with symbols", "stripped, with symbols beside it":
        if kind != "with symbols":
            shop.make("strip", "--strip-all", path)
            shop.make("objcopy",
                      "--add-gnu-debuglink=" + os.path.join(debug, "locking.debug"), path)
        ran = shared(shop, names, path, "die", environment={"FONDUE_ROBUST": "1"})
        hits, pid = (ran.stdout.split() + ["", ""])[:2]
        test(f"FONDUE_ROBUST=1: whose owner has died is told by the variable's name, {kind}",
             ran.returncode == 0 and hits == "4000" and ran.stderr.count("\n") == 1
             and f"mutex table_lock (locking): its owner, pid {pid}, died" in ran.stderr,
             show(ran))


sys.exit(main(__doc__))
