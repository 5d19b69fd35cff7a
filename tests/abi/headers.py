#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The public headers, with every compiler and in every language they are meant for.

    headers.py --include DIR [--runtime libfondue.so]

Nobody may notice that they were included: no warning, no symbol wanted, no library, no
bytes for zeros. What they do leave in an object is what <fondue/shared.h> documents: two
sections of whole pages, and the note. headers/ holds the sources.
"""
import argparse
import os
import sys
import tempfile
from dataclasses import dataclass

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import fondue_note  # noqa: E402
import inspect_elf  # noqa: E402
import toolchain  # noqa: E402
from tap import done, skip, test  # noqa: E402
from toolchain import run  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
HEADERS = ("fondue/shared.h", "fondue/short.h", "fondue/fondue.h")
JOINING = ("fondue/process.h", "fondue/fondue.h")
C = ("gnu89", "c99", "gnu99", "c11", "gnu11", "c17", "gnu17", "c2x", "gnu2x")
CXX = ("c++11", "gnu++11", "c++14", "gnu++14", "c++17", "gnu++17", "c++20", "gnu++20")
WARNINGS = ("-Wall", "-Wextra", "-pedantic", "-Werror", "-Wshadow", "-Wconversion",
            "-Wsign-conversion", "-Wundef", "-Wcast-qual", "-Wredundant-decls")
WARNINGS_C = ("-Wstrict-prototypes", "-Wmissing-prototypes", "-Wold-style-definition")
MISUSES = ("LOCAL_VARIABLE", "PARAMETER", "MEMBER", "TYPEDEF", "IDENTIFIER", "MEMBER_NAME",
           "CONSTANT")


@dataclass(frozen=True)
class Target:
    """A compiler and a machine it compiles for."""
    name: str
    c: tuple
    cxx: tuple
    align: int
    links: bool

    def __str__(self):
        return self.name


def has_cxx_library(*command):
    """Its own headers, which those of a cross compiler may lack."""
    return run([*command, "-xc++", "-fsyntax-only", "-include", "system_error",
                "/dev/null"]).status == 0


def targets():
    for each in toolchain.native_compilers():
        yield Target(each.name, (each.command,), (each.cxx,) if each.cxx else (), 4096, True)
        if each.family == "clang":
            to = "--target=aarch64-linux-gnu"
            cxx = (each.cxx, to) if each.cxx and has_cxx_library(each.cxx, to) else ()
            yield Target(f"{each} for aarch64", (each.command, to), cxx, 65536, False)
    cross = toolchain.special_compiler("aarch64-linux-gnu-gcc", "aarch64")
    if cross:
        yield Target(cross.name, (cross.command,), (cross.cxx,) if cross.cxx else (), 65536, True)


class Bench:
    """Compiles the sources of headers/ in one directory."""

    def __init__(self, directory, include):
        self.directory, self.include = directory, include

    def path(self, name):
        return os.path.join(self.directory, name)

    def make(self, command, source, *flags, link=False, output="object.o"):
        """The result of the compiler, and the path of what it was to make."""
        path = self.path(output)
        if os.path.exists(path):
            os.remove(path)
        return run([*command, "-I" + self.include, *([] if link else ["-c"]), *flags,
                    os.path.join(HERE, "headers", source), "-o", path]), path


def header_flag(header):
    return f"-DHEADER=<{header}>"


def language(standard):
    return ("-xc++", "-std=" + standard) if "++" in standard else ("-std=" + standard,)


def standards(target):
    yield from ((target.c, s) for s in C)
    yield from ((target.cxx, s) for s in CXX if target.cxx)


def silent(bench, target):
    for command, standard in standards(target):
        probe = run([*command, *language(standard), "-fsyntax-only", "-xc++" if "++" in standard
                     else "-xc", os.devnull])
        name = f"{target}, {standard}: not a word from any warning"
        if probe.status:
            skip(name, probe.err.splitlines()[0])
            continue
        bad = []
        for header in HEADERS:
            for more in ("-DREQUIRE",), ("-DREQUIRE", "-O2"), ("-DFONDUE_DISABLE",), ():
                result, _ = bench.make(command, "use.c", *language(standard), *WARNINGS,
                                       *(WARNINGS_C if "++" not in standard else ()),
                                       header_flag(header), *more)
                if result.status or result.err or result.out:
                    bad.append(str(result))
        for header in JOINING:
            for more in (), ("-O2",), ("-DFONDUE_DISABLE",), ("-D_GNU_SOURCE", "-Os"):
                result, _ = bench.make(command, "join.c", *language(standard), *WARNINGS,
                                       *(WARNINGS_C if "++" not in standard else ()),
                                       header_flag(header), *more)
                if result.status or result.err or result.out:
                    bad.append(str(result))
        test(name, not bad, "\n".join(bad))


def layout(bench, target):
    for command, words in ((target.c, ()), (target.cxx, ("-xc++", "-std=c++17"))):
        for level in ("-O0", "-O2") if command else ():
            result, path = bench.make(command, "use.c", header_flag(HEADERS[0]), level, *words)
            name = f"{target}{', C++' if words else ''}, {level}"
            if not test(f"{name}: a definition of each kind compiles", result.status == 0,
                        result):
                continue
            found = {s.name: s for s in inspect_elf.sections(path) if s.name.startswith("shared")}
            good = set(found) == set(inspect_elf.KINDS)
            for kind, kind_type in zip(inspect_elf.KINDS, ("PROGBITS", "NOBITS")):
                section = found.get(kind)
                good = (good and section.type == kind_type and section.size % target.align == 0
                        and section.align == target.align and section.flags == "WA")
            test(f"{name}: sections `shared` PROGBITS and `shared_zero` NOBITS, of whole pages",
                 good, f"{result}{found}")
            size = os.path.getsize(path)
            test(f"{name}: 64 MiB of FONDUE_SHARED_ZERO in a small object",
                 size < 3 * target.align + 16384, size)


def wants_nothing(bench, target):
    """Weak references are left to the linker and the loader, who need not find them."""
    builtin = {"_GLOBAL_OFFSET_TABLE_"}
    _, path = bench.make(target.c, "use.c", header_flag(HEADERS[2]), "-O2")
    wanted = inspect_elf.undefined(path) - builtin
    test(f"{target}: an object that uses the header wants no symbol", not wanted, wanted)
    _, path = bench.make(target.c, "use.c", header_flag(HEADERS[2]), "-O2", "-DREQUIRE")
    wanted = inspect_elf.undefined(path) - builtin
    test(f"{target}: with FONDUE_REQUIRE_RUNTIME, libc's write and _exit",
         wanted == {"write", "_exit"}, wanted)


def joins(bench, target, runtime):
    """<fondue/process.h>, whose code is compiled into the program."""
    _, path = bench.make(target.c, "join.c", header_flag("fondue/shared.h"), "-O0",
                         "-include", "fondue/process.h", "-DUNUSED")
    wanted = inspect_elf.undefined(path) - {"_GLOBAL_OFFSET_TABLE_"}
    test(f"{target}: an object that only includes <fondue/process.h> wants no symbol",
         not wanted, wanted)
    for command, words in ((target.c, ()), (target.cxx, ("-xc++",))):
        for how in ((), ("-fPIE", "-pie"), ("-no-pie", "-fno-pie"), ("-static",), ("-flto", "-O2"),
                    ("-DFONDUE_DISABLE",)) if command and target.align == 4096 else ():
            name = f"{target}{', C++' if words else ''}, {' '.join(how) or 'as ever'}"
            made, path = bench.make(command, "join.c", header_flag(JOINING[0]), "-DMAIN", *words,
                                    *how, link=True, output="program")
            if not test(f"{name}: a program that forks and joins links with nothing",
                        made.status == 0 and not made.err, made):
                continue
            result = run([path])
            test(f"{name}: and works without runtime", result.status == 0 and not result.err,
                 result)
            if runtime and "-static" not in how:
                result = run([path], LD_PRELOAD=runtime)
                test(f"{name}: and with one", result.status == 0 and not result.err, result)


def disabled(bench, target):
    for command, words in ((target.c, ()), (target.cxx, ("-xc++",))):
        if not command:
            continue
        result, path = bench.make(command, "use.c", header_flag(HEADERS[0]), "-O2", *words,
                                  "-w", "-DFONDUE_DISABLE", "-DREQUIRE")
        sections = [s.name for s in inspect_elf.sections(path)]
        left = ([s for s in sections if "shared" in s or "fondue" in s or "_array" in s]
                + [s.name for s in inspect_elf.symbols(path) if "fondue" in s.name])
        test(f"{target}{', C++' if words else ''}: FONDUE_DISABLE leaves nothing",
             result.status == 0 and sections and not left, f"{result}{left}")
        result, _ = bench.make(command, "use.c", header_flag(HEADERS[0]), *WARNINGS, *words,
                               "-DFONDUE_DISABLE", "-DREQUIRE")
        test(f"{target}{', C++' if words else ''}: FONDUE_REQUIRE_RUNTIME; with FONDUE_DISABLE "
             "is silent", result.status == 0 and not result.err, result)


def linked(bench, target):
    result, path = bench.make(target.c, "use.c", header_flag(HEADERS[0]), "-DMAIN", link=True,
                              output="program")
    if not test(f"{target}: a program links with nothing", result.status == 0, result):
        return
    needed = inspect_elf.needed(path)
    test(f"{target}: it needs libc alone", needed == ["libc.so.6"], needed)
    made, library = bench.make(target.c, "use.c", header_flag(HEADERS[0]), "-fPIC", "-shared",
                               link=True, output="library.so")
    for what, file in ("the program", path), ("a library", library):
        ours = [s for s in inspect_elf.symbols(file, "--dyn-syms")
                if ("fondue" in s.name or "_shared" in s.name) and s.visibility != "HIDDEN"]
        test(f"{target}: {what} exports nothing of ours, and can do without what it imports",
             made.status == 0 and all(s.section == "UND" and s.bind == "WEAK" for s in ours),
             f"{made}{ours}")
    bad = list(fondue_note.complaints(path, 1, target.align))
    test(f"{target}: the note's bytes are as documented", not bad, "\n".join(bad))
    size = os.path.getsize(path)
    test(f"{target}: 64 MiB of FONDUE_SHARED_ZERO in a small program",
         size < 6 * target.align + 65536, size)


def required(bench, target, runtime):
    for command, words in ((target.c, ()), (target.cxx, ("-xc++",))):
        if not command or target.align != 4096:
            continue
        name = f"{target}{', C++' if words else ''}: FONDUE_REQUIRE_RUNTIME"
        made, path = bench.make(command, "use.c", header_flag(HEADERS[0]), "-DMAIN",
                                "-DREQUIRE", *words, link=True, output="program")
        if not test(f"{name} compiles", made.status == 0, made):
            continue
        result = run([path])
        test(f"{name} ends a program without runtime, and says why",
             result.status == 127 and result.err.startswith("fondue: ") and
             "libfondue.so is not loaded" in result.err, result)
        if runtime:
            result = run([path], LD_PRELOAD=runtime)
            test(f"{name} lets it run with one", result.status == 0 and not result.err, result)


def keyword(bench, target):
    wanted = 12
    for level in "-O0", "-O2":
        result, path = bench.make(target.c, "keyword.c", "-Wall", "-Wextra", "-Werror", level)
        index = {str(s.index) for s in inspect_elf.sections(path) if s.name == "shared"}
        inside = {s.name for s in inspect_elf.symbols(path)
                  if "pot_" in s.name and s.section in index}
        test(f"{target}, {level}: keyword `shared` for globals, statics, pointers, several "
             "declarators", len(inside) == wanted and not result.err, f"{result}{inside}")
    result, path = bench.make(target.c, "keyword.c", "-DSHARED_EXTERN")
    test(f"{target}: `shared extern`", result.status == 0, result)
    for misuse in MISUSES:
        result, _ = bench.make(target.c, "misuse.c", "-D" + misuse)
        test(f"{target}: `shared` is an error: {misuse.lower().replace('_', ' ')}",
             result.status != 0 and "error" in result.err, result)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--include", default=os.path.join(HERE, "..", "..", "include"))
    parser.add_argument("--runtime", metavar="FILE", help="to run programs with")
    args = parser.parse_args()
    runtime = args.runtime and os.path.abspath(args.runtime)
    with tempfile.TemporaryDirectory(prefix="fondue-headers-") as directory:
        bench = Bench(directory, os.path.abspath(args.include))
        for target in targets():
            silent(bench, target)
            layout(bench, target)
            wants_nothing(bench, target)
            disabled(bench, target)
            keyword(bench, target)
            if target.links:
                linked(bench, target)
                joins(bench, target, runtime)
                required(bench, target, runtime)
    return done()


if __name__ == "__main__":
    sys.exit(main())
