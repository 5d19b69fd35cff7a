#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fondue locks: what it tells of a family whose locks are in a state that is known.

    test-locks.py --fondue EXE --library SO --archive A --include DIR
"""
import json
import mmap
import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import test  # noqa: E402
from kin import MAPPED, OWN, PATIENCE_S, Kin, at, letter, owner, source, until  # noqa: E402
from workshop import check, main, run, show, silent  # noqa: E402


@check
def nothing_held(shop):
    with Kin(shop) as kin:
        ran, document = kin.text(), kin.look()
        test("nobody has used a lock: said so, status 0", silent(ran)
             and "no lock is held or waited for" in ran.stdout
             and ran.stdout.count("\n") == 1, show(ran))
        test("the same in JSON", document["locks"] == [] and document["unnamed"] == []
             and document["threads"] == 0 and document["pid"] == kin.pid
             and document["fondue"].count(".") == 2, document)
        kin.do("wait", 0)
        document = kin.until(lambda document: not document["locks"])
        test("taken and given back: nothing is held", not document["locks"], document)


@check
def held_and_nobody_waits(shop):
    with Kin(shop) as kin:
        holder = kin.do("hold", 0)
        ran, document = kin.text(), kin.look()
        lock = at(document, "queue_lock")
        test("held, nobody waits: owner, and since when is not known", owner(lock) == holder
             and lock["state"] == "held" and lock["held_ms"] is None and not lock["waiters"]
             and lock["shared"] and lock["object"] == shop.path("kin"), document)
        test("the owner's thread, name and state", lock["owner"]["tid"] == holder
             and lock["owner"]["command"] == "kin" and not lock["owner"]["dead"]
             and lock["owner"]["doing"] in ("sleeping in pause", "running", "sleeping"), lock)
        test("the text: variable, address, owner", re.search(
            rf"^lock queue_lock at 0x{lock['address']:x} \(kin\): held by pid {holder} "
            r'"kin", .*; nobody waits$', ran.stdout, re.M), show(ran))
        nm = run(["nm", shop.path("kin")]).stdout
        base = int(re.search(r"^(\w+) D queue_lock$", nm, re.M).group(1), 16)
        test("the address is that of the variable, by a whole number of pages",
             (lock["address"] - base) % mmap.PAGESIZE == 0, (lock, hex(base)))
        other = shop.fondue("locks", "--json", holder)
        test("any member can be asked", json.loads(other.stdout)["locks"][0]["address"]
             == lock["address"], show(other))
        mine = kin.do("own", 2)
        test("the process itself may be the owner", owner(at(kin.look(), "table", 16)) == mine
             == kin.pid)
        test("a static variable of a function has its plain name, and the function",
             kin.do("hold", 1) == owner(at(kin.look(), "inner"))
             and at(kin.look(), "inner")["function"] == "lock_at", kin.look())


@check
def three_wait(shop):
    with Kin(shop) as kin:
        holder = kin.do("hold", 0)
        os.kill(holder, signal.SIGSTOP)
        until(lambda: letter(holder) == "T")
        waiters = []
        for word in "wait", "thread", "wait":
            kin.say(word, 0)
            waiters.append(kin.hear())
            kin.waiting(len(waiters))
        later = kin.do("hold", 5)
        kin.do("wait", 5)
        document, ran = kin.waiting(4), kin.text()
        lock = document["locks"][0]
        test("the lock that is waited for longest comes first", lock["name"] == "queue_lock"
             and len(document["locks"]) == 2 and owner(document["locks"][1]) == later, document)
        test("its owner is stopped, and called so", owner(lock) == holder
             and lock["owner"]["doing"].startswith("stopped"), lock)
        test("three wait, one of them a thread, the longest first",
             [(each["pid"], each["tid"]) for each in lock["waiters"]] == waiters
             and waiters[1][0] != waiters[1][1], (lock, waiters))
        times = [each["waits_ms"] for each in lock["waiters"]]
        test("by the times they wait", times == sorted(times, reverse=True)
             and 0 <= times[2] and times[0] < PATIENCE_S * 4000, times)
        test("it has been held at least as long as the first has waited, or nearly",
             lock["held_ms"] is not None and abs(lock["held_ms"] - times[0]) < 1000, lock)
        lines = ran.stdout.splitlines()
        test("the text: one line for the lock, one for each who waits, in that order",
             re.match(rf"lock queue_lock at 0x\w+ \(kin\): held for at least [\d.]+ m?s by "
                      rf'pid {holder} "kin", stopped.*; 3 wait, the longest [\d.]+ m?s$', lines[1])
             and [re.match(r'  waits   pid (\d+)(?: tid (\d+))? "kin", .*, for [\d.]+ m?s, at ',
                           line).groups() for line in lines[3:6]]
             == [(str(pid), str(tid) if tid != pid else None) for pid, tid in waiters], show(ran))
        again = kin.look()["locks"][0]
        test("time goes on for those who wait", again["waiters"][0]["waits_ms"] >= times[0]
             and again["held_ms"] >= lock["held_ms"], (again, lock))
        test("looking at them changes nothing: still stopped, still waiting",
             letter(holder) == "T" and len(again["waiters"]) == 3)


@check
def passed_on(shop):
    """Since when an owner has it is not since when others wait."""
    with Kin(shop) as kin:
        holder = kin.do("hold", 0)
        heir, other = kin.do("queue", 0), kin.do("queue", 0)
        kin.until(lambda document: [each["waits_ms"] >= 300 for each in
                                    at(document, "queue_lock")["waiters"]] == [True] * 2)
        os.kill(other, signal.SIGSTOP)
        until(lambda: letter(other) == "T")
        os.kill(holder, signal.SIGKILL)
        lock = at(kin.until(lambda document: owner(at(document, "queue_lock")) == heir),
                  "queue_lock")
        test("passed on, and who waits is stopped: nobody knows since when", owner(lock) == heir
             and lock["held_ms"] is None and lock["waiters"][0]["pid"] == other
             and lock["waiters"][0]["doing"].startswith("stopped"), lock)
        os.kill(other, signal.SIGCONT)
        lock = at(kin.until(lambda document: at(document, "queue_lock")["held_ms"] is not None),
                  "queue_lock")
        test("seen by him, it is known, and the time before does not count",
             lock["held_ms"] is not None and owner(lock) == heir
             and lock["held_ms"] <= lock["waiters"][0]["waits_ms"] - 300, lock)


@check
def dead_owner(shop):
    with Kin(shop) as kin:
        holder = kin.do("hold", 0)
        os.kill(holder, signal.SIGKILL)
        until(lambda: letter(holder) == "Z")
        ran, document = kin.text(), kin.look()
        lock = at(document, "queue_lock")
        test("killed with nobody waiting: the owner has died", lock["state"] == "owner-died"
             and owner(lock) == holder and lock["owner"]["dead"]
             and lock["owner"]["doing"] == "dead" and not lock["waiters"], document)
        test("the text says what comes of it", f"its owner, pid {holder}, died" in ran.stdout
             and "EOWNERDEAD" in ran.stdout and "nobody waits" in ran.stdout, show(ran))
        kin.do("wait", 0)
        document = kin.until(lambda document: not document["locks"])
        test("inherited and given back: gone", not document["locks"], document)


@check
def many_locks(shop):
    with Kin(shop) as kin:
        holders = {8 * number: kin.do("hold", number) for number in range(2, 200)}
        document = kin.look()
        found = {lock["offset"]: owner(lock) for lock in document["locks"]}
        test("198 locks, each with its owner, in the order of their addresses",
             found == holders and list(found) == sorted(found), found)
        kin.do("wait", 150)
        document = kin.waiting(1)
        test("the one that is waited for comes first", document["locks"][0]["offset"] == 1200
             and len(document["locks"]) == 198, document["locks"][0])
        test("the text has a line for each", kin.text().stdout.count("\nlock ") == 198)


@check
def nested_locks(shop):
    with Kin(shop) as kin:
        few, many = kin.do("nest", 20, 22), kin.do("nest", 300, 306)
        document, ran = kin.look(), kin.text()
        found = {lock["offset"] // 8: owner(lock) for lock in document["locks"]}
        test("three nested locks that nobody waits for, and of seven those that the slot names",
             found == {**dict.fromkeys(range(20, 23), few),
                       **dict.fromkeys(range(300, 305), many)}, document)
        test("the others are counted, not guessed",
             [(each["pid"], each["locks"]) for each in document["unnamed"]] == [(many, 2)]
             and f'pid {many} "kin": holds 2 more, which its slot does not name' in ran.stdout
             and f"pid {few} \"kin\": holds" not in ran.stdout
             and "10 locks are held" in ran.stdout, show(ran))
        kin.do("wait", 306)
        document = kin.waiting(1)
        test("waited for, such a one is listed as well", document["unnamed"][0]["locks"] == 1
             and owner(at(document, "table", 306 * 8)) == many, document)
        for each in few, many:
            os.kill(each, signal.SIGKILL)
            until(lambda: letter(each) == "Z")
        kin.do("wait", 21)
        document = kin.until(lambda document: not at(document, "table", 306 * 8)["owner"]
                             and not at(document, "table", 21 * 8)["owner"])
        found = {lock["offset"] // 8: lock["state"] for lock in document["locks"]}
        test("of the dead the same; but not the locks that have been taken over since",
             found == dict.fromkeys([20, 22, *range(300, 305)], "owner-died")
             and document["unnamed"][0]["locks"] == 1, document)


@check
def deadlock(shop):
    with Kin(shop) as kin:
        pair = kin.do("cross", 10, 11), kin.do("cross", 11, 10)
        test("two that hold one each are no deadlock",
             not any(lock["deadlock"] for lock in kin.look()["locks"]))
        kin.say("go")
        kin.do("hold", 12)
        kin.do("wait", 12)
        document = kin.until(lambda document: kin.waiting(3) and any(
            lock["deadlock"] for lock in document["locks"]))
        ten, eleven = (at(document, "table", 8 * number) for number in (10, 11))
        test("each waits for the other's lock: a deadlock, and no more than that",
             (owner(ten), owner(eleven)) == pair and ten["deadlock"] and eleven["deadlock"]
             and ten["owner"]["waits_for"] == eleven["address"]
             and eleven["owner"]["waits_for"] == ten["address"]
             and not at(document, "table", 96)["deadlock"]
             and "\nDEADLOCK: 2 threads " in kin.text().stdout, document)


@check
def other_memory(shop):
    with Kin(shop) as kin:
        holder = kin.do("hold", MAPPED + 5)
        waiter = kin.do("wait", MAPPED + 5)
        document, ran = kin.waiting(1), kin.text()
        lock = document["locks"][0]
        test("a lock in mapped memory has no name, but a place in it", lock["name"] is None
             and lock["object"] is None and lock["offset"] == 40 and lock["shared"]
             and owner(lock) == holder and lock["waiters"][0]["pid"] == waiter
             and "(anonymous shared memory + 0x28): held" in ran.stdout, (document, show(ran)))
    # what the name of the file leads to now has other variables in the same places
    with Kin(shop) as kin:
        shop.program("other", source().replace("queue_lock", "wrong_lock"), "-O1", "-pthread",
                     "-ldl")
        os.rename(shop.path("kin"), shop.path("old"))
        os.unlink(shop.path("old"))
        os.rename(shop.path("other"), shop.path("old (deleted)"))
        kin.do("hold", 0)
        lock = kin.look()["locks"][0]
        test("a file that has been replaced lends no names: the one that is mapped, or none",
             lock["name"] == ("queue_lock" if os.geteuid() == 0 else None), lock)
    shop.make("strip", "-o", "kin", "old (deleted)")
    with Kin(shop) as kin:
        kin.do("hold", 3)
        lock, ran = kin.look()["locks"][0], kin.text()
        test("of a stripped program the place is told, not the nearest symbol",
             lock["name"] is None and lock["object"] == shop.path("kin")
             and f"(kin + 0x{lock['offset']:x})" in ran.stdout, show(ran))


@check
def private_memory(shop):
    """One address, and a lock for each process."""
    with Kin(shop) as kin:
        pair = [kin.do("hold", OWN + 1) for _ in range(2)]
        document, ran = kin.look(), kin.text()
        locks = document["locks"]
        test("locks in memory of two processes, at the same address, are two",
             sorted(map(owner, locks)) == sorted(pair) and [lock["name"] for lock in locks]
             == ["own", "own"] and locks[0]["address"] == locks[1]["address"]
             and not locks[0]["shared"] and all(lock["address_pid"] == owner(lock)
                                                for lock in locks), document)
        mine = kin.do("own", OWN + 2)
        waiter = kin.do("wait", OWN + 2)
        document = kin.waiting(1)
        lock = document["locks"][0]
        test("a child waits for ever for its copy of a lock that its parent held at the fork",
             owner(lock) == mine and lock["address_pid"] == waiter == lock["waiters"][0]["pid"]
             and len(document["locks"]) == 4, document)


@check
def counted(shop):
    with Kin(shop, FONDUE_LOCKORDER="1") as kin:
        holder = kin.do("hold", 0)
        lock = at(kin.look(), "queue_lock")
        test("audited locks are counted", (lock["acquisitions"], lock["contended"]) == (1, 0),
             lock)
        for _ in range(2):
            kin.do("wait", 0)
        kin.waiting(2)
        os.kill(holder, signal.SIGKILL)
        kin.until(lambda document: not document["locks"])
        kin.do("hold", 0)
        ran, document = kin.text(), kin.look()
        lock = at(document, "queue_lock")
        test("and of them those for which it was taken",
             (lock["acquisitions"], lock["contended"]) == (4, 2), document)
        test("the text: how often", "\n  count   acquired 4 times, 2 of them when it was taken\n"
             in ran.stdout, show(ran))
        kin.do("hold", MAPPED + 3)
        kin.do("hold", OWN + 3)
        counts = [lock["acquisitions"] for lock in kin.look()["locks"] if lock["name"] is None
                  or lock["name"] == "own"]
        test("in memory that was mapped, too; not in private memory",
             sorted(counts, key=str) == [1, None], counts)
    with Kin(shop) as kin:
        kin.do("hold", 0)
        ran = kin.text()
        lock = at(kin.look(), "queue_lock")
        test("others are not", lock["acquisitions"] is None and lock["contended"] is None
             and "count" not in ran.stdout, lock)


@check
def busy_family(shop):
    with Kin(shop) as kin:
        for _ in range(4):
            kin.do("hammer", 0)
        seen, strangers, wrong = 0, [], []
        for _ in range(50):
            ran = kin.text("--json")
            if ran.returncode or ran.stderr:
                wrong.append(show(ran))
                continue
            for lock in json.loads(ran.stdout)["locks"]:
                seen += 1
                people = [each["pid"] for each in lock["waiters"]]
                people += [owner(lock)] if lock["owner"] else []
                strangers += [pid for pid in people if pid not in kin.members]
                if lock["name"] != "queue_lock" or len(set(people)) != len(people):
                    wrong.append(lock)
        test("a busy family, looked at 50 times: never an error, always its one lock",
             not wrong, wrong)
        test("never an owner or a waiter that is no member", not strangers, strangers)
        test("and the lock has been seen", seen > 0)


sys.exit(main(__doc__))
