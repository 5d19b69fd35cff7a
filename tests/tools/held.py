# SPDX-License-Identifier: MIT
"""A lock that is held for too long (held.h), and what is said of it.

    with Held(shop, shop.held("name", SOURCE)) as held:
        report = held.report()
        test("...", report["lock"]["sym"] == "queue_lock")

Nothing sleeps to synchronise: the log is read until the report is there, while those that it
speaks of still are as it says.
"""
import json
import os
import shutil
import signal
import subprocess
import time

from workshop import Workshop

PATIENCE_S = 20
LIMIT_MS = 30


def held(shop, name, source, *options, cc="gcc", suffix=".c"):
    """Compile a program of which held.h is a part. Return: its path."""
    here = os.path.dirname(os.path.abspath(__file__))
    shutil.copy(os.path.join(here, "held.h"), shop.path("held.h"))
    shop.write(name + suffix, '#include "held.h"\n' + source)
    shop.make(cc, "-g", "-I" + shop.args.include, name + suffix, *options, "-pthread", "-o", name)
    return shop.path(name)


Workshop.held = held


class Held:
    def __init__(self, shop, *command, limit=LIMIT_MS, json=True, log=True, **environment):
        self.log = shop.path("log")
        self.json = json
        open(self.log, "wb").close()
        env = dict(shop.environment, LD_PRELOAD=shop.library, FONDUE_HOLD_MS=str(limit),
                   **{"FONDUE_" + key: str(value) for key, value in environment.items()
                      if key.isupper()})
        env.update(environment.get("env", {}))
        if json:
            env["FONDUE_REPORT_FORMAT"] = "json"
        if log:
            env["FONDUE_LOG"] = self.log
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=env, start_new_session=True, cwd=shop.directory,
            preexec_fn=environment.get("before"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        return self.process.communicate()

    def hear(self):
        """The next line that the program says: numbers, the owner's pid and the waiter's."""
        return [int(word) for word in self.process.stdout.readline().split()]

    def said(self):
        with open(self.log, "rb") as file:
            return file.read()

    def until(self, holds):
        """Read until it holds of the bytes that were said. Return: them."""
        end = time.monotonic() + PATIENCE_S
        while True:
            said = self.said()
            if holds(said) or time.monotonic() > end:
                return said
            os.sched_yield()

    def lines(self, count=1):
        return self.until(lambda said: said.count(b"\n") >= count).split(b"\n")[:-1]

    def reports(self, count=1):
        return [json.loads(line) for line in self.lines(count)]

    def report(self):
        """The first one; {} when there is none."""
        return (self.reports() or [{}])[0]

    def text(self):
        """The first report for people, to its last line."""
        return self.until(lambda said: said.endswith(b"turns this off\n")
                          or b"fondue report" in said).decode(errors="replace")


def names(stack):
    """Those of the frames of a stack, innermost first; None: without one."""
    return [frame.get("sym") for frame in stack.get("frames", [])]


def has_run(stack, *run):
    """Are frames of these names there, and nothing between them?"""
    found = names(stack)
    return any(found[i:i + len(run)] == list(run) for i in range(len(found)))
