# SPDX-License-Identifier: MIT
"""What must not be shared: misuse that the compiler or the runtime has to name.

Sharing the whole page of a stray variable would share its neighbours; so the runtime must
say the right cause, and every variable must be private then, also the annotated ones.
"""
import os
from itertools import product

from build import HERE
from case import FILES, Case

STOP = r"section shared: the section ends in the middle of a page"
MOVED = r"section shared: the linker has put the section inside another one"
COPY = r"pot_hits: the program has a private copy of it .*COPY relocation"


def _refused(label, compiler, cause, **how):
    how.setdefault("compile", ("-O2",))
    return Case("refused", compiler, label=label, expected="refused", cause=cause, short=True,
                **how)


def by_the_runtime(compilers, linkers):
    script = "-Wl,-T," + os.path.join(HERE, "subject", "moved.ld")
    for compiler, linker in product(compilers, linkers):
        yield _refused("script that moves the section", compiler, MOVED, linker=linker,
                       link=(script,))
        yield _refused("raw section attribute, linked last", compiler, STOP, linker=linker,
                       sources=(*FILES, "raw.c"))
    for compiler in compilers:
        if compiler.family == "clang":
            yield from _clang(compiler, linkers)


def copies(compilers, linkers):
    """A program that names a library's variable. Whether it takes a copy of it is up to how
    the program is compiled: clang does so in no-PIE programs only, -fPIC never."""
    for compiler, linker, kind in product(compilers, linkers, ("PIE", "no-PIE", "PIC")):
        copied = kind == "no-PIE" or kind == "PIE" and compiler.family == "gcc"
        yield Case("COPY relocation", compiler, linker, "library", ("-O2",),
                   sources=("library.c",), main="copy.c", main_kind=kind, short=True,
                   expected="refused" if copied else "shared", cause=COPY if copied else "",
                   label="library's variable", option=f"in a {kind} program")
    for compiler in compilers:
        yield Case("COPY relocation", compiler, None, "library",
                   ("-O2", "-mno-direct-extern-access"), sources=("library.c",),
                   main="copy.c", short=True, label="library's variable",
                   option="-mno-direct-extern-access")


def _clang(compiler, linkers):
    for linker, extra in product(linkers, ((), ("-DTEMPLATE",), ("-DLOCAL_STATIC",))):
        what = {"": "inline variable", "-DTEMPLATE": "template's member",
                "-DLOCAL_STATIC": "static of an inline function"}["".join(extra)]
        yield _refused(f"{what}, linked last", compiler, STOP, linker=linker, cxx=True,
                       compile=("-O2", "-xc++", "-std=c++17", *extra),
                       sources=("inline.cc",), main="only.c", order="backward")
    for kind in "PIE", "no-PIE":
        yield _refused("clang -flto in partitions", compiler, STOP, linker="lld", kind=kind,
                       compile=("-O2", "-flto"), link=("-Wl,--lto-partitions=4",))


def by_the_compiler(compilers):
    for compiler in compilers:
        def error(label, cause, source="refused.c", flags=(), **how):
            return Case("compile error", compiler, compile=("-O2", *flags), sources=(source,),
                        label=label, expected="compile error", cause=cause, short=True, **how)

        yield error("const", "type conflict|conflict", flags=("-DCONSTANT",))
        yield error("FONDUE_SHARED_ZERO with an initial value", "nobits|non-zero|bss|zero",
                    flags=("-DZERO_WITH_CONTENTS",))
        if compiler.family == "clang":
            yield error("-fno-integrated-as with FONDUE_SHARED_ZERO", "shared_zero",
                        flags=("-fno-integrated-as",))
        else:
            yield error("inline and ordinary variables in one file", "section type conflict",
                        "inline.cc", ("-xc++", "-std=c++17", "-DWITH_ORDINARY"), cxx=True)


def cases(compilers, linkers):
    yield from by_the_runtime(compilers, linkers)
    yield from copies(compilers, linkers)
    yield from by_the_compiler(compilers)
