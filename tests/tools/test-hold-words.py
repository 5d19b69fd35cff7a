#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reports in words: as JSON, as text in one write, and in files.

    test-hold-words.py --fondue EXE --library SO --archive A --include DIR
"""
import json
import os
import re
import resource
import signal
import stat
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import test  # noqa: E402
from held import PATIENCE_S, Held, names  # noqa: E402
from workshop import Skip, check, main, needs, run  # noqa: E402

LONG = 189  # bytes of a name; one more would be cut


def nested(count, length):
    """Functions of long names that call one another."""
    words = ["f%03d_" % i + "x" * (length - 5) for i in range(count)]
    lines = ["KEEP static void %s(void (*last)(void)) { last(); STAY(); }" % words[0]]
    for i in range(1, count):
        lines.append("KEEP static void %s(void (*last)(void)) { %s(last); STAY(); }"
                     % (words[i], words[i - 1]))
    return "\n".join(lines) + "\n#define DEEP " + words[-1] + "\n"


PLAIN = r"""
FONDUE_SHARED static fondue_spinlock_t lock;

KEEP static void own(void) { fondue_spin_lock(&lock); have(); for (;;) pause(); }
KEEP static void want(void) { fondue_spin_lock(&lock); STAY(); fondue_spin_unlock(&lock); }
int main(int argc, char **argv)
{
	if (argc > 1)
		prctl(PR_SET_NAME, argv[1]);
	return held(own, want);
}
"""
DEEP = r"""
FONDUE_SHARED static fondue_spinlock_t NAME;
KEEP static void rest(void) { fondue_spin_lock(&NAME); have(); for (;;) pause(); }
KEEP static void ask(void) { fondue_spin_lock(&NAME); STAY(); }
KEEP static void own(void) { DEEP(rest); }
KEEP static void want(void) { DEEP(ask); }
int main(void) { return held(own, want); }
"""
CIRCLE = r"""
#include <stdatomic.h>
#define MEMBERS 48
FONDUE_SHARED static fondue_spinlock_t NAME[MEMBERS];
FONDUE_SHARED static atomic_int ready;
static int number;
KEEP static void rest(void)
{
	fondue_spin_lock(&NAME[number]);
	atomic_fetch_add(&ready, 1);
	while (atomic_load(&ready) < MEMBERS)
		usleep(1000);
	fondue_spin_lock(&NAME[(number + 1) % MEMBERS]);
	STAY();
}
int main(void)
{
	for (number = 0; number < MEMBERS - 1; number++)
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			break;
		}
	DEEP(rest);
	return 0;
}
"""
KEYS = {
    "hold": {"v", "ev", "id", "t", "pid", "lock", "held_ms", "limit_ms", "waiting", "longest_ms",
             "next_ms", "owner", "waiter", "waiters"},
    "deadlock": {"v", "ev", "id", "t", "pid", "old_ms", "members"},
    "over": {"v", "ev", "id", "t", "pid", "lock", "held_ms", "how"},
    "death": {"v", "ev", "id", "t", "pid", "lock", "owner", "heir"},
}


def is_in_form(report):
    return set(report) - {"left_out"} == KEYS[report["ev"]] and report["v"] == 1 and re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", report["t"]) and re.fullmatch(
            rf"{report['pid']}-\d+", report["id"])


@check
def json_lines(shop):
    path = shop.held("plain", PLAIN)
    with Held(shop, path) as held:
        pids = held.hear()
        first, second = held.reports(2)[:2]
        os.kill(pids[0], signal.SIGKILL)
        held.until(lambda said: b'"death"' in said)
        death = [each for each in held.reports(3) if each["ev"] == "death"]
    test("JSON: every line is an object, with the keys that are promised",
         is_in_form(first) and is_in_form(second) and first["pid"] == pids[1], (first, second))
    test("... a second one tells of twice the time", second["held_ms"] >= 2 * first["limit_ms"]
         and second["id"] != first["id"], (first, second))
    test("... and so is the owner's death", len(death) == 1 and is_in_form(death[0])
         and death[0]["owner"]["pid"] == pids[0] and death[0]["heir"]["pid"] == pids[1], death)


@check
def long_names(shop):
    path = shop.held("deep", nested(70, LONG) + DEEP.replace("NAME", "n" * LONG), "-O1", "-w")
    with Held(shop, path) as held:
        report = held.report()
    test("JSON: 64 frames of 190 bytes each, in both stacks", is_in_form(report) and all(
        len(report[who]["frames"]) == 64 and not report[who]["complete"]
        for who in ("owner", "waiter")), report)
    test("... none of their names is cut", all(
        len(name) == LONG for name in names(report["waiter"])[1:]), names(report["waiter"]))
    with Held(shop, path, json=False) as held:
        text = held.text()
    test("the same as text: a page at most, whole lines, the stacks cut first",
         len(text) <= 4096 and text.startswith("fondue[") and text.endswith("turns this off\n")
         and "... " in text and " more\n" in text and "taken   at " in text, text)
    path = shop.held("deeper", nested(3, 300) + DEEP.replace("NAME", "n" * 300), "-O1", "-w")
    with Held(shop, path) as held:
        report = held.report()
    test("a name that is longer is cut, and shows it", report["lock"]["sym"] == "n" * 188 + "..."
         and len(names(report["waiter"])[1]) == 191, report["lock"])


@check
def circles(shop):
    path = shop.held("circle", nested(70, LONG) + CIRCLE.replace("NAME", "n" * LONG), "-O1", "-w")
    with Held(shop, path) as held:
        report = deadlock(held)
    test("JSON: a circle of 48 with long names", is_in_form(report)
         and len(report["members"]) == 48 and all(member["frames"] for member in report["members"])
         and len({member["pid"] for member in report["members"]}) == 48, report)
    with Held(shop, path, json=False) as held:
        said = held.until(lambda said: b"DEADLOCK" in said and said.endswith(b"\n")).decode()
        text = "fondue[" + said.split("]: DEADLOCK")[0].rpartition("fondue[")[2] + "]: DEADLOCK" + (
            said.split("]: DEADLOCK")[1].split("\nfondue[")[0].rstrip("\n") + "\n")
    test("the same as text: a page at most, whole lines, and that there is more",
         len(text) <= 4096 and text.endswith("  ...\n") and "DEADLOCK of 48 threads" in text, text)
    # a path of some 900 bytes, in a file system that allows names of 255
    deep = os.path.join(shop.directory, *["d" * 200] * 4)
    os.makedirs(deep)
    os.rename(path, os.path.join(deep, "circle"))
    with Held(shop, os.path.join(deep, "circle")) as held:
        said = held.until(lambda said: any(b'"deadlock"' in line or b'{"v"' not in line
                                           for line in said.split(b"\n")[:-1]))
        lines = said.split(b"\n")[:-1]
    test("JSON: a circle of 48 in a program of a long path, too: an object, which says how many "
         "members are left out", any(b'"left_out"' in line for line in lines) and all(is_json(line) for line in lines), [line[:200] for line in lines if not is_json(line)])


def deadlock(held):
    said = held.until(lambda said: any(b'"deadlock"' in line for line in said.split(b"\n")[:-1]))
    return [json.loads(line) for line in said.split(b"\n") if b'"deadlock"' in line][0]


def is_json(line):
    try:
        return is_in_form(json.loads(line))
    except ValueError:
        return False


HOSTILE = [b'qu"ote', b"back\\slash", b"new\nline", b"\x1b[2Jesc", "gr\u00fc\u00dfe".encode(),
           b"bad\xff\xfebytes", b"cut\xe2\x82", b"{}[],:", b"%s%n%x", b"tab\there", b"del\x7f"]


@check
def hostile_names(shop):
    plain = shop.held("plain", PLAIN)
    for word in HOSTILE:
        path = shop.directory.encode() + b"/" + word
        os.link(plain, path)
        with Held(shop, path, word) as held:
            line = held.lines()[0]
        report = json.loads(line) if is_json(line) else {"owner": {}, "lock": {}}
        found = report["lock"].get("obj", "").encode("latin1", "replace")
        # of newlines in its list of what is mapped the kernel makes "\\012"
        wanted = [word, word.replace(b"\n", b"\\012")]
        test(f"JSON: a program and a thread that are called {word!r}", is_json(line) and (
            os.path.basename(found) in wanted or report["lock"]["obj"].endswith(
                "/" + word.decode("utf-8", "replace"))), line)
        with Held(shop, path, word, json=False) as held:
            text = held.until(lambda said: said.endswith(b"turns this off\n"))
        test("... in text: no control character", not re.search(
            rb"[\x00-\x09\x0b-\x1f\x7f]", text) and text.startswith(b"fondue["), text)
        os.unlink(path)


def records(directory):
    return [os.path.join(directory, name) for name in sorted(os.listdir(directory))]


@check
def directory(shop):
    path = shop.held("plain", PLAIN)
    kept = shop.path("kept")
    os.mkdir(kept)
    with Held(shop, path, json=False, REPORT_DIR=kept) as held:
        text = held.text()
        files = records(kept)
    report = json.load(open(files[0]))
    test("a record: JSON whatever the log speaks, named in the text, for its user alone",
         is_in_form(report) and files[0] in text and stat.S_IMODE(os.stat(files[0]).st_mode) == 0o600
         and text.count("fondue report " + files[0]) == 1, (files, text))
    other = shop.path("precious")
    with open(other, "w") as file:
        file.write("precious")
    before = {}
    with Held(shop, path, json=False, REPORT_DIR=kept, limit=400) as held:
        waiter = held.hear()[1]
        now = int(time.time())
        for second in range(now - 1, now + 20):
            link = f"{kept}/{waiter}-1-{second}.json"
            os.symlink(other, link)
            before[link] = True
        text = held.text()
    test("not through a link that lies there already", open(other).read() == "precious"
         and "cannot be written" in text and "fondue report" not in text
         and all(os.path.islink(link) for link in before), text)
    for name, bad in ("that is not there", shop.path("none")), ("that is a file", other):
        with Held(shop, path, json=False, REPORT_DIR=bad) as held:
            text = held.until(lambda said: said.count(b" held ") >= 3).decode()
        test(f"a directory {name}: reports come, and one line says so, once",
             text.count("cannot be written") == 1 and "FONDUE_REPORT_DIR" in text, text)
    with Held(shop, path, json=False, REPORT_DIR=kept, before=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (0, 0)), log=False) as held:
        held.hear()
        held_by = held.process.stderr.readline()
        status = held.process.poll()
    test("a limit for the size of files: no signal kills who reports",
         held_by and status is None, (held_by, status))


MANY = r"""
FONDUE_SHARED static fondue_spinlock_t lock;

static int own_in_turn(void)
{
	struct timespec soon;

	for (int i = 0; i < 120; i++) {
		clock_gettime(CLOCK_MONOTONIC, &soon);
		soon.tv_nsec += 4000000;
		if (soon.tv_nsec >= 1000000000) {
			soon.tv_sec++;
			soon.tv_nsec -= 1000000000;
		}
		if (fondue_spin_timedlock(&lock, &soon) != ETIMEDOUT)
			return 1;
	}
	return 0;
}
static void own(void) { fondue_spin_lock(&lock); have(); }
static void want(void) { exit(own_in_turn()); }
int main(void) { return held(own, want); }
"""


@check
def many_records(shop):
    """The owner changes with each wait, as far as who waits can tell: so each is a report."""
    path = shop.held("many", MANY)
    kept = shop.path("many-kept")
    os.mkdir(kept)
    with Held(shop, path, limit=1, json=False, REPORT_DIR=kept) as held:
        held.process.wait(timeout=60)
        text = held.said().decode()
        count = len(os.listdir(kept))
    test("100 records of a process at most", 1 <= count <= 100 and text.count(" held ") >= count,
         (count, text.count(" held ")))


CROWD = r"""
#define MEMBERS 6
FONDUE_SHARED static fondue_spinlock_t locks[MEMBERS];
FONDUE_SHARED static int ready;
static int number;

KEEP static void rest(void)
{
	fondue_spin_lock(&locks[number]);
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
}
KEEP static void ask(void)
{
	while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) < MEMBERS)
		usleep(100);
	fondue_spin_lock(&locks[number]);
	STAY();
}
static void be_child(void (*work)(void))
{
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		DEEP(work);
	}
}
int main(void)
{
	for (number = 0; number < MEMBERS; number++)
		be_child(rest);
	for (number = 0; number < MEMBERS; number++)
		be_child(ask);
	for (;;)
		pause();
}
"""


@check
def pipe(shop):
    """Long lines of several processes at the same moment: more than a pipe takes page by page."""
    path = shop.held("crowd", nested(12, 60) + CROWD, "-O1", "-w")
    with Held(shop, path, log=False, limit=60) as held:
        lines = [held.process.stderr.readline() for _ in range(12)]
    test("JSON into a pipe: objects of several processes do not mix", min(map(len, lines)) > 4096
         and all(map(is_json, lines)), [line[:100] for line in lines if not is_json(line)])


def traced(shop):
    """The writes of reports, when there are some: strace is later than what it sees."""
    end = time.monotonic() + PATIENCE_S
    writes = []
    while not writes and time.monotonic() < end:
        for name in [name for name in os.listdir(shop.directory) if name.startswith("trace.")]:
            with open(shop.path(name)) as file:
                writes += [line for line in file if re.search(
                    r'write\(.*"(fondue\[|{\\"v\\").* = \d+$', line)]
    return writes


@check
def one_write(shop):
    needs("strace")
    path = shop.held("plain", PLAIN)
    if run(["strace", "-o", shop.path("trace"), "true"]).returncode:
        raise Skip("nothing can be traced here")
    for as_json in False, True:
        for name in os.listdir(shop.directory):
            if name.startswith("trace"):
                os.unlink(shop.path(name))
        with Held(shop, "strace", "-ff", "-e", "trace=write", "-o", shop.path("trace"), path,
                  json=as_json) as held:
            held.lines()
            held.until(lambda said: b"turns this off\n" in said or as_json)
            said = held.said().split(b"\nfondue[")[0]
            writes = traced(shop)
        test("one write for each report, " + ("as JSON" if as_json else "as text"),
             len(writes) >= 1 and said and int(writes[0].rsplit("= ", 1)[1]) >= len(
                 said.split(b"\n{")[0]), (writes[:3], len(said)))


sys.exit(main(__doc__))
