#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fondue locks: registries of another version, damaged, and made to mislead.

    test-locks-hostile.py --fondue EXE --library SO --archive A --include DIR [--rounds=N]

This very process pretends to be a family: it has the memory that a registry is known by, and
may write there what it likes.
"""
import ctypes
import json
import mmap
import os
import random
import re
import struct
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import note, test  # noqa: E402
from workshop import check, is_remark, main, show  # noqa: E402

# As preload/layout.h has it, slots aligned to their size; the first int of a life is its futex.
LAYOUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../preload/layout.h")
with open(LAYOUT, encoding="ascii") as layout:
    VERSION = int(re.search(r"REGISTRY_VERSION (\d+)", layout.read()).group(1))
MAGIC = 0x65756466646e6f66
SLOTS_AT, SLOT_SIZE, SIZE, LOCKS_AT = 65 * 256, 256, 32 << 20, 24 << 20
SLOTS, LOCKS = 40, 64
ENDED = 0x40000000
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
ABSURD = [1, 7, 8, 0xfff, 0x1000, 1 << 46, (1 << 47) - 4096, (1 << 47) - 1, 1 << 47, 1 << 63,
          0xffffffffff600000, 2**64 - 4096, 2**64 - 8, 2**64 - 1]


def refused(shop, name, *said):
    ran = shop.fondue("locks", os.getpid())
    test(f"{name}: one line, status 1", ran.returncode == 1 and ran.stdout == ""
         and is_remark(ran, "locks: ", *said), show(ran))


@check
def other_registries(shop):
    fake = mmap.mmap(-1, SIZE)
    for name, version, used, life, said in [
            ("another version", 99, 1, 0, "another version (registry 99"),
            ("more slots than there are", VERSION, 70000, 0, "damaged"),
            ("a life out of bounds", VERSION, 1, 77, "damaged")]:
        fake[:24] = struct.pack("=QIIII", MAGIC, version, used, 0, life)
        refused(shop, name, said)
    fake[:8] = bytes(8)
    refused(shop, "shared memory without the mark", "no member of a family")
    fake.close()


class Registry:
    """Slots of threads that are all this process's first, and locks whose words name them."""

    def __init__(self, seed):
        self.random, self.memory = random.Random(seed), mmap.mmap(-1, SIZE)
        self.start = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self.pid, self.namespace = os.getpid(), os.stat("/proc/self/ns/pid").st_ino
        self.memory[:24] = struct.pack("=QIIII", MAGIC, VERSION, 1 + SLOTS, 0, 0)
        self.code, self.data = [], []
        with open("/proc/self/maps") as maps:
            for line in maps:
                start, end = (int(each, 16) for each in line.split()[0].split("-"))
                place = self.code if "x" in line.split()[1] else self.data
                place += [start, start + 1, end - 1, end, self.random.randrange(start, end)]

    def anything(self):
        return self.random.choice([
            lambda: self.random.choice(self.code), lambda: self.random.choice(self.code),
            lambda: self.random.choice(self.data), lambda: self.random.choice(ABSURD),
            lambda: self.random.getrandbits(64), lambda: 0, self.lock])()

    def lock(self):
        return self.start + LOCKS_AT + 8 * self.random.randrange(LOCKS)

    def some_lock(self):
        return self.lock() if self.random.random() < 0.8 else self.anything()

    def site(self):
        return struct.pack("=QQQ", self.anything(), self.anything(), self.anything())

    def slot(self):
        some = self.random
        nested = b"".join(struct.pack("=QQ", self.some_lock(), self.anything()) for _ in range(4))
        return (struct.pack("=QII", self.some_lock(), some.choice([0, 1, 4, 2**32 - 1]), 3)
                + self.site() + struct.pack("=II16x", self.pid, self.pid)
                + struct.pack("=I36xQ16x", some.choice([self.pid] * 4 + [ENDED, 0, 1]),
                              some.choice([self.namespace] * 6 + [0, 1]))
                + struct.pack("=QQQQII", some.choice([0, self.some_lock()]), some.getrandbits(40),
                              some.getrandbits(40), some.getrandbits(64),
                              some.getrandbits(32), 0)
                + self.site() + nested)

    def put(self, number):
        at = SLOTS_AT + number * SLOT_SIZE
        self.memory[at:at + SLOT_SIZE] = self.slot()

    def fill(self):
        for number in range(1, 1 + SLOTS):
            self.put(number)
        for i in range(LOCKS):
            word = self.random.choice([self.random.randrange(1 + SLOTS),
                                       self.random.getrandbits(32)])
            struct.pack_into("=II", self.memory, LOCKS_AT + 8 * i, word, 0)


def what_is_wrong(ran, is_json):
    if ran.returncode or ran.stderr:
        return show(ran)
    try:
        return is_json and not isinstance(json.loads(ran.stdout), dict) \
            or CONTROL.search(ran.stdout)
    except ValueError as why:
        return f"{why}: {ran.stdout}"


def campaign(shop, registry, rounds, seen):
    """What is wrong; and what has come of it in JSON, counted."""
    wrong = []
    for i in range(rounds):
        registry.fill()
        options = [[], ["--json"], ["--stacks"], ["--json", "--stacks"]][i % 4]
        ran = shop.fondue("locks", *options, registry.pid, timeout=30)
        why = what_is_wrong(ran, "--json" in options)
        if why:
            wrong.append((i, why))
        elif "--json" in options:
            count(json.loads(ran.stdout), seen)
    return wrong


def count(document, seen):
    for lock in document["locks"]:
        for each in [lock["owner"] or {}, *lock["waiters"]]:
            site = each.get("site") or {}
            seen["named"] += "sym" in site
            seen["bare"] += "pc" in site and "obj" not in site
            seen["nowhere"] += not site
            seen["stack"] += each.get("stack", {}).get("how") == "site"


@check
def any_contents(shop):
    registry, seen = Registry(1), dict.fromkeys(["named", "bare", "nowhere", "stack"], 0)
    wrong = campaign(shop, registry, shop.args.rounds, seen)
    note(f"{shop.args.rounds} registries: {seen}")
    test("whatever stands in slots as places, locks, stacks: an answer that can be read",
         not wrong, wrong[:3])
    test("and of all kinds: named, an address, not known, a stack from a place",
         all(seen.values()), seen)


@check
def while_it_is_written(shop):
    registry, seen = Registry(2), dict.fromkeys(["named", "bare", "nowhere", "stack"], 0)
    over = threading.Event()

    def scribble():
        while not over.is_set():
            registry.put(1 + registry.random.randrange(SLOTS))

    thread = threading.Thread(target=scribble)
    thread.start()
    try:
        wrong = campaign(shop, registry, shop.args.rounds // 4, seen)
    finally:
        over.set()
        thread.join()
    test("the same while slots change all the time", not wrong, wrong[:3])


sys.exit(main(__doc__))
