# SPDX-License-Identifier: MIT
"""One case of the matrix: what is built, how it is run, and what has to come of it."""
import os
import re
import shutil
import tempfile
from dataclasses import dataclass

import inspect_elf
from build import HERE, PARTS, BuildError, Job
from toolchain import Compiler, run

OUTCOMES = {
    "shared": "what is annotated is shared and nothing else",
    "private": "everything is private",
    "refused": "refused, everything is private",
    "compile error": "a compile error",
}
QEMU = ("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu")
FILES = tuple(part + ".c" for part in PARTS)
FILE_LIMIT = 3 << 20  # bytes; the subject's 8 MiB table must not be in the file


def annotated_names(sources):
    """Names of the subject's annotated variables, from the sources themselves."""
    names = set()
    for source in set(sources) & set(FILES):
        with open(os.path.join(HERE, "subject", source)) as file:
            names |= set(re.findall(r"\bFONDUE_SHARED\w*[^;=]*?\b(pot_\w+)", file.read()))
    return names - {"pot_unreferenced"}


@dataclass(frozen=True)
class Case:
    group: str
    compiler: Compiler
    linker: str = None
    kind: str = "PIE"  # of the annotated file: a key of build.KINDS
    compile: tuple = ()
    link: tuple = ()
    order: str = "forward"
    option: str = "plain"  # what `compile` and `link` amount to, for the name
    strip: bool = False
    sources: tuple = FILES
    main: str = "main.c"
    main_kind: str = "PIE"  # of the program that uses the library
    cxx: bool = False
    route: str = ""  # "-r" or "archive" between compiler and linker
    runtime: str = "preload"  # or "linked", "archive"
    expected: str = "shared"
    cause: str = ""  # regular expression for the runtime's or the compiler's words
    label: str = ""
    why_not: str = ""  # known to be impossible here
    short: bool = False  # always in the short matrix

    @property
    def machine(self):
        return self.compiler.machine

    @property
    def driver(self):
        return self.compiler.cxx if self.cxx else self.compiler.command

    @property
    def emulator(self):
        return QEMU if self.machine == "aarch64" else ()

    @property
    def build_name(self):
        level = next((f for f in self.compile if f.startswith("-O")), "")
        compiler = f"{self.compiler} (C++)" if self.cxx and not self.label else str(self.compiler)
        words = [self.label, compiler, self.linker, self.kind, level, self.option, self.order]
        return ", ".join(filter(None, words))

    @property
    def name(self):
        return f"{self.build_name}: {OUTCOMES[self.expected]}"

    def cannot(self, workshop):
        """Why the toolchain cannot build such a thing at all; None: it can."""
        if self.why_not:
            return self.why_not
        if not self.driver:
            return f"{self.compiler} has no C++ compiler"
        job = Job(workshop, self, None)
        link = () if self.expected == "compile error" else job.link_flags()
        runs = self.kind != "library" and self.expected != "compile error"
        return workshop.probes.why_not(self.driver, job.compile_flags(), link,
                                       self.emulator if runs else None)

    def complaints(self, workshop):
        """Build, look, run; everything that is not as it has to be."""
        directory = tempfile.mkdtemp(dir=workshop.directory)
        try:
            if self.expected == "compile error":
                return self._compile_error(Job(workshop, self, directory))
            twin, program = Job(workshop, self, directory).build()
            return [*self._layout(twin), *self._behaviour(workshop, program)]
        except BuildError as error:
            return [str(error)]
        finally:
            shutil.rmtree(directory)

    def _compile_error(self, job):
        result, _ = job.workshop.compile(self.driver, self.sources[0], job.compile_flags())
        if result.status == 0:
            return [f"{result}it compiles"]
        return [] if re.search(self.cause, result.err) else [f"{result}no such word: {self.cause}"]

    def _layout(self, twin):
        if self.expected == "refused":
            return []
        found = inspect_elf.complaints(twin, annotated_names(self.sources),
                                       65536 if self.machine == "aarch64" else 4096)
        limit = FILE_LIMIT * (3 if self.runtime != "preload" or "static" in self.kind else 1)
        if os.path.getsize(twin) > limit:
            found.append(f"{os.path.getsize(twin)} bytes in the file")
        return found

    def _behaviour(self, workshop, program):
        if not program:
            return []
        found = []
        if self.runtime == "preload":
            found += self._run(program, None, "private")
            library = workshop.runtimes.get(self.machine, {}).get("library")
            return found + (self._run(program, library, self.expected) if library else [])
        return found + self._run(program, None, self.expected)

    def _run(self, program, library, expected):
        command = [program, "shared" if expected == "shared" else "private"]
        environment = {"ASAN_OPTIONS": "detect_leaks=0"}
        if self.emulator:
            preload = ["-E", "LD_PRELOAD=" + library] if library else []
            command = [*self.emulator, *preload, *command]
        elif library:
            environment["LD_PRELOAD"] = library
        result = run(command, **environment)
        wanted = self.cause if expected == "refused" else "^$"
        if result.status == 0 and re.search(wanted, result.err) and not result.out:
            return []
        return [f"{'with' if library else 'without'} preload, expected {expected}: {result}"]
