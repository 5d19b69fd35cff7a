# SPDX-License-Identifier: MIT
"""A small choice of a large matrix: every pair of values of two dimensions that occurs.

Greedy and without chance: the case that adds the most new pairs is next, the earlier one of
equals. Most faults of a layout depend on one or two circumstances, hence pairs.
"""
from itertools import combinations


def _pairs(case):
    level = next(f for f in case.compile if f.startswith("-O"))
    values = (f"compiler {case.compiler}", f"linker {case.linker}", f"kind {case.kind}",
              f"option {case.option}", f"level {level}", f"order {case.order}")
    return set(combinations(values, 2))


def cover(pool, possible):
    """Cases of `pool` that cover all pairs; `possible(case)`: can it be built here?"""
    left = [(case, _pairs(case)) for case in pool]
    wanted = set().union(*(pairs for _, pairs in left)) if left else set()
    chosen = []
    while wanted and left:
        best = max(range(len(left)), key=lambda i: (len(left[i][1] & wanted), -i))
        case, pairs = left.pop(best)
        if not pairs & wanted:
            break
        if possible(case):
            chosen.append(case)
            wanted -= pairs
    return chosen
