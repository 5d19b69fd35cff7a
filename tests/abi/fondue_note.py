# SPDX-License-Identifier: MIT
"""The note of <fondue/shared.h>, read byte by byte from a linked file.

An implementation of what that header documents, apart from the runtime's own.
"""
import struct
from dataclasses import dataclass

import inspect_elf

ABI = 3  # FONDUE_ABI of <fondue/shared.h>


@dataclass(frozen=True)
class Note:
    abi: int
    align: int
    pieces: tuple  # of each kind: (this file's piece, start, end)
    binding: int


def notes(path):
    """All notes of a linked file for a little-endian 64-bit machine."""
    section = next(s for s in inspect_elf.sections(path) if s.name == ".note.fondue")
    with open(path, "rb") as file:
        file.seek(section.offset)
        data = file.read(section.size)
    found, at = [], 0
    while at < len(data):
        name_size, size, kind = struct.unpack_from("<III", data, at)
        if (name_size, kind, data[at + 12:at + 20]) != (7, 1, b"fondue\0\0"):
            raise ValueError(f"not a fondue note at {at}: {data[at:at + 20]!r}")
        if size != 8 + 7 * 8:
            raise ValueError(f"the description has {size} bytes")
        abi, align = struct.unpack_from("<II", data, at + 20)
        words = [(section.start + at + 28 + 8 * i
                  + struct.unpack_from("<Q", data, at + 28 + 8 * i)[0]) % (1 << 64)
                 for i in range(7)]
        found.append(Note(abi, align, (tuple(words[:3]), tuple(words[3:6])), words[6]))
        at += 20 + size
    return found


def complaints(path, count, align):
    """What is not as documented in `path`, which has `count` files with the header."""
    found = notes(path)
    sections = {s.name: s for s in inspect_elf.sections(path)}
    binding = next(s for s in inspect_elf.symbols(path) if s.name == "fondue_binding_")
    if len(found) != count:
        yield f"{len(found)} notes, not {count}"
    for note in found:
        if (note.abi, note.align) != (ABI, align):
            yield f"version {note.abi}, alignment {note.align}"
        for kind, (piece, start, stop) in zip(inspect_elf.KINDS, note.pieces):
            section = sections[kind]
            if (start, stop) != (section.start, section.end):
                yield f"{kind} is said to be {start:#x}-{stop:#x}, and is {section}"
            if not start <= piece <= stop or piece % align:
                yield f"the piece of {kind} is said to be at {piece:#x}"
        if note.binding != binding.start or binding.size != 32:
            yield f"the binding is said to be at {note.binding:#x}, and is {binding}"
