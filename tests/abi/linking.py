#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every way to give a program its runtime, with one and the same program.

Preloaded, linked with -lfondue (where nothing in the program refers to the library, which
linkers with --as-needed take as leave to drop it), from the archive into static, static PIE
and dynamic programs, and under the sanitizers, of which AddressSanitizer refuses a preload
that comes before its own runtime.

    linking.py --library libfondue.so --archive libfondue.a --include DIR
               [--musl-library FILE --musl-archive FILE]
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import done, skip, test  # noqa: E402

PROGRAM = r"""
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <fondue/fondue.h>
#include <fondue/heap.h>

FONDUE_SHARED int hits;
FONDUE_SHARED fondue_spinlock_t lock;
FONDUE_SHARED long sum; /* protected by nothing else */
FONDUE_SHARED_ZERO char table[1 << 20];
FONDUE_SHARED char *passed; /* by a child: where there is a heap */
int before = 1, after;

static void *add(void *arg)
{
	for (int i = 0; i < 1000; i++) {
		fondue_spin_lock(&lock);
		sum++;
		fondue_spin_unlock(&lock);
	}
	return arg;
}

/* Set before the first lock or after it: the program's own, and no other */
static volatile sig_atomic_t calls;

static void on_urgent(int number)
{
	calls += number == SIGURG;
}

static int urgent(void)
{
	struct sigaction action = {0};
	int seen = signal(SIGURG, on_urgent) == SIG_DFL;

	raise(SIGURG);
	fondue_spin_lock(&lock);
	fondue_spin_unlock(&lock);
	raise(SIGURG);
	seen += !sigaction(SIGURG, NULL, &action) && action.sa_handler == on_urgent;
	action.sa_flags |= SA_RESETHAND;
	sigaction(SIGURG, &action, NULL);
	raise(SIGURG);
	raise(SIGURG);
	seen += signal(SIGURG, SIG_IGN) == SIG_DFL;
	return seen * 10 + calls;
}

int main(void)
{
	int *block = fondue_malloc(sizeof(*block));

	*block = 0;
	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			pthread_t thread;

			/* of the child's own it is only where there is a heap */
			__atomic_store_n(&passed, fondue_strdup("from a child"), __ATOMIC_RELEASE);
			__atomic_add_fetch(block, 1, __ATOMIC_RELAXED);
			__atomic_add_fetch(&hits, 1, __ATOMIC_RELAXED);
			pthread_create(&thread, NULL, add, NULL);
			add(NULL);
			pthread_join(thread, NULL);
			table[i * 4096] = 1;
			before++;
			after++;
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	printf("active %d version %s hits %d sum %ld table %d before %d after %d block %d %s "
		"urgent %d\n",
		fondue_active(), fondue_version() ? fondue_version() : "none", hits, sum,
		table[0] + table[4096] + table[8192] + table[12288], before, after,
		*block, passed ? passed : "nothing", urgent());
	fondue_free(block);
	return 0;
}
"""
SHARED = ("active 1 version 0.1.0 hits 4 sum 8000 table 4 before 1 after 0 "
          "block 4 from a child urgent 33\n")
PRIVATE = ("active 0 version none hits 0 sum 0 table 0 before 1 after 0 "
           "block 4 nothing urgent 33\n")


class Case:
    """A compiler and its arguments; how the program is run; what it must print."""

    def __init__(self, name, command, preload=None, expected=SHARED):
        self.name, self.command = name, command
        self.preload, self.expected = preload, expected


def cases(args):
    directory = os.path.dirname(args.library)
    linked = ["-L" + directory, "-Wl,-rpath," + directory, "-lfondue"]
    anchored = ["-Wl,-u,fondue_runtime"] + linked
    yield Case("no runtime", ["gcc"], expected=PRIVATE)
    yield Case("static, no runtime", ["gcc", "-static"], expected=PRIVATE)
    yield Case("static under the preload: out of its reach", ["gcc", "-static"],
               args.library, PRIVATE)
    for compiler in "gcc", "clang":
        yield Case(f"{compiler}: preload", [compiler, "-O2"], args.library)
        yield Case(f"{compiler}: -lfondue", [compiler, "-O2"] + linked)
        yield Case(f"{compiler}: -lfondue and preload", [compiler, "-O2"] + linked, args.library)
        for linker in "bfd", "gold", "lld", "mold":
            yield Case(f"{compiler}: -lfondue, --as-needed, {linker}",
                       [compiler, f"-fuse-ld={linker}", "-Wl,--as-needed"] + anchored)
            yield Case(f"{compiler}: archive, static, {linker}",
                       [compiler, f"-fuse-ld={linker}", "-static", args.archive])
        yield Case(f"{compiler}: archive, static, -u, LTO",
                   [compiler, "-O2", "-static", "-flto", "-Wl,-u,fondue_runtime", args.archive]
                   + (["-fuse-ld=lld"] if compiler == "clang" else []))
        yield Case(f"{compiler}: archive, static PIE", [compiler, "-static-pie", args.archive])
        yield Case(f"{compiler}: archive, dynamic", [compiler, args.archive])
        for sanitizer in "address", "undefined", "address,undefined", "thread":
            yield Case(f"{compiler}: -lfondue, -fsanitize={sanitizer}",
                       [compiler, f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all"]
                       + linked)
        yield Case(f"{compiler}: preload, -fsanitize=thread",
                   [compiler, "-fsanitize=thread"], args.library)
    if args.musl_library:
        yield Case("musl: preload", ["musl-gcc"], args.musl_library)
        yield Case("musl: archive, static, -u",
                   ["musl-gcc", "-static", "-Wl,-u,fondue_runtime", args.musl_archive])


def lacking(case):
    """Why a case cannot be tried: what other machines need is not always built."""
    if not shutil.which(case.command[0]):
        return case.command[0] + " is not installed"
    files = [case.preload, case.command[-1]] if case.command[0] == "musl-gcc" else []
    missing = [f for f in files if f and f.startswith("/") and not os.path.exists(f)]
    return f"{missing[0]} does not exist" if missing else None


def check(case, source, args, directory):
    program = os.path.join(directory, "program")
    # libraries stand behind the program that needs them
    command = [case.command[0], source, "-I" + args.include, *case.command[1:], "-o", program]
    made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if made.returncode:
        test(case.name, False, " ".join(command) + "\n" + made.stdout)
        return
    environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")
    if case.preload:
        environment["LD_PRELOAD"] = case.preload
    ran = subprocess.run([program], env=environment, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    good = ran.returncode == 0 and ran.stdout == case.expected and not ran.stderr
    test(case.name, good, f"{' '.join(command)}\nstatus {ran.returncode}\n{ran.stdout}{ran.stderr}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in "library", "archive", "include":
        parser.add_argument("--" + name, required=True)
    for name in "musl-library", "musl-archive":
        parser.add_argument("--" + name)
    args = parser.parse_args()
    for name in "library", "archive", "include", "musl_library", "musl_archive":
        if getattr(args, name):
            setattr(args, name, os.path.abspath(getattr(args, name)))
    with tempfile.TemporaryDirectory(prefix="fondue-") as directory:
        source = os.path.join(directory, "program.c")
        with open(source, "w") as file:
            file.write(PROGRAM)
        for case in cases(args):
            reason = lacking(case)
            if reason:
                skip(case.name, reason)
            else:
                check(case, source, args, directory)
    return done()


if __name__ == "__main__":
    sys.exit(main())
