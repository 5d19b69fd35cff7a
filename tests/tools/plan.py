# SPDX-License-Identifier: MIT
"""Plans by other means than fondue plan: from objdump and readelf, of plain programs.

Only what the programs of the tests hold is understood: variables that are reached directly, by
the GOT, or by pointers in data, and no address beside one. So it is no planner, but it agrees
with none by accident either. Fields may be changed, for plans that are to be refused.
"""
import re
import struct

from workshop import needs, run

HEADER = "<8sIIQQ"
COUNTS = "<6I64s"
MASK = (1 << 64) - 1


def sum_of(data):
    """FNV-1a."""
    value = 0xcbf29ce484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001b3) & MASK
    return value


class Plan:
    def __init__(self, path, names):
        self.name = path.split("/")[-1]
        self.id = bytes.fromhex(re.search(r"Build ID: ([0-9a-f]+)",
                                          run([needs("readelf"), "-n", path]).stdout).group(1))
        found = {}
        for line in run([needs("nm"), "-S", path]).stdout.splitlines():
            word = line.split()
            if len(word) == 4 and word[3] in names:
                found[word[3]] = (int(word[0], 16), int(word[1], 16))
        self.variables = sorted((*found[name], name) for name in names)
        self.references = sorted(self._read_code(path))
        self.pointers = sorted(self._read_pointers(path))
        self.version, self.machine = 1, 62

    def _variable(self, address):
        for index, (start, size, _) in enumerate(self.variables):
            if start <= address < start + size:
                return index
        return None

    def _read_code(self, path):
        pattern = re.compile(r"\s*([0-9a-f]+):\t((?:[0-9a-f]{2} )+)\s*(.*\(%rip\).*)# ([0-9a-f]+)")
        for line in run([needs("objdump"), "-d", "-w", path]).stdout.splitlines():
            match = pattern.match(line)
            variable = match and self._variable(int(match.group(4), 16))
            if not match or variable is None:
                continue
            code = bytes.fromhex(match.group(2).replace(" ", ""))
            at = int(match.group(1), 16)
            displacement = int(match.group(4), 16) - at - len(code)
            yield at + code.rfind(struct.pack("<i", displacement)), displacement, variable

    def _read_pointers(self, path):
        for line in run([needs("readelf"), "-rW", path]).stdout.splitlines():
            word = line.split()
            if "R_X86_64_RELATIVE" in line:
                variable = self._variable(int(word[3], 16))
                if variable is not None:
                    yield int(word[0], 16), int(word[3], 16), variable

    def bytes(self, good_sum=True):
        strings = b"\0"

        def string(text):
            nonlocal strings
            strings += text.encode() + b"\0"
            return len(strings) - len(text.encode()) - 1

        name = string(self.name)
        body = b"".join(struct.pack("<QQII", start, size, string(called), 0)
                        for start, size, called in self.variables)
        body += b"".join(struct.pack("<QiI", *reference) for reference in self.references)
        body += b"".join(struct.pack("<QQII", *pointer, 0) for pointer in self.pointers)
        rest = struct.pack(COUNTS, len(self.variables), len(self.references),
                           len(self.pointers), len(strings), name, len(self.id),
                           self.id.ljust(64, b"\0")) + body + strings
        size = struct.calcsize(HEADER) + len(rest)
        return struct.pack(HEADER, b"fondplan", self.version, self.machine, size,
                           sum_of(rest) if good_sum else 0) + rest

    def write(self, path):
        with open(path, "wb") as file:
            file.write(self.bytes())
        return path
