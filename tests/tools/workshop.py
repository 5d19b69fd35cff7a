# SPDX-License-Identifier: MIT
"""Programs for the tests of the command: compiled from a few lines, in a directory that goes.

    @check
    def static_programs(shop):
        path = shop.program("count", COUNT, "-static")
        ran = shop.fondue("run", "--", path)
        test("it runs", ran.returncode == 0, show(ran))

    sys.exit(main(__doc__))
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import done, skip  # noqa: E402

COUNT = r"""
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <fondue/shared.h>

FONDUE_SHARED int hits;

int main(void)
{
	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			__atomic_add_fetch(&hits, 1, __ATOMIC_RELAXED);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	printf("hits %d\n", hits);
	return 0;
}
"""
# With nothing annotated: prints what the tests of the environment ask for, one a line.
PLAIN = r"""
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		printf("%s\n", getenv(argv[i]) ? getenv(argv[i]) : "(unset)");
	return 0;
}
"""
ANNOTATED = "#include <fondue/shared.h>\nFONDUE_SHARED int hits;\n"
# One variable of each kind, and a private one.
RICH = r"""
#include <fondue/shared.h>

FONDUE_SHARED int hits = 3;
FONDUE_SHARED static long local;
FONDUE_SHARED struct { short a, b, c; } triple;
FONDUE_SHARED_ZERO char table[100000];
int private_one;

int count(void)
{
	FONDUE_SHARED static int calls;

	return ++calls;
}

int main(void)
{
	local++;
	return count() + hits + table[private_one] + triple.a;
}
"""


class Skip(Exception):
    """This cannot be tried here; the text says why."""


def run(command, **options):
    options.setdefault("timeout", 60)
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    return subprocess.run([str(word) for word in command], encoding="utf-8", errors="replace",
                          **options)


def needs(command):
    if not shutil.which(command):
        raise Skip(f"{command} is not installed")
    return command


class Workshop:
    def __init__(self, args):
        self.args = args
        for name in "fondue", "library", "archive", "include":
            setattr(args, name, os.path.abspath(getattr(args, name)))
        self.library = os.path.realpath(args.library)
        self.environment = {key: value for key, value in os.environ.items()
                            if key not in ("LD_PRELOAD", "LD_LIBRARY_PATH")
                            and not key.startswith("FONDUE_")}

    def __enter__(self):
        self.directory = os.path.realpath(tempfile.mkdtemp(prefix="fondue-"))
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.directory)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text, mode=0o644):
        with open(self.path(name), "w") as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def make(self, *command):
        """Run a command that must succeed; Skip when the toolchain lacks what it takes."""
        made = run(command, stderr=subprocess.STDOUT, cwd=self.directory)
        if made.returncode:
            raise Skip(f"{' '.join(map(str, command))}: {made.stdout.strip()[:200]}")

    def program(self, name, source, *options, cc="gcc"):
        self.write(name + ".c", source)
        self.make(needs(cc), "-g", "-I" + self.args.include, name + ".c", *options, "-o", name)
        return self.path(name)

    def library_of(self, name, source, *options, cc="gcc"):
        return self.program(name, source, "-shared", "-fPIC", *options, cc=cc)

    def fondue(self, *words, environment=None, **options):
        env = dict(self.environment, **(environment or {}))
        command = [options.pop("command", self.args.fondue), *words]
        return run(command, env=env, cwd=options.pop("cwd", self.directory), **options)


_checks = []


def check(function):
    """Decorator: run this with a workshop of its own."""
    _checks.append(function)
    return function


def main(description):
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    for name in "fondue", "library", "archive", "include":
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--build", help="the build directory, to install from")
    parser.add_argument("--dump", help="observe-dump")
    parser.add_argument("--meson", help="the command that does it")
    parser.add_argument("--rounds", type=int, default=200, help="of damage")
    args = parser.parse_args()
    for function in _checks:
        with Workshop(args) as shop:
            try:
                function(shop)
            except Skip as why:
                skip(function.__name__.replace("_", " "), " ".join(str(why).split()))
    return done()


def show(ran):
    return f"status {ran.returncode}\nstdout: {ran.stdout}\nstderr: {ran.stderr}"


def is_remark(ran, *words):
    """One line on standard error that holds all of these words."""
    return (ran.stderr.startswith("fondue: ") and ran.stderr.count("\n") == 1
            and ran.stderr.endswith("\n") and all(word in ran.stderr for word in words))


def silent(ran, status=0, stdout=None):
    return (ran.returncode == status and ran.stderr == ""
            and (stdout is None or ran.stdout == stdout))
