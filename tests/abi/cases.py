# SPDX-License-Identifier: MIT
"""The rows of the matrix, group by group, in the order in which they are reported.

cases() takes what there is (compilers, linkers, machines) and yields every combination that
makes sense to ask for; what the toolchain then cannot do is found by probes, not here.
"""
from itertools import product

import refused
from case import FILES, Case
from toolchain import Compiler

KINDS = ("PIE", "no-PIE", "library")
LEVELS = ("-O0", "-O2")
ORDERS = ("forward", "backward")
SECTIONS = ("-fdata-sections", "-ffunction-sections")
GC = ("-Wl,--gc-sections",)

# name -> compile options, link options, strip
OPTIONS = {
    "plain": ((), (), False),
    "gc-sections": (SECTIONS, GC, False),
    "start-stop-gc": (SECTIONS, (*GC, "-Wl,-z,start-stop-gc"), False),
    "strip": ((), (), True),
    "relro and now": ((), ("-Wl,-z,relro", "-Wl,-z,now"), False),
}


def _lto(compile, link=(), options=("plain",)):
    """LTO, alone and together with some of the options above."""
    for name in options:
        more, also, strip = OPTIONS[name]
        yield name, (*compile, *more), (*link, *also), strip


def basic(compilers, linkers):
    for compiler, linker, kind, level, option, order in product(
            compilers, linkers, KINDS, LEVELS, OPTIONS, ORDERS):
        compile, link, strip = OPTIONS[option]
        yield Case("ordinary builds", compiler, linker, kind, (level, *compile), link, order,
                   option, strip)


def lto(compilers, linkers):
    """-flto is a compile option too: Job gives those to the linker as well."""
    flavours = {
        "gcc": [("-flto", ("-flto=auto",), (), ("plain", "gc-sections", "strip")),
                ("-flto, 1to1", ("-flto=auto",), ("-flto-partition=1to1",), ("plain",)),
                ("-flto, max", ("-flto=auto",), ("-flto-partition=max",), ("plain",)),
                ("-flto, none", ("-flto=auto",), ("-flto-partition=none",), ("plain",)),
                ("fat -flto", ("-flto=auto", "-ffat-lto-objects"), (), ("plain",))],
        "clang": [("-flto", ("-flto",), (), ("plain", "gc-sections")),
                  ("-flto=thin", ("-flto=thin",), (), ("plain", "gc-sections", "strip"))],
    }
    for compiler in compilers:
        for flavour, flags, at_link, options in flavours[compiler.family]:
            for linker, kind, level, order in product(linkers, KINDS, LEVELS, ORDERS):
                if compiler.family == "gcc" and ("lld" == linker) != ("fat" in flavour) \
                        and not ("fat" in flavour and linker == "bfd"):
                    continue  # lld reads no gcc LTO: fat objects are for it
                for name, compile, link, strip in _lto(flags, at_link, options):
                    option = flavour if name == "plain" else f"{flavour}, {name}"
                    yield Case(f"{compiler.family} {flavour}", compiler, linker, kind,
                               (level, *compile), link, order, option, strip)


def smallest(compilers, linkers):
    """Nothing but the header, or a single variable."""
    for compiler, linker, kind, option, nothing in product(
            compilers, linkers, KINDS, ("plain", "gc-sections", "-flto"), (True, False)):
        compile, link = OPTIONS[option][:2] if option in OPTIONS else (
            ("-flto=auto", "-ffat-lto-objects") if compiler.family == "gcc" else ("-flto",), ())
        yield Case("header only, one variable", compiler, linker, kind,
                   ("-O2", *compile, *(("-DNOTHING",) if nothing else ())), link,
                   option=option, sources=("only.c",),
                   main="", label="header only" if nothing else "one variable",
                   short=kind == "PIE" and option == "plain" and linker == "bfd")


def unusual_options(compilers, linkers):
    compile_only = {
        "gcc": ["-fcommon", "-mcmodel=medium", "-mcmodel=large", "-fno-toplevel-reorder",
                "-fno-zero-initialized-in-bss", "-g3 -fverbose-asm", "-Os -fipa-pta"],
        "clang": ["-fcommon", "-mcmodel=medium", "-mcmodel=large", "-g3", "-Os",
                  "-fno-zero-initialized-in-bss"],
    }
    link_only = ["--sort-section=name", "--sort-section=alignment", "-z,noseparate-code",
                 "-z,pack-relative-relocs"]
    for compiler in compilers:
        for option, kind in product(compile_only[compiler.family], ("PIE", "no-PIE")):
            if "large" in option and kind == "PIE":
                continue
            yield Case("unusual options", compiler, None, kind, ("-O2", *option.split()),
                       option=option, short=kind == "no-PIE")
        for option, linker in product(link_only, linkers):
            yield Case("unusual options", compiler, linker, "PIE", ("-O2",),
                       ("-Wl," + option,), option=option.replace(",", " "),
                       short=linker == "bfd")
        yield Case("unusual options", compiler, compile=("-O1", "-fsanitize=address"),
                   runtime="linked", option="-fsanitize=address, -lfondue", short=True)


def save_temps(compilers):
    for compiler in compilers:
        yield Case("unusual options", compiler, None, "PIE",
                   ("-O2", "-save-temps=obj",
                    *(("-g3", "-fverbose-asm") if compiler.family == "gcc" else ())),
                   option="-save-temps", order="backward", short=True)


def cxx(compilers, linkers):
    """The subject as C++, and inline variables under gcc, which pads them too."""
    for compiler, linker, kind in product(compilers, linkers, KINDS):
        yield Case("C++", compiler, linker, kind, ("-O2", "-xc++", "-std=c++17"), cxx=True,
                   option="C++17", short=linker == "bfd" and kind == "PIE")
    for compiler in compilers:
        if compiler.family != "gcc":
            continue
        for extra in (), ("-DLOCAL_STATIC",):
            yield Case("C++", compiler, None, "PIE", ("-O2", "-xc++", "-std=c++17", *extra),
                       cxx=True,
                       sources=("inline.cc",), main="only.c", short=True,
                       label="static of an inline function" if extra else "inline variable")


def routes(compilers, linkers):
    for compiler, linker, order in product(compilers, linkers, ORDERS):
        short = order == "forward" and compiler is compilers[0]
        yield Case("-r, ar", compiler, linker, "PIE", ("-O2",), order=order, route="-r",
                   option="-r first", short=short)
        yield Case("-r, ar", compiler, linker, "PIE", ("-O2",), order=order, route="archive",
                   option="from an archive", short=short and linker == "bfd")
    for compiler in compilers:
        yield Case("-r, ar", compiler, None, sources=(*FILES, "raw.c"), order="backward",
                   label="raw section attribute, linked first", short=True)


def static(compilers, linkers):
    for compiler, linker, kind, runtime in product(
            compilers, linkers, ("static", "static PIE"), ("preload", "archive")):
        yield Case("static", compiler, linker, kind, ("-O2",), runtime=runtime,
                   expected="shared" if runtime == "archive" else "private",
                   option="libfondue.a" if runtime == "archive" else "no runtime",
                   short=linker == "bfd" and compiler is compilers[0])


def musl(compiler, runtimes, linkers):
    lacking = "" if "library" in runtimes.get("musl", {}) else "there is no runtime for musl"
    no_archive = "" if "archive" in runtimes.get("musl", {}) else "there is no archive for musl"
    for linker, kind in product(linkers, KINDS):
        yield Case("musl", compiler, linker, kind, ("-O2",), why_not=lacking,
                   short=linker == "bfd")
    yield Case("musl", compiler, None, "static", ("-O2",), expected="private", short=True)
    yield Case("musl", compiler, None, "static", ("-O2",), runtime="archive",
               option="libfondue.a", why_not=no_archive, short=True)


def aarch64(compiler, runtimes, linkers):
    lacking = ("" if "library" in runtimes.get("aarch64", {})
               else "there is no runtime for aarch64")
    no_archive = ("" if "archive" in runtimes.get("aarch64", {})
                  else "there is no archive for aarch64")
    for linker, kind, level in product(linkers, KINDS, LEVELS):
        yield Case("aarch64", compiler, linker, kind, (level,), why_not=lacking,
                   short=linker == "bfd" and level == "-O2")
    for kind, partition in product(KINDS, ("1to1", "none")):
        yield Case("aarch64", compiler, "bfd", kind, ("-O2", "-flto=auto"),
                   ("-flto-partition=" + partition,), option=f"-flto, {partition}",
                   why_not=lacking, short=kind == "PIE")
    yield Case("aarch64", compiler, None, "static", ("-O2",), expected="private", short=True)
    yield Case("aarch64", compiler, None, "static", ("-O2",), runtime="archive",
               option="libfondue.a", why_not=no_archive, short=True)


def i386(compilers):
    """A 64-bit runtime is none to a 32-bit program, so it stays private."""
    for compiler, kind in product(compilers, ("PIE", "no-PIE")):
        thirty_two = Compiler(compiler.name, compiler.family, compiler.command, compiler.cxx,
                              "i386", compiler.version)
        yield Case("-m32", thirty_two, None, kind, ("-O2", "-m32"), option="-m32",
                   expected="private", short=kind == "PIE")


def cases(compilers, linkers, musl_compiler, aarch64_compiler, runtimes):
    yield from basic(compilers, linkers)
    yield from lto(compilers, linkers)
    yield from smallest(compilers, linkers)
    yield from unusual_options(compilers, linkers)
    yield from save_temps(compilers)
    yield from cxx(compilers, linkers)
    yield from routes(compilers, linkers)
    yield from static(compilers, linkers)
    if musl_compiler:
        yield from musl(musl_compiler, runtimes, linkers)
    if aarch64_compiler:
        yield from aarch64(aarch64_compiler, runtimes, linkers)
    yield from i386(compilers)
    yield from refused.cases(compilers, linkers)
