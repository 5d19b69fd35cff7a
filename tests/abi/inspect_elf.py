# SPDX-License-Identifier: MIT
"""The layout of a linked file, read from its section headers and symbols with readelf.

The runtime concludes isolation from two addresses. Here the same is established the long
way round, from names: every annotated variable inside of its section, and on the pages of
the sections no byte of another section or of a variable that is not annotated.
"""
import re
from dataclasses import dataclass, replace

from toolchain import run

PAGE = 4096  # of the machines this runs on; the alignment demanded may be larger
KINDS = ("shared", "shared_zero")


@dataclass(frozen=True)
class Section:
    index: int
    name: str
    type: str
    start: int
    offset: int
    size: int
    flags: str
    align: int

    @property
    def end(self):
        return self.start + self.size


@dataclass(frozen=True)
class Symbol:
    name: str
    start: int
    size: int
    type: str
    bind: str  # LOCAL, GLOBAL, WEAK
    visibility: str  # DEFAULT, HIDDEN, ...
    section: str  # a number, or UND, ABS, COM

    @property
    def end(self):
        return self.start + max(self.size, 1)


# index, name, type, address, offset, size, entry size, flags, link, info, alignment
_SECTION = re.compile(r"\s*\[\s*(\d+)\] (.*?)\s+([A-Z_]+(?:\+?[0-9a-fx]+)?)"
                      r"\s+([0-9a-f]{8,16})\s+([0-9a-f]+) ([0-9a-f]+) [0-9a-f]+"
                      r"\s+([A-Zxlop]*)\s+\d+\s+\d+\s+(\d+)$")
# value, size, type, binding, visibility, section, name
_SYMBOL = re.compile(r"\s*\d+: ([0-9a-f]+)\s+(\w+) (\w+)\s+(\w+)\s+(\w+)"
                     r"\s+(?:\[.*?\]\s+)?(\w+) ?(.*)$")


def sections(path):
    found = []
    for line in run(["readelf", "-SW", path]).out.splitlines():
        match = _SECTION.match(line)
        if match:
            index, name, kind, start, offset, size, flags, align = match.groups()
            found.append(Section(int(index), name, kind, int(start, 16), int(offset, 16),
                                 int(size, 16), flags, int(align)))
    return found


def symbols(path, table="-s"):
    """Of all tables, or with "--dyn-syms" of the one that the loader reads."""
    found = []
    for line in run(["readelf", "-W", table, path]).out.splitlines():
        match = _SYMBOL.match(line)
        if match:
            start, size, kind, bind, seen, index, name = match.groups()
            found.append(Symbol(name.split("@")[0], int(start, 16), int(size, 0), kind, bind,
                                seen, index))
    return found


def needed(path):
    lines = run(["readelf", "-dW", path]).out.splitlines()
    return [re.search(r"\[(.*)\]", line).group(1) for line in lines if "(NEEDED)" in line]


def undefined(path):
    """Symbols that somebody else has to define, or the link or the load fails."""
    return {s.name for s in symbols(path)
            if s.section == "UND" and s.name and s.bind != "WEAK"}


def _touches(thing, ranges):
    return any(thing.start < r.end and r.start < thing.end for r in ranges)


def _rounded(section):
    start = section.start // PAGE * PAGE
    end = -(-section.end // PAGE) * PAGE
    return replace(section, start=start, size=end - start)


def _check_sections(found, align):
    for kind in KINDS:
        same = [s for s in found if s.name == kind and "A" in s.flags]
        if len(same) > 1:
            yield f"{len(same)} sections are called {kind}"
        for section in same:
            if section.start % align or section.end % align:
                yield (f"section {kind} at {section.start:#x}, {section.size:#x} bytes: not in "
                       f"units of {align:#x}")
    ranges = [_rounded(s) for s in found if s.name in KINDS and s.size]
    for section in found:
        outside = (section.name in KINDS or "A" not in section.flags or not section.size
                   or (section.type == "NOBITS" and "T" in section.flags))
        if not outside and _touches(section, ranges):
            yield f"section {section.name} is on a page of shared variables"


def _check_symbols(found, names, ranges, expected):
    seen = set()
    for symbol in names:
        if symbol.section in ("UND", "ABS") or symbol.type != "OBJECT":
            continue
        if "$" in symbol.name:
            continue  # NAME$got: mold's word for the GOT slot of NAME
        annotated = re.search(r"pot_[a-z_]+[a-z]", symbol.name)
        inside = any(r.start <= symbol.start and symbol.end <= r.end for r in ranges)
        if annotated:
            seen.add(annotated.group())
            if not inside:
                yield f"{symbol.name} at {symbol.start:#x} is outside of the sections"
        elif _touches(symbol, ranges):
            yield f"{symbol.name} at {symbol.start:#x} is on a page of shared variables"
    for name in sorted(expected - seen):
        yield f"{name} has no symbol"
    for kind in KINDS:
        section = next((s for s in found if s.name == kind and "A" in s.flags), None)
        for symbol in names:
            wanted = {"__start_" + kind: section and section.start,
                      "__stop_" + kind: section and section.end}.get(symbol.name)
            if wanted is not None and symbol.section != "UND" and symbol.start != wanted:
                yield f"{symbol.name} is {symbol.start:#x}, not {wanted:#x}"


def complaints(path, expected=(), align=PAGE):
    """What is wrong with the layout of `path`; `expected`: names of annotated variables."""
    found, names = sections(path), symbols(path)
    ranges = [_rounded(s) for s in found if s.name in KINDS and s.size]
    if not found:
        return ["readelf finds no sections"]
    return [*_check_sections(found, align),
            *_check_symbols(found, names, ranges, set(expected))]
