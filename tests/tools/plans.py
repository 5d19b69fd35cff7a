# SPDX-License-Identifier: MIT
"""Plans, read and checked without the command: by struct, objdump and readelf."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "plan"))
from moved import Plan  # noqa: E402


def output(*command):
    return subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, check=True,
                          encoding="utf-8", errors="replace").stdout


def read(path):
    with open(path, "rb") as file:
        return Plan(file.read())


def build_id(path):
    match = re.search(r"Build ID: ([0-9a-f]+)", output("readelf", "-nW", path))
    return match[1] if match else None


def variables(path):
    """name -> [(address, size)], of all symbols of objects."""
    found = {}
    for line in output("readelf", "-sW", path).splitlines():
        words = line.split()
        if len(words) == 8 and words[3] == "OBJECT" and words[6].isdigit():
            entry = int(words[1], 16), int(words[2], 0)
            if entry not in found.setdefault(words[7].split("@")[0], []):
                found[words[7].split("@")[0]].append(entry)
    return found


def instructions(path):
    """[(address, length, bytes, target)] of those that are relative to themselves."""
    found = []
    for line in output("objdump", "-d", "-w", path).splitlines():
        match = re.match(r"\s*([0-9a-f]+):\t((?:[0-9a-f]{2} )+)\s*(.*)", line)
        target = match and re.search(r"\(%rip\).*# ([0-9a-f]+)", match[3])
        if target:
            code = bytes.fromhex(match[2].replace(" ", ""))
            found.append((int(match[1], 16), len(code), code, int(target[1], 16)))
    return found


def numbers(path):
    """{where it is: number} of the constants in instructions that are not relative."""
    found, function = {}, ""
    for line in output("objdump", "-d", "-w", path).splitlines():
        match = re.match(r"\s*([0-9a-f]+):\t((?:[0-9a-f]{2} )+)\s*(.*)", line)
        function = line.split("<")[-1] if line.endswith(">:") else function
        if not match or function.endswith("register_tm_clones>:") or "<" in match[3] and re.match(r"\S*(j\w+|call)\b", match[3]):
            continue
        code = bytes.fromhex(match[2].replace(" ", ""))
        for word in set(re.findall(r"0x([0-9a-f]{5,8})(?![0-9a-f])", match[3].split("#")[0])):
            bytes_of = int(word, 16).to_bytes(4, "little")
            for i in range(len(code) - 3):
                if code[i:i + 4] == bytes_of:
                    found[int(match[1], 16) + i] = int(word, 16)
    return found


def compare_fixed(plan, path):
    """As compare(), for a program whose addresses are numbers; and it has no pointers."""
    known = numbers(path)
    for instruction in instructions(path):
        for field in field_of(instruction):
            known[field] = instruction[3]
    planned = {at for at, _, _ in plan.references}
    wrong = [f"0x{at:x} is nothing that objdump shows" for at in planned if at not in known]
    for at, _, number in plan.references:
        start, size = plan.variables[number][:2]
        if at in known and not start - 4096 <= known[at] <= start + size + 4096:
            wrong.append(f"0x{at:x} is far from its variable")
    ends = {s + n for each in variables(path).values() for s, n in each}
    for at, value in known.items():  # one may be where its neighbour ends
        if at not in planned and any(s <= value < s + n and (s < value or s not in ends)
                                     for s, n, _, _ in plan.variables):
            wrong.append(f"0x{at:x} is 0x{value:x} and is not planned")
    return wrong + [f"a pointer at 0x{at:x}" for at, _, _, _ in plan.pointers]


def relocations(path):
    """[(slot, type, value)]: the addend, or the symbol's value and the addend."""
    found = []
    for line in output("readelf", "-rW", path).splitlines():
        words = line.split()
        if len(words) < 4 or not words[2].startswith("R_X86_64_"):
            if re.fullmatch(r"[0-9a-f]{16}", line.strip()):  # RELR, as readelf lists it
                found.append((int(line, 16), "RELR", None))
            continue
        kind = words[2][len("R_X86_64_"):]
        value = int(words[3], 16)
        if len(words) > 4 and words[-2] in "+-":
            value += int(words[-2] + words[-1], 16)
        found.append((int(words[0], 16), kind, value))
    return found


def field_of(instruction):
    """Where the displacement is; instructions without another copy of it in them."""
    address, length, code, target = instruction
    displacement = (target - address - length) & 0xffffffff
    wanted = displacement.to_bytes(4, "little")
    return [address + i for i in range(length - 3) if code[i:i + 4] == wanted]


def compare(plan, path):
    """What of the plan is not in the file, and what refers into a variable unplanned."""
    wrong = []
    fields = {}
    for instruction in instructions(path):
        for field in field_of(instruction):
            fields[field] = instruction
    planned = {at for at, _, _ in plan.references}
    for at, displacement, number in plan.references:
        start, size = plan.variables[number][:2]
        address, length, _, target = fields.get(at, (0, 0, b"", 0))
        if not length or target != address + length + displacement:
            wrong.append(f"0x{at:x} is no displacement of {displacement}")
        elif not start - 4096 <= target <= start + size + 4096:
            wrong.append(f"0x{at:x} is far from its variable")
    for field, (_, _, _, target) in fields.items():
        if field not in planned and any(s <= target < s + n for s, n, _, _ in plan.variables):
            wrong.append(f"0x{field:x} refers to 0x{target:x} and is not planned")
    slots = {at: value for at, value, _, _ in plan.pointers}
    known = {at: (kind, value) for at, kind, value in relocations(path)}
    for at, value in slots.items():
        kind, expected = known.get(at, ("none", None))
        if kind not in ("RELATIVE", "64", "GLOB_DAT", "RELR") or expected not in (value, None):
            wrong.append(f"0x{at:x} is no pointer to 0x{value:x}: {kind} {expected}")
    for at, (kind, value) in known.items():
        if at not in slots and kind in ("RELATIVE", "64", "GLOB_DAT") and value and \
                any(s <= value < s + n for s, n, _, _ in plan.variables):
            wrong.append(f"the pointer at 0x{at:x} is not planned")
    return wrong


def malformed(plan, data, path):
    """Whatever the format promises and the plan does not keep."""
    wrong = []
    ends = [(s, s + n) for s, n, _, _ in plan.variables]
    checks = {
        "magic": plan.magic == b"fondplan", "version": plan.version == 1,
        "machine": plan.machine == 62, "size": plan.size == len(data) == plan.length,
        "sum": plan.sum == plan.true_sum(), "build-id": plan.id.hex() == build_id(path),
        "name": plan.name == os.path.basename(path), "empty string": plan.strings[:1] == b"\0",
        "disjoint": all(a[1] <= b[0] for a, b in zip(ends, ends[1:])),
        "references by address": all(a[0] + 4 <= b[0] for a, b in
                                     zip(plan.references, plan.references[1:])),
        "pointers by address": all(a[0] < b[0] for a, b in zip(plan.pointers, plan.pointers[1:])),
        "numbers": all(r[2] < len(ends) for r in plan.references + plan.pointers),
    }
    wrong += [name for name, good in checks.items() if not good]
    return wrong
