#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fondue locks: of whom it tells nothing, and why; families elsewhere; and --watch.

    test-locks-asked.py --fondue EXE --library SO --archive A --include DIR
"""
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import test  # noqa: E402
from kin import PATIENCE_S, Kin, at, letter, owner, until  # noqa: E402
from workshop import Skip, check, is_remark, main, run, show, silent  # noqa: E402


@check
def watching(shop):
    with Kin(shop) as kin:
        kin.do("hold", 0)
        command = [shop.args.fondue, "locks", "--watch=0.02", str(kin.pid)]
        ran = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        rounds = [[ran.stdout.readline() for _ in range(4)] for _ in range(3)]
        stamps = [lines[0][:29] for lines in rounds]
        test("--watch: rounds with a time stamp each, and a blank line between", all(
            re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [-+]", lines[0])
            and lines[1].startswith("lock queue_lock") and lines[3] == "\n"
            for lines in rounds) and stamps == sorted(set(stamps)), rounds)
        kin.process.kill()
        out, err = ran.communicate(timeout=PATIENCE_S)
        test("... until the process ends: status 0, nothing said", ran.returncode == 0
             and err == "", (ran.returncode, out, err))
    with Kin(shop) as kin:
        ran = subprocess.Popen([*command[:2], "--json", "--watch=0.02", str(kin.pid)],
                               stdout=subprocess.PIPE, text=True)
        text = "".join(iter(ran.stdout.readline, "}\n")) + "}"
        second = "".join(iter(ran.stdout.readline, "}\n")) + "}"
        ran.send_signal(signal.SIGINT)
        ran.communicate(timeout=PATIENCE_S)
        test("--json --watch: one document after the other, until interrupted",
             json.loads(text)["pid"] == json.loads(second)["pid"] == kin.pid
             and ran.returncode == -signal.SIGINT, (text, second, ran.returncode))


def refused(shop, name, words, *said, status=1, **options):
    ran = shop.fondue("locks", *words, **options)
    test(f"{name}: one line, status {status}", ran.returncode == status and ran.stdout == ""
         and is_remark(ran, "locks: ", *said), show(ran))


@check
def arguments(shop):
    for name, words, said in [
            ("no process", [], "one process id is wanted"),
            ("two", ["1", "2"], "one process id is wanted"),
            ("a word", ["server"], "server: it is no process id"),
            ("a number and more", ["12x"], "12x: it is no process id"),
            ("0", ["0"], "no process id"), ("negative", ["--", "-5"], "no process id"),
            ("an option that is a number", ["-5"], "-5 is not understood"),
            ("beyond all numbers", ["99999999999999999999"], "no process id"),
            ("empty", [""], "no process id"),
            ("an option that there is not", ["--all"], "--all is not understood"),
            *[(f"--watch={each}", ["--watch=" + each, "1"], "it wants seconds")
              for each in ("", "0", "-1", "nan", "1e3", "fast")]]:
        refused(shop, name, words, said, status=2)
    ran = shop.fondue("locks", "--help")
    test("--help", silent(ran) and "--watch" in ran.stdout and "Exit status" in ran.stdout)
    test("it is in the table of commands", "  locks " in shop.fondue("--help").stdout)


@check
def no_family(shop):
    ended = subprocess.Popen(["true"])
    until(lambda: letter(ended.pid) == "Z")
    refused(shop, "a zombie", [ended.pid], f"pid {ended.pid}", "has ended", "zombie")
    ended.wait()
    refused(shop, "a process that has ended", [ended.pid], "there is no such process")
    refused(shop, "a process without fondue", [os.getpid()], "no member of a family",
            "fondue run")
    # the runtime is in it, but nothing is annotated
    quiet = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
                             env=dict(shop.environment, LD_PRELOAD=shop.library))
    quiet.stdin.write(b"x")
    quiet.stdout.read(1)
    refused(shop, "nothing annotated", [quiet.pid], "shares nothing", "fondue check")
    quiet.communicate()
    with Kin(shop) as kin:
        kin.say("hold", 0)
        kin.hear()
        kin.say("thread", 0)
        pid, tid = kin.hear()
        refused(shop, "a thread", [tid], "it is a thread", str(pid))


@check
def other_users(shop):
    nobody = pwd.getpwnam("nobody")

    def drop():
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)

    if os.geteuid() != 0:
        raise Skip("takes root")
    try:
        if run([shop.args.fondue, "--version"], preexec_fn=drop).returncode:
            raise Skip("the build directory cannot be read by nobody")
    except PermissionError:
        raise Skip("the build directory cannot be read by nobody")
    with Kin(shop) as kin:
        kin.do("hold", 0)
        refused(shop, "another user's process", [kin.pid], "may not be read", "user 0", "root",
                preexec_fn=drop, cwd="/")


@check
def another_clock(shop):
    command = ["unshare", "--time", "--monotonic", "100000", "--fork"]
    if not shutil.which("unshare") or run([*command, "true"]).returncode:
        raise Skip("no time namespaces for us")
    with Kin(shop, *command) as kin:
        kin.do("hold", 0)
        kin.do("wait", 0)
        lock, ran = at(kin.waiting(1), "queue_lock"), kin.text()
        test("times by another clock are not told", lock["held_ms"] is None
             and lock["waiters"][0]["waits_ms"] is None
             and "1 waits, for an unknown time" in ran.stdout, (lock, show(ran)))


@check
def namespaces(shop):
    with Kin(shop) as kin:
        first, waiter = kin.do("away", 0), kin.do("wait", 0)
        if not first:
            raise Skip("no pid namespaces for us")
        with open(f"/proc/{first}/task/{first}/children") as file:
            holder = int(file.read())
        document, ran = kin.waiting(1), kin.text()
        lock = at(document, "queue_lock")
        test("an owner in a pid namespace below: by its number here, and there",
             owner(lock) == holder and lock["owner"]["pid_there"] == 2
             and lock["owner"]["namespace"] == os.stat(f"/proc/{holder}/ns/pid").st_ino
             and f"pid {holder} (2 in its pid namespace)" in ran.stdout
             and lock["owner"]["site"].get("sym") == "take", (lock, show(ran)))
        for command in "nsenter", "unshare":
            if not shutil.which(command):
                raise Skip(f"{command} is not installed")
        inside = run(["nsenter", "-t", holder, "-p", "unshare", "-m", "sh", "-c",
                      'mount -t proc proc /proc && exec "$0" locks --json 1', shop.args.fondue])
        if inside.returncode:
            raise Skip("cannot look from inside: " + show(inside))
        lock = at(json.loads(inside.stdout), "queue_lock")
        test("from inside: the owner by its number there, who waits outside is not named",
             owner(lock) == 2 and [each["pid"] for each in lock["waiters"]] == [None]
             and lock["waiters"][0]["pid_there"] == waiter
             and lock["waiters"][0]["site"].get("sym") == "take_and_return", show(inside))
        inside = run(["nsenter", "-t", holder, "-p", shop.args.fondue, "locks", "1"])
        test("with the /proc of another namespace nothing is told",
             inside.returncode == 1 and is_remark(inside, "another pid namespace", "mount"),
             show(inside))


sys.exit(main(__doc__))
