#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fondue run: what it says where a preload would do nothing, and that it says no more.

    test-remarks.py --fondue EXE --library SO --archive A --include DIR
"""
import os
import pwd
import shutil
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import test  # noqa: E402
from workshop import (  # noqa: E402
    COUNT, PLAIN, Skip, check, is_remark, main, needs, run, show, silent)


def remarked(shop, name, path, *words, stdout="hits 0\n", environment=None):
    """The remark, the program run all the same; and with --strict not run."""
    ran = shop.fondue("run", path, environment=environment)
    test(f"{name}: one line says so, and the program runs",
         ran.returncode == 0 and ran.stdout == stdout and is_remark(ran, *words), show(ran))
    for how in ["--strict"], []:
        ran = shop.fondue("run", *how, path, environment=dict(
            environment or {}, **({} if how else {"FONDUE_STRICT": "1"})))
        test(f"{name}: not run under FONDUE_STRICT ({how or 'environment'}), status 127",
             ran.returncode == 127 and ran.stdout == ""
             and is_remark(ran, "FONDUE_STRICT", *words), show(ran))


@check
def static_programs(shop):
    static = shop.program("static", COUNT, "-static")
    remarked(shop, "static", static, "static program", "libfondue.a", "fondue(7)")
    pie = shop.program("pie", COUNT, "-static-pie")
    remarked(shop, "static PIE", pie, "static program", "libfondue.a")
    stripped = shop.program("stripped", COUNT, "-static", "-s")
    remarked(shop, "static and stripped", stripped, "a static program", "libfondue.a")
    linked = shop.program("linked", PLAIN, "-static", "-Wl,-u,fondue_runtime", shop.args.archive)
    for name in "linked", "linked-stripped":
        if name != "linked":
            shop.make("strip", "-o", name, linked)
        ran = shop.fondue("run", "--strict", "./" + name)
        test(f"static with the runtime: nothing to remark, strict or not ({name})",
             silent(ran), show(ran))
    ran = shop.fondue("run", "/lib64/ld-linux-x86-64.so.2", shop.program("count", COUNT))
    if os.path.exists("/lib64/ld-linux-x86-64.so.2"):
        test("the loader, run as a program, preloads", ran.stdout == "hits 4\n"
             and "static" not in ran.stderr, show(ran))


def as_nobody():
    nobody = pwd.getpwnam("nobody")
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)


def drop(shop, *words, **options):
    return shop.fondue(*words, preexec_fn=as_nobody, **options)


@check
def setuid_programs(shop):
    if os.geteuid() != 0:
        raise Skip("only root can make such files")
    os.chmod(shop.directory, 0o755)
    path = shop.program("count", COUNT)
    nobody = pwd.getpwnam("nobody")

    def of(uid, gid, mode):
        os.chown(path, uid, gid)
        os.chmod(path, mode)

    of(nobody.pw_uid, 0, 0o4755)
    remarked(shop, "set-user-ID", path, "more rights", "LD_PRELOAD", "-lfondue")
    of(0, nobody.pw_gid, 0o2755)
    remarked(shop, "set-group-ID", path, "more rights", "-lfondue")
    of(0, nobody.pw_gid, 0o2745)
    test("set-group-ID without the right to execute is something else",
         silent(shop.fondue("run", path), 0, "hits 4\n"))
    of(0, 0, 0o4755)
    test("set-user-ID of the caller itself gains nothing",
         silent(shop.fondue("run", path), 0, "hits 4\n"))
    outside = os.access(shop.args.fondue, os.X_OK) and run(
        ["true"], preexec_fn=as_nobody).returncode == 0
    reachable = outside and drop(shop, "--version").returncode == 0
    if not reachable:
        raise Skip("the build directory cannot be read by nobody")
    ran = drop(shop, "run", path)
    test("set-user-ID root, for another caller", ran.returncode == 0
         and is_remark(ran, "more rights"), show(ran))
    of(0, 0, 0o755)
    if shutil.which("setcap"):
        shop.make("setcap", "cap_net_raw+ep", path)
        ran = drop(shop, "run", path)
        test("file capabilities, for another caller", ran.returncode == 0
             and is_remark(ran, "capabilities"), show(ran))
    linked = shop.program("linked", COUNT, "-L" + os.path.dirname(shop.library),
                          "-Wl,--no-as-needed", "-lfondue",
                          "-Wl,-rpath," + os.path.dirname(shop.library))
    os.chown(linked, nobody.pw_uid, 0)
    os.chmod(linked, 0o4755)
    ran = shop.fondue("run", "--strict", linked)
    test("set-user-ID with -lfondue: nothing to remark", silent(ran, 0, "hits 4\n"), show(ran))


@check
def musl_programs(shop):
    path = shop.program("musl", COUNT, cc="musl-gcc")
    remarked(shop, "musl", path, "musl", "glibc", "LD_PRELOAD stays", "musl-gcc")
    plain = shop.program("musl-plain", PLAIN, cc="musl-gcc")
    ran = shop.fondue("run", plain, "LD_PRELOAD")
    test("musl: LD_PRELOAD is left as it was", ran.stdout == "(unset)\n", show(ran))


def foreign(shop, name, cc, *options, machine):
    needs(cc)
    path = shop.program(name, "int _start(void) { return 0; }\n", "-nostdlib", "-shared",
                        "-fno-stack-protector", *options, cc=cc)
    os.chmod(path, 0o755)
    # a shared library with an interpreter is a program: give it one without linking libc
    ran = shop.fondue("run", path)
    test(f"{name}: named, and not read by a shell when the kernel cannot run it",
         ran.returncode in (126, -signal.SIGSEGV, 0, 127) and machine in ran.stderr
         and "LD_PRELOAD stays" in ran.stderr and "Syntax error" not in ran.stderr, show(ran))
    ran = shop.fondue("run", "--strict", path)
    test(f"{name}: under --strict status 127", ran.returncode == 127
         and is_remark(ran, machine), show(ran))


@check
def aarch64_programs(shop):
    foreign(shop, "aarch64", "aarch64-linux-gnu-gcc", machine="64-bit aarch64")


@check
def small_programs(shop):
    foreign(shop, "32-bit", "gcc", "-m32", machine="32-bit x86")


@check
def not_annotated(shop):
    plain = shop.program("plain", PLAIN)
    for strict in [], ["--strict"]:
        ran = shop.fondue("run", *strict, plain)
        test("not annotated: one line says so, and the program runs, since modules may come",
             ran.returncode == 0 and is_remark(ran, "nothing in it", "loads or executes later",
                                               "fondue check " + plain), show(ran))
    ran = shop.fondue("run", plain, "LD_PRELOAD")
    test("not annotated: preloaded all the same", "libfondue.so" in ran.stdout, show(ran))
    shop.library_of("libhits.so", "#include <fondue/shared.h>\nFONDUE_SHARED int hits;\n")
    user = shop.program("user", PLAIN, "-L.", "-Wl,--no-as-needed", "-lhits",
                        "-Wl,-rpath,$ORIGIN")
    ran = shop.fondue("run", "--strict", user)
    test("an annotated library is enough", silent(ran), show(ran))
    linked = shop.program("linked", PLAIN, "-L" + os.path.dirname(shop.library),
                          "-Wl,--no-as-needed", "-lfondue",
                          "-Wl,-rpath," + os.path.dirname(shop.library))
    ran = shop.fondue("run", "--strict", linked)
    test("a program with -lfondue knows what it does", silent(ran), show(ran))
    os.mkfifo(shop.path("fifo"))
    ran = shop.fondue("run", "./fifo")
    test("a FIFO is not waited for", ran.returncode == 126, show(ran))
    hostile = shop.path("a\nb\x1b[31m\u009b\u00e9")
    shutil.copy(plain, hostile)
    ran = shop.fondue("run", hostile)
    test("a name with control characters makes one clean line",
         ran.returncode == 0 and is_remark(ran, "a?b?[31m?\u00e9:"), show(ran))


@check
def sanitized_programs(shop):
    environment = {"ASAN_OPTIONS": "detect_leaks=0"}
    path = shop.program("address", COUNT, "-fsanitize=address")
    remarked(shop, "AddressSanitizer", path, "AddressSanitizer", "-lfondue",
             environment=environment)
    linked = shop.program("linked", COUNT, "-fsanitize=address",
                          "-L" + os.path.dirname(shop.library), "-Wl,--no-as-needed",
                          "-lfondue", "-Wl,-rpath," + os.path.dirname(shop.library))
    ran = shop.fondue("run", "--strict", linked, environment=environment)
    test("AddressSanitizer and -lfondue: not preloaded, and shared",
         silent(ran, 0, "hits 4\n"), show(ran))
    for name in "thread", "undefined":
        path = shop.program(name, COUNT, "-fsanitize=" + name)
        ran = shop.fondue("run", path)
        test(f"-fsanitize={name} needs no remark", silent(ran, 0, "hits 4\n"), show(ran))
    path = shop.program("clang-address", COUNT, "-fsanitize=address", cc="clang")
    ran = shop.fondue("run", path, environment=environment)
    test("clang's AddressSanitizer, linked in, needs no remark",
         silent(ran, 0, "hits 4\n"), show(ran))


sys.exit(main(__doc__))
