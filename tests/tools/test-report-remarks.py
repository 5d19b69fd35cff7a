#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is said of locks that nobody waits for too long: as JSON, and by `fondue report`.

    test-report-remarks.py --fondue EXE --library SO --archive A --include DIR
"""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import test  # noqa: E402
from workshop import check, main, run  # noqa: E402

SOURCE = r"""
#include <unistd.h>
#include <fondue/fondue.h>
#define KEEP __attribute__((noinline))
#define STAY() __asm__ volatile("")
FONDUE_SHARED fondue_spinlock_t a, b;
KEEP static void ab(void)
{
	fondue_spin_lock(&a);
	fondue_spin_lock(&b); /* one order */
	fondue_spin_unlock(&b);
	fondue_spin_unlock(&a);
	STAY();
}
KEEP static void ba(void)
{
	fondue_spin_lock(&b);
	fondue_spin_lock(&a); /* the other order */
	fondue_spin_unlock(&a);
	fondue_spin_unlock(&b);
	STAY();
}
KEEP static void again(void)
{
	fondue_spin_lock(&a); /* taken */
	fondue_spin_lock(&a); /* asked again */
	usleep(60000);
	fondue_spin_unlock(&a); /* released */
	STAY();
}
int main(void)
{
	ab();
	ba();
	again();
	return 0;
}
"""


def line_of(comment):
    return next(number for number, line in enumerate(SOURCE.split("\n"), 1)
                if f"/* {comment} */" in line)


@check
def remarks(shop):
    program = shop.program("remarks", SOURCE, "-O2", "-g")
    environment = {"LD_PRELOAD": shop.args.library, "FONDUE_LOCKORDER": "1",
                   "FONDUE_HOLD_CHECK": "1", "FONDUE_HOLD_MS": "30",
                   "FONDUE_REPORT_FORMAT": "json"}
    ran = run([program], env=dict(os.environ, **environment))
    said = {}
    for line in ran.stderr.splitlines():
        record = json.loads(line)
        said[record["ev"]] = record
    test("an inversion, a lock asked for again, one held for long: an object each",
         sorted(said) == ["long", "order", "self"], ran.stderr)
    order = said["order"]
    test("of an inversion both locks and both places",
         (order["first"]["sym"], order["second"]["sym"]) == ("b", "a")
         and (order["site"]["sym"], order["other_site"]["sym"]) == ("ba", "ab")
         and order["before"][0]["taken"]["sym"] == "b", order)
    test("of a lock that is held for long how long", 50 <= said["long"]["held_ms"] < 60000
         and said["long"]["limit_ms"] == 30 and said["long"]["released"]["sym"] == "again",
         said["long"])
    with open(shop.path("said"), "w") as file:
        file.write(ran.stderr)
    shown = shop.fondue("report", shop.path("said")).stdout.split("\n\n")
    for name, words, places in [
            ("an inversion", "both orders", ["one order", "the other order"]),
            ("a lock asked for again", "both places", ["taken", "asked again"]),
            ("one held for long", "both ends", ["taken", "released"])]:
        test(f"fondue report shows {words} of {name} by lines of the source",
             any(all(f"remarks.c:{line_of(place)}:" in part for place in places)
                 for part in shown), shown)


@check
def other_messages(shop):
    path = shop.program("messages", "#include <fondue/fondue.h>\n"
                        "FONDUE_SHARED int hits;\nint main(void) { return hits; }\n")
    ran = run([path], env=dict(os.environ, LD_PRELOAD=shop.args.library,
                               FONDUE_REPORT_FORMAT="json", FONDUE_HOLD_MS="soon \"\\"))
    message = json.loads(ran.stderr)
    test("any other message is an object, too", message["ev"] == "message"
         and "FONDUE_HOLD_MS is ignored" in message["text"], ran.stderr)
    with open(shop.path("said"), "w") as file:
        file.write(ran.stderr)
    shown = shop.fondue("report", shop.path("said"))
    test("fondue report shows its words", shown.stdout == f"process {message['pid']}: "
         f"{message['text']}\n" and not shown.stderr, shown)
    path = shop.program("refused", "#include <fondue/heap.h>\n"
                        "int main(void) { char *block = fondue_malloc(9); fondue_free(block); "
                        "fondue_free(block); return 0; }\n")
    ran = run([path], env=dict(os.environ, LD_PRELOAD=shop.args.library,
                               FONDUE_REPORT_FORMAT="json"))
    test("so is what the heap refuses", "the shared heap refused "
         in json.loads(ran.stderr)["text"], ran.stderr)


sys.exit(main(__doc__))
