#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fondue check: what it objects to, each trap built with the tools that one falls into it with.

    test-traps.py --fondue EXE --library SO --archive A --include DIR
"""
import os
import pwd
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import test  # noqa: E402
from report import Report, library_and_user, refused, sections, symbols  # noqa: E402
from workshop import ANNOTATED, COUNT, Skip, RICH, check, main, run  # noqa: E402

PAGE = os.sysconf("SC_PAGESIZE")


@check
def copy_relocation(shop):
    user = "extern int hits;\nint main(void) { return hits; }\n"
    path = library_and_user(shop, user, "-no-pie", "-fno-pic")
    problem = refused("a program that names a library's variable without -fPIC",
                      Report(shop, path), "copy-relocation", "COPY", path)
    test("the variable is named, and the cure", problem.get("symbol") == "hits"
         and "-fPIC" in problem["cure"], problem)
    test("the address is that of the copy",
         f"0x{symbols(path)['hits'][0]:x}" in problem["cause"], problem)
    ran = shop.fondue("run", path)
    test("the runtime refuses it, too", "COPY" in ran.stderr, ran.stderr)
    path = library_and_user(shop, user, "-fPIC")
    report = Report(shop, path)
    test("with -fPIC it is shared", report.status == 0 and not report.problems()
         and report.object("libhits.so")["status"] == "shared", report)


@check
def interposition(shop):
    user = "int hits;\nint *get(void);\nint main(void) { return *get() + hits; }\n"
    path = library_and_user(shop, user, "-Wl,--no-as-needed", "-rdynamic")
    problem = refused("a program that defines a library's name, not shared",
                      Report(shop, path), "interposed", path)
    test("the variable is named", problem.get("symbol") == "hits", problem)
    ran = shop.fondue("run", path)
    test("the runtime refuses it, too", "same name" in ran.stderr, ran.stderr)
    path = library_and_user(shop, "#include <fondue/shared.h>\nFONDUE_SHARED " + user,
                            "-Wl,--no-as-needed", "-rdynamic")
    report = Report(shop, path)
    test("annotated there as well, it is shared", report.status == 0, report)


@check
def raw_attribute(shop):
    raw = '__attribute__((section("shared"))) int raw_one = 1;\n' \
          '__attribute__((section("zother"))) int neighbour = 1;\n'
    shop.write("raw.c", raw)
    shop.make("gcc", "-g", "-c", "raw.c")
    path = shop.program("last", RICH, "raw.o")
    problem = refused("a raw attribute, last in link order", Report(shop, path),
                      "stop-unaligned", "raw_one", "raw.c:1", "in its pages: ")
    ran = shop.fondue("run", path)
    test("the runtime refuses it, too", "middle of a page" in ran.stderr, ran.stderr)
    neighbours = [name for name, (address, _) in symbols(path).items()
                  if address // PAGE == symbols(path)["raw_one"][0] // PAGE
                  and name != "raw_one" and not name.startswith("_")]
    test("who lies in the same page is named, with its size",
         any(f"{name} ({symbols(path)[name][1]} bytes)" in problem["cause"]
             for name in neighbours), (problem, neighbours))
    shop.write("rich2.c", RICH)
    shop.make("gcc", "-g", "-I" + shop.args.include, "raw.o", "rich2.c", "-o", "first")
    report = Report(shop, "./first")
    test("a raw attribute before a file with the header is shared", report.status == 0
         and "raw_one" in [each["name"] for each in report.objects[0]["variables"]], report)
    path = shop.program("alone", raw + "int main(void) { return raw_one; }\n")
    refused("a raw attribute and no header anywhere", Report(shop, path), "no-note", "raw_one")
    path = shop.program("constant", '__attribute__((section("shared"))) const int one = 1;\n'
                        "int main(void) { return one; }\n")
    refused("a constant alone in the section", Report(shop, path), "read-only-section", "one")


@check
def objcopy_trap(shop):
    shop.write("edited.c", "int edited;\nint *get(void) { return &edited; }\n")
    shop.make("gcc", "-g", "-c", "-fdata-sections", "edited.c")
    shop.make("objcopy", "--rename-section", ".bss.edited=shared", "edited.o")
    path = shop.program("trapped", RICH.replace("return count()",
                                                "extern int *get(void); return *get() + count()"),
                        "edited.o", "-fuse-ld=bfd")
    if list(run(["readelf", "-SW", path]).stdout.split()).count("shared") < 2:
        raise Skip("this linker merges the two sections")
    refused("a variable moved by objcopy", Report(shop, path), "duplicate-section",
            "second section")


@check
def function_in_section(shop):
    path = shop.program("code", "#include <fondue/shared.h>\n"
                        "FONDUE_SHARED int code(void) { return 1; }\n"
                        "int main(void) { return 0; }\n")
    report = Report(shop, path)
    test("an annotated function is named", report.status == 1
         and any(each["symbol"] == "code" for each in report.problems()
                 if each["code"] == "function") or "executable" in report.codes(), report)


@check
def thread_local(shop):
    path = shop.program("local", '__attribute__((section("shared"))) __thread int one = 1;\n'
                        "int main(void) { return one; }\n")
    refused("a thread-local variable in the section", Report(shop, path), "thread-local")


@check
def quoted_name(shop):
    """A compiler that quotes the section names that gcc hands over as they are."""
    path = shop.program("quoted", '__attribute__((section("shared,\\"aw\\",%progbits"), used)) '
                        "int one = 1;\nint main(void) { return one; }\n", cc="clang")
    problem = refused("a section name that was quoted", Report(shop, path), "quoted-section")
    test("the cure is the other form of the attribute",
         "FONDUE_PLAIN_SECTIONS" in problem.get("cure", ""), problem)


@check
def small_alignment(shop):
    path = shop.program("small", ANNOTATED + "int main(void) { return hits; }\n",
                        "-DFONDUE_ALIGN=1024")
    refused("built for smaller pages", Report(shop, path), "page-larger", str(PAGE))


def patched(shop, path, offset, data):
    """The file with `data` at `offset` behind the beginning of its note."""
    with open(path, "rb") as file:
        content = bytearray(file.read())
    at = content.find(b"\1\0\0\0fondue\0") - 8
    content[at + offset:at + offset + len(data)] = data
    with open(path + "-patched", "wb") as file:
        file.write(content)
    os.chmod(path + "-patched", 0o755)
    return path + "-patched"


@check
def notes(shop):
    path = shop.program("rich", RICH)
    refused("a note of a later version", Report(shop, patched(shop, path, 20, b"\x63\0\0\0")),
            "note-version", "version 99")
    refused("a note of a wrong size", Report(shop, patched(shop, path, 4, b"\x14\0\0\0")),
            "note-damaged")
    with open(path, "rb") as file:
        content = bytearray(file.read())
    start, size = next((int(words[1], 16), int(words[4], 16)) for words in (
        line.split() for line in run(["readelf", "-lW", path]).stdout.splitlines())
        if words[:1] == ["DYNAMIC"])
    for at in range(start, start + size, 16):
        tag, _ = struct.unpack_from("<QQ", content, at)
        if tag == 3:  # DT_PLTGOT
            struct.pack_into("<Q", content, at + 8, sections(path)["shared"][0] + 64)
    with open(path + "-got", "wb") as file:
        file.write(content)
    os.chmod(path + "-got", 0o755)
    refused("a GOT in the pages", Report(shop, path + "-got"), "foreign", "loader's")


@check
def other_programs(shop):
    static = shop.program("static", COUNT, "-static")
    refused("static without the runtime", Report(shop, static), "static", "no preload reaches")
    shop.make("strip", "static")
    refused("static and stripped", Report(shop, static), "static", "no preload reaches")
    linked = shop.program("linked", COUNT, "-static", "-Wl,-u,fondue_runtime", shop.args.archive)
    report = Report(shop, linked)
    test("static with the runtime", report.status == 0 and not report.problems(), report)
    refused("AddressSanitizer without -lfondue",
            Report(shop, shop.program("asan", COUNT, "-fsanitize=address")), "sanitizer")


@check
def auditor(shop):
    """The loader runs the constructors of the auditors that a program names."""
    audit = shop.library_of("audit.so", """
#include <fcntl.h>
__attribute__((constructor)) static void run(void) { creat("audited", 0600); }
unsigned la_version(unsigned v) { return v; }
""")
    path = shop.program("audited-program", COUNT, "-Wl,--audit=" + audit)
    report = Report(shop, path)
    test("no code named by the file is run", not os.path.exists(shop.path("audited"))
         and "libraries-unknown" in report.codes("note"), report)


@check
def setuid_program(shop):
    if os.geteuid() != 0:
        raise Skip("only root can make such a file")
    path = shop.program("count", COUNT)
    os.chown(path, pwd.getpwnam("nobody").pw_uid, 0)
    os.chmod(path, 0o4755)
    report = Report(shop, path)
    test("set-user-ID is a note", report.status == 0 and report.codes("note") == ["setuid"],
         report)


@check
def musl_program(shop):
    report = Report(shop, shop.program("musl", COUNT, cc="musl-gcc"))
    test("another libc is a note", report.status == 0
         and report.codes("note") == ["other-libc"], report)


@check
def aarch64_program(shop):
    report = Report(shop, shop.program("aarch64", COUNT, cc="aarch64-linux-gnu-gcc"))
    mine = report.object("aarch64")
    test("another machine is a note; proved for 4 KiB, and said up to which size",
         report.status == 0 and report.codes("note") == ["other-machine", "libraries-unknown"]
         and mine["page_size"] == 4096 and mine["page_size_max"] == 65536
         and mine["machine"] == "64-bit aarch64"
         and "up to 65536" in report.text.stdout, report)
    test("its variables are named", [each["name"] for each in mine["variables"]] == ["hits"])


@check
def small_program(shop):
    shop.write("small.c", ANNOTATED + "int _start(void) { return hits; }\n")
    shop.make("gcc", "-m32", "-g", "-I" + shop.args.include, "-nostdlib", "-shared",
              "-fno-stack-protector", "small.c", "-o", "small")
    refused("32 bits", Report(shop, "./small"), "other-machine", "32-bit x86")


sys.exit(main(__doc__))
