#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Damaged programs: `fondue check` answers each, neither crashing nor hanging.

    hostile.py FONDUE PROGRAM [--rounds=N] [--seed=N]

Copies of PROGRAM are cut off, get bytes changed, in their headers above all, and fields
set to what breaks arithmetic. Under a build of the command with AddressSanitizer the
longer campaign is worth its time: --rounds=5000.
"""
import argparse
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile

ABSURD = [0, 1, 3, 0x7f, 0xff, 0xfff, 0x1000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
          0x7fffffffffffffff, 0x8000000000000000, 0xfffffffffffff000, 0xffffffffffffffff]
TIMEOUT = 30


class Damage:
    """One way after another to damage the bytes of a 64-bit ELF file."""

    def __init__(self, good, seed):
        self.good, self.random = good, random.Random(seed)
        self.phoff, self.shoff = struct.unpack_from("<QQ", good, 32)
        self.phnum, = struct.unpack_from("<H", good, 56)
        self.shnum, = struct.unpack_from("<H", good, 60)
        self.note = good.find(b"\7\0\0\0\x40\0\0\0\1\0\0\0fondue")

    def place(self):
        """Somewhere in the headers, the tables, the note; sometimes anywhere."""
        areas = [(0, 64), (self.phoff, self.phnum * 56), (self.shoff, self.shnum * 64),
                 (self.note, 84), (0, len(self.good))]
        start, size = self.random.choice(areas)
        return min(start + self.random.randrange(max(size, 1)), len(self.good) - 8)

    def flip(self, data):
        for _ in range(self.random.randint(1, 8)):
            data[self.place()] ^= 1 << self.random.randrange(8)

    def absurd(self, data):
        for _ in range(self.random.randint(1, 4)):
            width, code = self.random.choice([(2, "<H"), (4, "<I"), (8, "<Q")])
            value = self.random.choice(ABSURD) & (1 << 8 * width) - 1
            struct.pack_into(code, data, self.place() // width * width, value)

    def cut(self, data):
        del data[self.random.randrange(len(data)):]

    def scramble(self, data):
        start = self.place()
        for i in range(start, min(start + self.random.randint(1, 64), len(data))):
            data[i] = self.random.randrange(256)

    def one(self):
        data = bytearray(self.good)
        for damage in self.random.sample([self.flip, self.absurd, self.scramble], 2):
            damage(data)
            if self.random.random() < 0.5:
                break
        if self.random.random() < 0.2:
            self.cut(data)
        return bytes(data)


def check(fondue, path, *options):
    """Exit status, or why it is wrong."""
    try:
        ended = subprocess.run([fondue, "check", *options, path], timeout=TIMEOUT,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except subprocess.TimeoutExpired:
        return "it hangs"
    if ended.returncode < 0:
        return f"killed by {signal.Signals(-ended.returncode).name}"
    if ended.returncode not in (0, 1):
        return f"status {ended.returncode}: {ended.stderr.decode(errors='replace')[-2000:]}"
    return ended.returncode


def campaign(fondue, program, rounds, seed, keep=None):
    """Statuses seen, and a list of (round, what is wrong)."""
    with open(program, "rb") as file:
        damage = Damage(file.read(), seed)
    seen, wrong = {0: 0, 1: 0}, []
    with tempfile.TemporaryDirectory(prefix="fondue-") as directory:
        path = os.path.join(directory, "damaged")
        for i in range(rounds):
            data = damage.one()
            with open(path, "wb") as file:
                file.write(data)
            os.chmod(path, 0o755)
            result = check(fondue, path, *(["--json"] if i % 2 else []))
            if result in seen:
                seen[result] += 1
                continue
            wrong.append((i, result))
            if keep:
                with open(os.path.join(keep, f"damaged-{seed}-{i}"), "wb") as file:
                    file.write(data)
    return seen, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fondue")
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", help="directory for the files that were too much")
    args = parser.parse_args()
    seen, wrong = campaign(args.fondue, args.program, args.rounds, args.seed, args.keep)
    for i, result in wrong:
        print(f"round {i}: {result}")
    print(f"{args.rounds} rounds: {seen[0]} shared, {seen[1]} not, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
