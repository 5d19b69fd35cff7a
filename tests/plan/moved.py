# SPDX-License-Identifier: MIT
"""Carry a plan out on the file itself: the variables move to a segment at the end.

    move("prog", "prog.plan", "prog.moved")

What the runtime does in memory, done to a copy of the program: a header that is not needed
(PT_NOTE) becomes one more PT_LOAD, the variables' bytes go there, each reference and each
pointer of the plan is changed, and where the variables were there is rubbish. If the plan
has left out anything, or has taken too much, the program computes something else.
"""
import os
import struct

PAGE = 4096
RUBBISH = 0xA5
PT_LOAD, PT_DYNAMIC, PT_NOTE = 1, 2, 4
R_64, R_COPY, R_GLOB_DAT, R_RELATIVE = 1, 5, 6, 8


class Plan:
    """A reader of its own: nothing of it is taken from the command."""

    HEADER = struct.Struct("<8sIIQQ4III64s")

    def __init__(self, data):
        (self.magic, self.version, self.machine, self.size, self.sum, variables, references,
         pointers, strings, name, id_size, identity) = self.HEADER.unpack_from(data)
        self.id = identity[:id_size]
        at = self.HEADER.size
        self.rest = data[8 + 4 + 4 + 8 + 8:]
        records = []
        for count, code in (variables, "<QQII"), (references, "<QiI"), (pointers, "<QQII"):
            size = struct.calcsize(code)
            records.append([struct.unpack_from(code, data, at + i * size) for i in range(count)])
            at += count * size
        self.strings = data[at:at + strings]
        self.length = at + strings
        self.variables = [(a, s, self.string(n), e) for a, s, n, e in records[0]]
        self.references, self.pointers = records[1], records[2]
        self.name = self.string(name)

    def string(self, at):
        return self.strings[at:self.strings.index(b"\0", at)].decode(errors="replace")

    def true_sum(self):
        value = 0xcbf29ce484222325
        for byte in self.rest:
            value = (value ^ byte) * 0x100000001b3 & 0xffffffffffffffff
        return value


class Elf:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = bytearray(file.read())
        self.is_fixed = struct.unpack_from("<H", self.data, 16)[0] == 2  # ET_EXEC
        self.phoff, = struct.unpack_from("<Q", self.data, 32)
        self.phnum, = struct.unpack_from("<H", self.data, 56)

    def headers(self):
        for i in range(self.phnum):
            yield i, struct.unpack_from("<IIQQQQQQ", self.data, self.phoff + 56 * i)

    def offset(self, address):
        for _, (kind, _, offset, start, _, filesz, _, _) in self.headers():
            if kind == PT_LOAD and start <= address < start + filesz:
                return offset + address - start
        return None

    def end(self):
        return max(h[3] + h[6] for _, h in self.headers() if h[0] == PT_LOAD)

    def dynamic(self):
        tags = {}
        for _, header in self.headers():
            if header[0] == PT_DYNAMIC:
                for at in range(header[2], header[2] + header[5], 16):
                    tag, value = struct.unpack_from("<qQ", self.data, at)
                    tags.setdefault(tag, value)
        return tags


def relocations(elf):
    tags = elf.dynamic()
    for start, size in (7, 8), (23, 2):
        if start in tags:
            base = elf.offset(tags[start])
            for at in range(base, base + tags[size], 24):
                yield at, struct.unpack_from("<QQq", elf.data, at)


def move(path, plan_path, to):
    elf = Elf(path)
    with open(plan_path, "rb") as file:
        plan = Plan(file.read())
    low = min(v[0] for v in plan.variables) // PAGE * PAGE
    high = max(v[0] + v[1] for v in plan.variables)
    base = (elf.end() + PAGE - 1) // PAGE * PAGE + 16 * PAGE
    delta = base - low
    place = bytearray([RUBBISH]) * (high - low)
    inside = lambda a: any(s <= a < s + n for s, n, _, _ in plan.variables)  # noqa: E731

    for start, size, _, _ in plan.variables:
        for a in range(start, start + size):
            at = elf.offset(a)
            place[a - low] = elf.data[at] if at is not None else 0
            if at is not None:
                elf.data[at] = RUBBISH
    for at, displacement, _ in plan.references:
        found, = struct.unpack_from("<i", elf.data, elf.offset(at))
        assert found == displacement, (hex(at), found, displacement)
        struct.pack_into("<i", elf.data, elf.offset(at), displacement + delta)
    move_pointers(elf, plan, delta, inside)
    move_symbols(elf, plan, delta)
    add_segment(elf, base, place)
    with open(to, "wb") as file:
        file.write(elf.data)
    os.chmod(to, 0o755)


def move_pointers(elf, plan, delta, inside):
    left = {p[0]: p[1] for p in plan.pointers}
    for at, (slot, info, addend) in relocations(elf):
        kind = info & 0xffffffff
        new_slot = slot + delta if inside(slot) else slot
        if kind == R_RELATIVE and slot in left:
            assert addend == left[slot], (hex(slot), hex(addend), hex(left[slot]))
            addend += delta
        left.pop(slot, None)
        struct.pack_into("<QQq", elf.data, at, new_slot, info, addend)
    for slot, value in left.items():  # linked to a fixed place: what is there already
        found, = struct.unpack_from("<Q", elf.data, elf.offset(slot))
        assert elf.is_fixed and found == value, (hex(slot), hex(found), hex(value))
        struct.pack_into("<Q", elf.data, elf.offset(slot), value + delta)


def move_symbols(elf, plan, delta):
    """Exported ones: named relocations, of other objects, too, go by the symbol table."""
    tags = elf.dynamic()
    if 6 not in tags:
        return
    table, strings = elf.offset(tags[6]), elf.offset(tags[5])
    for at in range(table, strings, 24):
        shndx, = struct.unpack_from("<H", elf.data, at + 6)
        value, = struct.unpack_from("<Q", elf.data, at + 8)
        if shndx and any(s == value and e for s, _, _, e in plan.variables):
            struct.pack_into("<Q", elf.data, at + 8, value + delta)


def add_segment(elf, base, place):
    offset = (len(elf.data) + PAGE - 1) // PAGE * PAGE
    elf.data += bytes(offset - len(elf.data)) + place
    last_load = max(i for i, h in elf.headers() if h[0] == PT_LOAD)
    for i, header in elf.headers():
        if header[0] == PT_NOTE and i > last_load:
            struct.pack_into("<IIQQQQQQ", elf.data, elf.phoff + 56 * i, PT_LOAD, 6, offset,
                             base, base, len(place), len(place), PAGE)
            return
    raise AssertionError("there is no PT_NOTE to take")
