#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fondue suggest: which globals of small forking programs look lost, and the lines to paste.

    test-suggest.py --fondue EXE --library SO --archive A --include DIR

The programs are in losing/, each of another kind; a line in each says what it loses,
and what it changes without losing anything. They wait for their children and for nothing else.
"""
import json
import os
import platform
import re
import shlex
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import test  # noqa: E402
from workshop import Skip, check, main, needs, show  # noqa: E402

LOSING = os.path.join(os.path.dirname(os.path.abspath(__file__)), "losing")

# Of no other use than to be suggested with a name that several have.
COUNT = r"""
static int count;
void add_%(name)s(void) { count += %(step)d; }
int get_%(name)s(void) { return count; }
"""
TWO = r"""
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
void add_first(void); int get_first(void);
void add_second(void); int get_second(void);
static int step(void) { static int calls; return ++calls; }
int main(void)
{
	for (int i = 0; i < 3; i++) {
		if (fork() == 0) {
			for (int j = 0; j < 10 + i; j++) { add_first(); step(); }
			add_second();
			_exit(0);
		}
		wait(NULL);
	}
	printf("%d %d %d\n", get_first(), get_second(), step());
	return 0;
}
"""
READER = r"""
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
static int total;
int main(void)
{
	int lines = 0;
	for (int c; (c = getchar()) != EOF;)
		lines += c == '\n';
	for (int i = 0; i < 2; i++)
		if (fork() == 0) {
			total += lines + i;
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	printf("%d lines\n", lines + total);
	return 0;
}
"""
# Begins three bytes before the first page that is writable, where the linker puts data as usual.
WIDE = r"""
#include <sys/wait.h>
#include <unistd.h>
extern char __data_start[];
__asm__(".pushsection .data\n"
	".globl wide\n"
	".type wide, @object\n"
	".set wide, .Lplace - 0x13\n"
	".size wide, 0x1b\n"
	".Lplace: .quad 1\n"
	".popsection");
int main(void)
{
	for (int i = 0; i < 3; i++)
		if (fork() == 0) {
			__data_start[0] = 5 + i;
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	return 7;
}
"""
NAMELESS = r"""
#include <sys/wait.h>
#include <unistd.h>
static struct { long requests, bytes; } traffic;
int main(void)
{
	for (int i = 0; i < 3; i++)
		if (fork() == 0) {
			traffic.requests += 5 + i;
			traffic.bytes += 700 * (i + 1);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	return traffic.requests > 1000;
}
"""
STATUS = r"""
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
	if (argc > 2) raise(atoi(argv[2]));
	puts("here I am");
	fputs("and here\n", stderr);
	return argc > 1 ? atoi(argv[1]) : 0;
}
"""


def machine():
    if platform.machine() != "x86_64":
        raise Skip("only x86-64 is observed so far")


class Program:
    """One of losing/, compiled, and what is said in it."""

    def __init__(self, shop, file, *options):
        machine()
        self.name = file.rsplit(".", 1)[0]
        path = os.path.join(LOSING, file)
        with open(path) as source:
            lost, left = re.search(r"/\* lost:(.*?)left:(.*?)\*/", source.read()).groups()
        self.lost = set(lost.split("perhaps:")[0].split())
        self.left = set(left.split())
        self.path = shop.path(self.name)
        shop.make(needs("g++" if file.endswith("cc") else "gcc"), "-g", "-O0", path, *options,
                  "-pthread", "-o", self.path)


def suggest(shop, *words, **options):
    """The answer as data, and the run."""
    file = shop.path("answer.json")
    if os.path.exists(file):
        os.unlink(file)
    ran = shop.fondue("suggest", "--json", "--all", "-o", file, *words, **options)
    if "ptrace" in ran.stderr and ran.returncode == 125:
        raise Skip(ran.stderr.strip())
    with open(file) as text:
        return json.load(text), ran


def plain(name):
    return re.sub(r"\.\d+$", "", name or "")


def opinion(answer, wanted):
    return [plain(v["name"]) for v in answer["variables"] if v["opinion"] == wanted]


def paste(shop, line):
    """Run what is behind the first word, `fondue`."""
    os.makedirs(shop.path("cache"), exist_ok=True)
    ran = shop.fondue(*shlex.split(line)[1:],
                      environment={"XDG_CACHE_HOME": shop.path("cache")})
    if "built without Zydis" in ran.stderr:
        raise Skip("fondue was built without Zydis")
    return ran


def line_to_paste(text):
    return next((line.split(":", 1)[1].strip() for line in text.splitlines()
                 if line.startswith("  without rebuilding:")), None)


# What a single run cannot tell from a tally: states of a simulation, a table that is a board.
STATES = {"position", "velocity", "x", "planes", "phase", "spare", "tour", "limit", "first",
          "teller"}


@check
def each_kind_of_program(shop):
    for file in sorted(os.listdir(LOSING)):
        program = Program(shop, file)
        answer, ran = suggest(shop, program.path)
        found = opinion(answer, "share") + opinion(answer, "perhaps")
        test(f"{program.name}: what is lost is found",
             program.lost <= set(found), show(ran) + json.dumps(answer)[:3000])
        wrong = (set(opinion(answer, "share")) & program.left) - STATES
        test(f"{program.name}: what is not is not suggested", not wrong, wrong)
        test(f"{program.name}: the status and the output are the program's",
             ran.returncode == answer["status"] and ran.stdout and not ran.stderr
             or program.name == "daemon", show(ran))


@check
def who_reads_it(shop):
    for file in "harness.c", "energy.c", "search.c":
        program = Program(shop, file)
        answer, ran = suggest(shop, "--twice", program.path)
        if "debug registers" in ran.stderr:
            raise Skip("debug registers cannot be used here")
        read = {plain(v["name"]) for v in answer["variables"]
                if v["watched"] and v["watched"]["read"]}
        test(f"{program.name}: the parent is seen reading what is lost", program.lost <= read,
             json.dumps(answer)[:3000])
        test(f"{program.name}: it comes before all else",
             set(opinion(answer, "share")[:len(program.lost)]) == program.lost, answer)
        test(f"{program.name}: it is run twice, and that is said",
             ran.stdout == ran.stdout[:len(ran.stdout) // 2] * 2 and "once more" in ran.stderr,
             show(ran))


@check
def what_is_read_twice(shop):
    machine()
    shop.write("reader.c", READER)
    shop.make("gcc", "-g", "reader.c", "-o", "reader")
    shop.write("input", "first\na\nb\nc\n")
    with open(shop.path("input")) as file:
        os.lseek(file.fileno(), 6, os.SEEK_SET)
        ran = shop.fondue("suggest", "--twice", "-o", shop.path("answer"),
                          shop.path("reader"), stdin=file)
    test("standard input, from where it was", ran.stdout == "3 lines\n3 lines\n", show(ran))


@check
def a_symbol_that_begins_too_early(shop):
    machine()
    shop.write("wide.c", WIDE)
    shop.make("gcc", "wide.c", "-Wl,-z,relro,-z,now", "-o", "wide")
    answer, ran = suggest(shop, shop.path("wide"))
    test("what lies before what is writable is not looked at", ran.returncode == 7
         and answer["children"] == 3, show(ran))


@check
def lines_for_the_shell(shop):
    for file, output in (("harness.c", "18 passed, 3 failed\n"), ("late.c", "42\n")):
        program = Program(shop, file)
        ran = shop.fondue("suggest", program.path)
        line = line_to_paste(ran.stderr)
        names = ",".join(sorted(program.lost, reverse=True))
        test(f"{program.name}: the line to paste", line ==
             f"fondue run --share={names} -- {program.path}", show(ran))
        ran = paste(shop, line or "")
        test(f"{program.name}: with it nothing is lost", ran.stdout == output, show(ran))
    program = Program(shop, "logger.c")
    ran = shop.fondue("suggest", program.path)
    ran = paste(shop, line_to_paste(ran.stderr) or "")
    test("logger: with it no line number comes twice",
         [line.split()[0] for line in ran.stdout.splitlines()] ==
         [f"{i:04}" for i in range(1, 17)], show(ran))


@check
def lines_that_a_shell_takes(shop):
    program = Program(shop, "equal.c")
    words = [program.path, "it's", "", "a b", "$HOME", "*"]
    ran = shop.fondue("suggest", *words)
    test("each argument is one word again",
         shlex.split(line_to_paste(ran.stderr) or "")[4:] == words, show(ran))


@check
def lines_for_the_source(shop):
    program = Program(shop, "harness.c")
    ran = shop.fondue("suggest", program.path)
    lines = [line for line in ran.stderr.splitlines() if "FONDUE_SHARED" in line]
    test("a line for each", sorted(line.split("  ")[-1] for line in lines) ==
         ["FONDUE_SHARED static int checks_failed;", "FONDUE_SHARED static int checks_passed;"],
         show(ran))
    with open(os.path.join(LOSING, "harness.c")) as text:
        source = text.read()
    source = source.replace("static int checks_passed, checks_failed;",
                            "\n".join(line.split("  ")[-1] for line in lines))
    path = shop.program("annotated", "#include <fondue/shared.h>\n" + source)
    ran = shop.fondue("run", path)
    test("with them nothing is lost", ran.stdout == "18 passed, 3 failed\n", show(ran))
    ran = shop.fondue("suggest", Program(shop, "server.c").path)
    test("a struct", "FONDUE_SHARED struct statistics stats;" in ran.stderr, show(ran))
    ran = shop.fondue("suggest", Program(shop, "histogram.c").path)
    test("an array", "FONDUE_SHARED static unsigned int bins[16];" in ran.stderr, show(ran))
    ran = shop.fondue("suggest", Program(shop, "classes.cc").path)
    test("a member of a class", "FONDUE_SHARED unsigned int Job::completed;" in ran.stderr,
         show(ran))


@check
def types_without_a_name(shop):
    machine()
    shop.write("nameless.c", NAMELESS)
    shop.make("gcc", "-g", "nameless.c", "-o", "nameless")
    ran = shop.fondue("suggest", shop.path("nameless"))
    test("no line for the source that cannot be compiled", "traffic" in ran.stderr
         and "{..} traffic;" not in ran.stderr, show(ran))
    test("but where to write it", re.search(r"nameless\.c:4  FONDUE_SHARED before the declaration"
                                            r" of traffic", ran.stderr), show(ran))


def two(shop, library=False):
    machine()
    for name, step in ("first", 1), ("second", 100):
        shop.write(f"{name}.c", COUNT % {"name": name, "step": step})
    shop.write("two.c", TWO)
    if library:
        shop.make("gcc", "-g", "-shared", "-fPIC", "second.c", "-Wl,--build-id",
                  "-o", "libsecond.so")
        shop.make("gcc", "-g", "two.c", "first.c", "-Wl,--build-id", "-L.", "-lsecond",
                  "-Wl,-rpath," + shop.directory, "-o", "two")
    else:
        shop.make("gcc", "-g", "two.c", "first.c", "second.c", "-Wl,--build-id", "-o", "two")
    return shop.path("two")


def spelled(shop, path, names):
    answer, ran = suggest(shop, path)
    shares = {v["share"] for v in answer["variables"] if v["share"]}
    test(f"they are spelled {', '.join(sorted(names))}", names <= shares, (shares, show(ran)))
    ran = paste(shop, f"fondue run --share={','.join(names)} -- {path}")
    return ran


@check
def names_that_several_have(shop):
    path = two(shop)
    ran = spelled(shop, path, {"first.c:count"})
    test("that one is shared, and no other", ran.stdout == "33 0 1\n", show(ran))


@check
def names_in_libraries(shop):
    path = two(shop, library=True)
    ran = spelled(shop, path, {"libsecond.so:count"})
    test("the library's is shared, and not the program's", ran.stdout == "0 300 1\n", show(ran))


@check
def odd_names_of_files(shop):
    program = Program(shop, "equal.c")
    for name in "line\nfeed", "back\\slash", "quo\"te", "a b":
        os.rename(program.path, shop.path(name))
        program.path = shop.path(name)
        answer, ran = suggest(shop, program.path)
        test(f"the program is found in the maps: {name!r}", opinion(answer, "share") == ["hits"],
             show(ran) + json.dumps(answer)[:1000])


@check
def what_a_plan_would_refuse(shop):
    program = Program(shop, "equal.c", "-Wl,--build-id=none")
    ran = shop.fondue("suggest", program.path)
    test("no line for the shell is printed", line_to_paste(ran.stderr) is None, show(ran))
    test("but why", "only annotated:      hits (" in ran.stderr
         and "build-id" in ran.stderr, show(ran))
    test("and the line for the source", "FONDUE_SHARED int hits;" in ran.stderr, show(ran))


@check
def counters_for_coverage(shop):
    machine()
    shop.write("work.c", "void work(int n) { while (n > 0) if (n % 3) n--; else n -= 2; }\n")
    shop.write("play.c", "void play(int n) { if (n > 5) n = 5; while (n--) ; }\n")
    shop.write("covered.c", r"""
#include <sys/wait.h>
#include <unistd.h>
void work(int n);
void play(int n);
int main(void)
{
	for (int i = 0; i < 3; i++)
		if (fork() == 0) {
			work(10 + i);
			play(i);
			_exit(0);
		}
	while (wait(0) > 0)
		;
	return 0;
}
""")
    shop.make("gcc", "-g", "--coverage", "covered.c", "work.c", "play.c", "-o", "covered")
    answer, ran = suggest(shop, shop.path("covered"))
    families = [v for v in answer["variables"] if v["name"] and v["name"].endswith("*")]
    ran = shop.fondue("suggest", shop.path("covered"))
    line = line_to_paste(ran.stderr)
    test("a pattern is for fondue, and not for the shell", line is None or "*" not in line
         or "'--share=" in line, show(ran))
    test("variables of one make are one row",
         len(families) == 1 and families[0]["variables"] >= 3, json.dumps(answer)[:2000])


@check
def what_to_mind(shop):
    locked = Program(shop, "locked.c").path
    ran = shop.fondue("suggest", locked)
    test("a lock beside it is named", "sold_mutex, beside sold," in ran.stderr
         and "share it, too" in ran.stderr, show(ran))
    test("and that updates are lost", "x += 1 loses updates" in ran.stderr, show(ran))
    test("and that it is not known who reads", "--twice" in ran.stderr, show(ran))
    if platform.machine() == "x86_64":
        both = shop.fondue("run", "--share=sold,sold_mutex", "--", locked)
        test("and shared with it, it guards it", both.stdout == "165 sold\n"
             or "without Zydis" in both.stderr, show(both))
    ran = shop.fondue("suggest", Program(shop, "late.c").path)
    test("what is set after the fork must be waited for",
         "the parent sets grid after the fork" in ran.stderr and "main (late.c:" in ran.stderr,
         show(ran))


@check
def what_has_no_symbol(shop):
    program = Program(shop, "logger.c")
    shop.make(needs("strip"), program.path)
    ran = shop.fondue("suggest", program.path)
    test("a program that is stripped: addresses are told",
         re.search(r"bytes of logger changed that have no symbol: at 0x[0-9a-f]+ \(", ran.stderr),
         show(ran))


@check
def nothing_to_suggest(shop):
    machine()
    path = shop.program("plain", STATUS)
    ran = shop.fondue("suggest", path)
    test("who does not fork is told so", "did not fork" in ran.stderr, show(ran))
    ran = shop.fondue("suggest", Program(shop, "roles.c").path)
    test("roles are left alone", "none of them looks lost" in ran.stderr
         and "left alone: " in ran.stderr and "parent_pid (pid)" in ran.stderr, show(ran))
    ran = shop.fondue("suggest", "--all", shop.path("roles"))
    test("and why", "-50 pid = -50" in ran.stderr and "started" in ran.stderr, show(ran))
    ran = shop.fondue("suggest", "sh", "-c", "for i in 1 2 3; do (echo $i); done")
    test("a shell is an interpreter", "is an interpreter" in ran.stderr
         and "run --share" not in ran.stderr and ran.stdout == "1\n2\n3\n", show(ran))
    ran = shop.fondue("suggest", "sh", "-c", "/bin/true; /bin/true; exit 0")
    test("what is executed is not looked at", "executed other programs" in ran.stderr,
         show(ran))


@check
def the_program_is_itself(shop):
    machine()
    path = shop.program("status", STATUS)
    ran = shop.fondue("suggest", "--", path, "7")
    test("its output is where it was", ran.stdout == "here I am\n" and
         ran.stderr.startswith("and here\n"), show(ran))
    test("its status is its own", ran.returncode == 7, show(ran))
    ran = shop.fondue("suggest", path, "0", "9")
    test("also when it is killed", ran.returncode == 137, show(ran))
    ran = shop.fondue("suggest", "-o", shop.path("out"), path)
    with open(shop.path("out")) as text:
        test("the answer can go to a file", ran.stderr == "and here\n" and
             text.read().startswith("fondue suggest: "), show(ran))


@check
def what_is_not_understood(shop):
    path = shop.program("status", STATUS)
    for words in ["--nonsense", path], ["--sample-ms=x", path], ["--limit=-1", path], []:
        ran = shop.fondue("suggest", *words)
        test(f"status 125: {' '.join(words[:-1]) or 'no program'}", ran.returncode == 125 and
             ran.stderr.count("\n") == 1 and not ran.stdout, show(ran))
    ran = shop.fondue("suggest", "./nowhere")
    test("status 127: it is not found", ran.returncode == 127 and "not found" in ran.stderr,
         show(ran))
    shop.write("closed", "x", mode=0o644)
    ran = shop.fondue("suggest", "./closed")
    test("status 126: it may not be executed", ran.returncode == 126, show(ran))
    ran = shop.fondue("suggest", "-o", "/nowhere/x", path)
    test("status 125 before it runs: no file for the answer", ran.returncode == 125 and
         not ran.stdout, show(ran))


if __name__ == "__main__":
    sys.exit(main(__doc__))
