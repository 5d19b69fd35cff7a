# SPDX-License-Identifier: MIT
"""A family that does as it is told (kin.c), and what `fondue locks` says of it.

    with Kin(shop) as kin:
        holder = kin.do("hold", 0)
        test("...", owner(at(kin.look(), "queue_lock")) == holder)

Nothing sleeps to synchronise: that an owner has its lock it says itself, that somebody
waits is asked of the command until it is so.
"""
import json
import os
import signal
import subprocess
import time

from workshop import show

PATIENCE_S = 20
MAPPED, OWN = 1000, 2000  # numbers of the first locks in other memory: see kin.c


def source():
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "kin.c")) as file:
        return file.read()


def build(shop, *options, cc="gcc"):
    """The program, other than as the first Kin would have it built."""
    return shop.program("kin", source(), "-pthread", "-ldl", *options, cc=cc)


class Kin:
    """A family, and what the command says of it."""

    def __init__(self, shop, *prefix, **variables):
        self.shop = shop
        if not os.path.exists(shop.path("kin")):
            build(shop, "-O1")
        self.process = subprocess.Popen(
            [*prefix, shop.path("kin")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, bufsize=1, start_new_session=True,
            env=dict(shop.environment, LD_PRELOAD=shop.library, FONDUE_HOLD_MS="0",
                     **variables))
        self.members = []
        self.pid = self.hear()[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.communicate()

    def hear(self):
        pid, tid = map(int, self.process.stdout.readline().split())
        self.members.append(pid)
        return pid, tid

    def say(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")

    def do(self, *words):
        self.say(*words)
        return self.hear()[0]

    def text(self, *words, pid=None):
        return self.shop.fondue("locks", *words, pid or self.pid)

    def look(self):
        ran = self.text("--json")
        if ran.returncode or ran.stderr:
            raise AssertionError(show(ran))
        return json.loads(ran.stdout)

    def until(self, holds):
        """Look until it holds, and return the document; the last one if it never does."""
        end = time.monotonic() + PATIENCE_S
        while True:
            document = self.look()
            if holds(document) or time.monotonic() > end:
                return document

    def waiting(self, count):
        return self.until(lambda document: count == sum(
            len(lock["waiters"]) for lock in document["locks"]))


def until(holds):
    end = time.monotonic() + PATIENCE_S
    while not holds() and time.monotonic() < end:
        os.sched_yield()


def letter(pid):
    """The state of a process in /proc."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def at(document, name, offset=0):
    """The lock of that name."""
    found = [lock for lock in document["locks"] if (lock["name"], lock["offset"])
             == (name, offset)]
    return found[0] if len(found) == 1 else {"owner": None, "waiters": [], "state": None}


def owner(lock):
    return lock["owner"] and lock["owner"]["pid"]
