# SPDX-License-Identifier: MIT
"""What there is to build with: compilers, linkers, and what they can do.

Nothing is believed of a toolchain. Whether it takes a set of options is found by building
and running a small program with them, without our header: a combination that fails in that
is not the matrix's business, and the words of the toolchain or the loader are the reason
given. One that does not must build and run the subject too.
"""
import glob
import os
import re
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass

LINKERS = ("bfd", "gold", "lld", "mold")
TIMEOUT = 120  # seconds for one compiler, linker or program; the slowest take about 5


@dataclass(frozen=True)
class Result:
    command: tuple
    status: int
    out: str
    err: str

    def __str__(self):
        return f"{' '.join(self.command)}\nstatus {self.status}\n{self.out}{self.err}"


def run(command, **environment):
    """Run to the end, or to the timeout, which counts as status 124."""
    command = tuple(command)
    inherited = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, errors="replace",
                          start_new_session=True,
                          env={**inherited, "LC_ALL": "C", **environment}) as process:
        try:
            out, err = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # its children hold the pipes too
            out, err = process.communicate()
            return Result(command, 124, out, f"{err}no end after {TIMEOUT} s\n")
        return Result(command, process.returncode, out, err)


@dataclass(frozen=True)
class Compiler:
    """A C compiler and its C++ twin; `machine` is where its programs run."""
    name: str
    family: str  # "gcc" or "clang"
    command: str
    cxx: str = None
    machine: str = "native"  # "native", "musl" or "aarch64"
    version: str = ""

    def __str__(self):
        return self.name


def _cxx_of(path):
    folder, name = os.path.split(path)
    for c, cxx in (("clang", "clang++"), ("gcc", "g++")):
        if c in name:
            return shutil.which(os.path.join(folder, name.replace(c, cxx)))
    return None


def _describe(name, family, path, machine="native"):
    version = run([path, "-dumpfullversion" if family == "gcc" else "-dumpversion"])
    return Compiler(name, family, path, _cxx_of(path), machine, version.out.strip())


def native_compilers():
    """gcc and clang, and every numbered one on PATH that is not the same file."""
    found = {}
    for family in "gcc", "clang":
        paths = [shutil.which(family)]
        for folder in os.get_exec_path():
            numbered = glob.glob(os.path.join(folder, family + "-[0-9]*"))
            paths += sorted(p for p in numbered if re.fullmatch(family + r"-[\d.]+",
                                                                os.path.basename(p)))
        for path in filter(None, paths):
            found.setdefault(os.path.realpath(path),
                             _describe(os.path.basename(path), family, path))
    return list(found.values())


def special_compiler(command, machine):
    path = shutil.which(command)
    return _describe(command, "gcc", path, machine) if path else None


def linkers():
    programs = {"bfd": "ld.bfd", "gold": "ld.gold", "lld": "ld.lld", "mold": "mold"}
    return [name for name in LINKERS if shutil.which(programs[name])]


# Addresses in data and code, of data and functions: what options and linkers differ in.
PROBE = r"""
#include <stdio.h>
static int number = 1, *pointers[3] = { &number, &number, &number };
static int work(int by) { return number += by; }
static int (*volatile function)(int);
int main(int argc, char **argv)
{
	(void)argv;
	function = work;
	pointers[argc % 3] = &number;
	return fflush(stdout) || function(argc) != 2 || *pointers[1] != 2;
}
"""


class Probes:
    """Answers of the toolchain, each asked for once."""

    def __init__(self, directory):
        self.directory = directory
        self._answers = {}
        self._lock = threading.Lock()

    def _source(self, key, text, suffix):
        path = os.path.join(self.directory, f"probe{key}{suffix}")
        with open(path, "w") as file:
            file.write(text)
        return path

    def why_not(self, command, compile_flags=(), link_flags=(), run_with=None):
        """None when the small program can be built with these options, else the complaint.

        An option that is ignored with a warning is not supported either. The program is
        run by the command `run_with`, which may be empty, unless that is None."""
        key = (command, tuple(compile_flags), tuple(link_flags), run_with)
        with self._lock:
            lock, number = self._answers.setdefault(key, ([], len(self._answers)))
            if not lock:
                lock.append(threading.Lock())
        with lock[0]:
            if len(lock) == 1:
                lock.append(self._ask(number, *key))
        return lock[1]

    def _ask(self, number, command, compile_flags, link_flags, run_with):
        suffix = ".cc" if "++" in os.path.basename(command) else ".c"
        source = self._source(number, PROBE, suffix)
        made = os.path.join(self.directory, f"probe{number}")
        result = run([command, *compile_flags, "-c", source, "-o", made + ".o"])
        if result.status == 0 and not result.err:
            result = run([command, made + ".o", *link_flags, "-o", made])
        if result.status == 0 and not result.err and run_with is not None:
            result = run([*run_with, made])
        if result.status == 124:
            raise RuntimeError(f"a probe does not end: {result}")
        if result.status == 0 and not result.err:
            return None
        lines = (result.err or result.out).strip().splitlines() or ["it fails, silently"]
        telling = [line for line in lines if re.search("error|warning|fatal|cannot|: .*: ", line)
                   and not re.match(r"(collect2|clang\S*): ", line)]
        return (telling or lines)[0].replace(made, "probe").replace("#", "")[:160]
