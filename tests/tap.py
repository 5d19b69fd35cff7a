# SPDX-License-Identifier: MIT
"""The Test Anything Protocol for tests that drive programs: the twin of tap.h.

    from tap import test, note, done
    test("a sentence", condition)
    sys.exit(done())
"""
import sys

_count = 0
_failed = 0


def test(name, good, detail=None):
    """Print the result of one claim; `detail` explains a failure. Returns the result."""
    global _count, _failed
    _count += 1
    print(f"{'ok' if good else 'not ok'} {_count} - {name}")
    if not good:
        _failed += 1
        if detail is not None:
            note(detail)
    sys.stdout.flush()
    return bool(good)


def skip(name, why):
    """Count a claim that cannot be checked here."""
    global _count
    _count += 1
    print(f"ok {_count} - {name} # SKIP {why}", flush=True)


def note(text):
    for line in str(text).splitlines():
        print(f"#   {line}")


def done():
    """Print the plan; return the exit status."""
    print(f"1..{_count}")
    return 1 if _failed else 0
