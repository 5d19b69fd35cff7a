# SPDX-License-Identifier: MIT
"""Records as the runtime writes them, of programs whose addresses other tools tell."""
import json
import os
import re

from workshop import needs, run

# Functions inlined into one another, one of them from another file; a call that does not
# return at the end of a function; a static function; a lock.
HEADER = """\
static inline __attribute__((always_inline)) int deepest(int n)
{
	volatile int spin = n;

	return spin * 3 + sink(n);
}
"""
SOURCE = """\
#include <stdlib.h>

long stats_lock[4];
static long quiet_lock[2];

__attribute__((noinline)) int sink(int n)
{
	stats_lock[1] += n;
	quiet_lock[1] += n;
	return (int)stats_lock[1];
}

#include "inner.h"

static inline __attribute__((always_inline)) int write_all(int n)
{
	int sum = deepest(n);

	for (int i = 0; i < n; i++)
		sum += deepest(i + sum);
	return sum;
}

static __attribute__((noinline)) int hidden(int n)
{
	return sink(n) + write_all(n + 1);
}

__attribute__((noinline)) int flush_log(int n)
{
	int sum = write_all(n);

	return sum + hidden(sum) + write_all(sum);
}

__attribute__((noinline)) void never(int n)
{
	sink(n);
	exit(n);
}

__attribute__((noinline)) int after(int n)
{
	return flush_log(n) + 1;
}
"""
MAIN = """
int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 5)
		never(argc);
	return after(argc) == 0;
}
"""
FUNCTIONS = ["flush_log", "hidden", "never", "after", "sink"]


def program(shop, name, *options, cc="gcc", shared=False):
    shop.write("inner.h", HEADER)
    extra = ["-shared", "-fPIC"] if shared else []
    return shop.program(name, SOURCE if shared else SOURCE + MAIN, "-O2", *extra, *options,
                        cc=cc)


def build_id(path):
    found = re.search(r"Build ID: (\w+)", run(["readelf", "-n", path]).stdout)
    return found and found.group(1)


def symbol(path, name):
    """Address and size."""
    found = re.search(rf"^(\w+) (\w+) . {re.escape(name)}$", run(["nm", "-S", path]).stdout, re.M)
    return int(found.group(1), 16), int(found.group(2), 16)


def instructions(path, function):
    """[(address, is it a call?)] of a function."""
    text = run(["objdump", "-d", "--no-show-raw-insn", path]).stdout
    start, size = symbol(path, function)
    body = re.search(rf"^\w+ <{re.escape(function)}>:\n(.*?)(?:\n\n|\Z)", text, re.M | re.S)
    return [(int(address, 16), word.startswith("call")) for address, word in
            re.findall(r"^ *(\w+):\s+(\S+)", body.group(1), re.M)
            if int(address, 16) < start + size]  # what follows is padding


def returns(path, function):
    """The addresses behind its calls."""
    start, size = symbol(path, function)
    listed = instructions(path, function)
    ends = [address for address, _ in listed[1:]] + [start + size]
    return [end for (_, is_call), end in zip(listed, ends) if is_call]


def addr2line(path, addresses):
    """For each the functions, innermost first: [(name, file or None, line or None)]."""
    ran = run([needs("addr2line"), "-afie", path, *map(hex, addresses)])
    answers = []
    lines = iter(ran.stdout.splitlines())
    for line in lines:
        if re.match(r"0x[0-9a-f]+$", line):
            answers.append([])
            continue
        file, number = re.match(r"(.*):(\d+|\?)", next(lines)).groups()
        known = number not in ("?", "0")
        answers[-1].append((line, os.path.normpath(file) if known else None,
                            int(number) if known else None))
    return answers


def chain(frame):
    """The same of a frame that `fondue report --json` has printed."""
    return [(each.get("sym"), os.path.normpath(each["file"]) if "file" in each else None,
             each.get("line")) for each in frame.get("inlined", []) + [frame]]


def frame(path, offset, bid=True, **more):
    made = {"pc": hex(0x7f0000000000 + offset), "obj": path, "off": hex(offset), **more}
    if bid:
        made["bid"] = build_id(path) if bid is True else bid
    return made


def hold(frames, **more):
    """Held by a worker whose stack is these frames."""
    return {"v": 1, "ev": "hold", "id": "18301-7", "t": "2026-11-25T20:31:11.123Z", "pid": 18301,
            "lock": {"addr": "0x7f0000004010", "sym": "stats_lock", "symoff": 0},
            "held_ms": 4210, "limit_ms": 1000, "waiting": 3, "longest_ms": 4100,
            "owner": {"pid": 18234, "tid": 18240, "comm": "worker", "state": "sleeping in fsync",
                      "how": "proc", "complete": True, "end": "complete", "site": frames[0],
                      "frames": frames},
            "waiter": {"pid": 18301, "tid": 18301, "comm": "collector", "waited_ms": 4100,
                       "how": "self", "complete": True, "end": "complete",
                       "frames": frames[:1]},
            "waiters": [{"pid": 18302, "tid": 18303, "comm": "x", "state": "sleeping in futex",
                         "waited_ms": 3900, "site": frames[0]}], **more}


def log(shop, *records, name="log"):
    """A file with these; what is text or bytes is written as it stands."""
    with open(shop.path(name), "wb") as file:
        for record in records:
            line = record if isinstance(record, (str, bytes)) else json.dumps(record)
            file.write((line if isinstance(line, bytes) else line.encode()) + b"\n")
    return shop.path(name)


def report(shop, records, *options):
    """The text for these, as one run."""
    return shop.fondue("report", *options, log(shop, *records))


def look_up(shop, frames, *options):
    """(the same frames, annotated; the run)"""
    ran = report(shop, [hold(frames)], "--json", *options)
    document = json.loads(ran.stdout) if ran.stdout else hold(frames)
    return document["owner"]["frames"], ran
