#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fondue run: what it leaves of itself in a program (nothing), and where it finds its library.

    test-run.py --fondue EXE --library SO --archive A --include DIR --build DIR --meson MESON
"""
import os
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import test  # noqa: E402
from workshop import (  # noqa: E402
    COUNT, PLAIN, Skip, check, is_remark, main, run, show, silent)


@check
def annotated_program(shop):
    path = shop.program("count", COUNT)
    for words in ["run", "--", path], ["run", path], ["run", "./count"]:
        ran = shop.fondue(*words)
        test(f"an annotated program is shared, and nothing is said: {words[1:-1]}",
             silent(ran, 0, "hits 4\n"), show(ran))
    ran = run([path], env=shop.environment)
    test("without `fondue run` the same program is private", ran.stdout == "hits 0\n", show(ran))


@check
def preload_variable(shop):
    plain = shop.program("plain", PLAIN.replace("#include <stdio.h>", "#include <stdio.h>\n"
                                                "#include <fondue/shared.h>\n"
                                                "FONDUE_SHARED int hits;"))
    other = shop.library_of("libother.so", "int other;\n")
    again = shop.path("again.so")
    os.symlink(shop.library, again)

    def preload(value):
        return shop.fondue("run", plain, "LD_PRELOAD",
                           environment={"LD_PRELOAD": value} if value is not None else {})

    for name, before, after in [
            ("nothing there", None, "{ours}"),
            ("an empty one", "", "{ours}"),
            ("another library stays in front", other, other + ":{ours}"),
            ("two others, by a space", f"{other} {other}", f"{other} {other}:{{ours}}"),
            ("ours is there already", "{ours}", "{ours}"),
            ("ours among others", f"{other}:{{ours}}", f"{other}:{{ours}}"),
            ("the same file by another name", again, again),
            ("a name of it that is none", "/nonexistent/libfondue.so",
             "/nonexistent/libfondue.so:{ours}")]:
        ours = shop.path("unknown")
        ours = preload(None).stdout.strip()
        ran = preload(before.format(ours=ours) if before else before)
        test(f"LD_PRELOAD: {name}", ran.stdout.strip() == after.format(ours=ours), show(ran))
    test("LD_PRELOAD: the path is absolute, short, and that of the library",
         os.path.isabs(ours) and "/.." not in ours and os.path.samefile(ours, shop.library), ours)
    for name, before in [("a bare name, which may not be found", "libfondue.so"),
                         ("an empty file of that name", shop.path("libfondue.so.bak"))]:
        open(shop.path("libfondue.so.bak"), "w").close()
        ran = preload(before)
        test(f"LD_PRELOAD: {name} is no substitute",
             ran.stdout.strip() == f"{before}:{ours}", show(ran))


@check
def options(shop):
    plain = shop.program("plain", PLAIN)

    def see(*words, environment=None):
        return shop.fondue("run", *words, plain, "FONDUE_LOG", "FONDUE_STRICT",
                           "FONDUE_VERBOSE", environment=environment).stdout.split("\n")[:3]

    test("options set nothing unless given", see() == ["(unset)"] * 3, see())
    test("--log is made absolute", see("--log=a.log")[0] == shop.path("a.log"), see("--log=a.log"))
    test("--log: an absolute one stays", see("--log", "/tmp/x")[0] == "/tmp/x")
    test("--verbose sets FONDUE_VERBOSE", see("--verbose")[2] == "1")
    ran = shop.fondue("run", "--hold-ms=250", plain, "FONDUE_HOLD_MS")
    test("--hold-ms sets FONDUE_HOLD_MS", ran.stdout == "250\n", show(ran))
    ran = shop.fondue("run", "--report-dir=reports", "--report-format", "json", plain,
                      "FONDUE_REPORT_DIR", "FONDUE_REPORT_FORMAT")
    test("--report-dir is made absolute, --report-format set",
         ran.stdout == f"{shop.path('reports')}\njson\n", show(ran))
    test("what is set in the environment stays",
         see(environment={"FONDUE_STRICT": "0", "FONDUE_LOG": "l"}) == ["l", "0", "(unset)"])
    count = shop.program("count", COUNT)
    ran = shop.fondue("run", "--strict", "--verbose", "--log=some.log", "--", count)
    with open(shop.path("some.log")) as file:
        log = file.read()
    test("--strict lets a program run that is shared; --log gets what --verbose says",
         silent(ran, 0, "hits 4\n") and "are shared" in log, show(ran) + log)
    ran = shop.fondue("run", plain, "--strict", "--help")
    test("options end at the program", ran.stdout == "(unset)\n(unset)\n", show(ran))
    for words, said in [((), "which program"), (("--frob", plain), "--frob"),
                        (("-z", plain), "-z"), (("--log",), "needs an argument"),
                        (("--log=", plain), "--log="),
                        (("--report-dir=", plain), "--report-dir="),
                        (("--report-format=xml", plain), "text or json"),
                        (("--hold-ms=soon", plain), "--hold-ms=soon"),
                        (("--hold-ms=-1", plain), "--hold-ms=-1"),
                        (("--hold-ms=1000000001", plain), "milliseconds")]:
        ran = shop.fondue("run", *words)
        test(f"wrong use ends with status 125 and one line: {words[:1]}",
             ran.returncode == 125 and is_remark(ran, said) and not ran.stdout, show(ran))


@check
def the_program_is_alone(shop):
    """pid, exit status, signals, standard input, descriptors and argv[0] are the program's."""
    shell = shop.fondue
    ran = shell("run", "sh", "-c", "exit 42")
    test("the exit status is the program's", ran.returncode == 42, show(ran))
    ran = shell("run", "sh", "-c", "kill -TERM $$")
    test("and so is a signal that ends it", ran.returncode == -signal.SIGTERM, show(ran))
    ran = shell("run", "cat", input="a line\n")
    test("standard input passes", ran.stdout == "a line\n", show(ran))
    read, write = os.pipe()
    ran = shell("run", "sh", "-c", f"echo through >&{write}; ls /proc/self/fd", pass_fds=[write])
    os.close(write)
    passed = os.read(read, 100)
    os.close(read)
    listed = ran.stdout.split()
    test("descriptors pass, and none is added", passed == b"through\n"
         and {"0", "1", "2", str(write)} <= set(listed) and len(listed) == 5, show(ran))
    child = subprocess.Popen([shop.args.fondue, "run", "sh", "-c", "echo $$"],
                             env=shop.environment, text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
    test("the pid stays", child.communicate()[0] == f"{child.pid}\n")
    ran = shell("run", "sh", "-c", "echo $0", "-x")
    test("arguments pass as they are", ran.stdout == "-x\n", show(ran))
    mask = ("import os, signal, sys\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])\n"
            "os.execv(sys.argv[1], sys.argv[1:])\n")
    ran = run([sys.executable, "-c", mask, shop.args.fondue, "run", sys.executable, "-c",
               "import signal; print(signal.sigpending())"], env=shop.environment)
    test("a blocked SIGCHLD is not pending when nobody died", ran.stdout == "set()\n", show(ran))


@check
def finding(shop):
    os.makedirs(shop.path("bin"))
    os.makedirs(shop.path("first/tool"))
    shop.program("bin/tool", COUNT)
    shop.write("first/no", "text")
    path = f"{shop.path('first')}:{shop.path('nowhere')}:{shop.path('bin')}"
    ran = shop.fondue("run", "tool", environment={"PATH": path})
    test("a program is found along PATH, past a directory of its name",
         silent(ran, 0, "hits 4\n"), show(ran))
    os.makedirs(shop.path("first/still"))
    shop.program("bin/still", COUNT, "-static")
    ran = shop.fondue("run", "still", environment={"PATH": path})
    test("and it is this one that is looked at", ran.returncode == 0
         and is_remark(ran, "still: it is a static program"), show(ran))
    ran = shop.fondue("run", "no", environment={"PATH": path})
    test("found along PATH, but not executable: status 126",
         ran.returncode == 126 and is_remark(ran, "no: cannot be executed"), show(ran))
    ran = shop.fondue("run", "tool", environment={"PATH": f":{path}"}, cwd=shop.path("bin"))
    test("an empty element of PATH is the current directory", ran.stdout == "hits 4\n", show(ran))
    for name, status, said in [("frobnicate", 127, "not found along PATH"),
                               ("./frobnicate", 127, "not found"), ("", 127, "not found"),
                               ("first/no", 126, "Permission denied"),
                               (shop.directory, 126, "Permission denied"),
                               ("/dev/null", 126, "Permission denied")]:
        ran = shop.fondue("run", name)
        test(f"'{os.path.basename(name)}' cannot be run: status {status}",
             ran.returncode == status and is_remark(ran, said), show(ran))


@check
def scripts(shop):
    shop.write("script", "#!/bin/sh\necho script $0 $1\nexit 3\n", 0o755)
    shop.write("text", "echo text $1\nexit 4\n", 0o755)
    shop.write("orphan", "#!/nonexistent/interpreter\n", 0o755)
    ran = shop.fondue("run", "./script", "a")
    test("a script runs, and no annotation is missed", silent(ran, 3, "script ./script a\n"),
         show(ran))
    ran = shop.fondue("run", "./text", "a")
    test("a script without #! runs as execvp() has it", silent(ran, 4, "text a\n"), show(ran))
    ran = shop.fondue("run", "./orphan")
    test("a script whose interpreter is missing: status 127, which is named",
         ran.returncode == 127 and is_remark(ran, "/nonexistent/interpreter"), show(ran))
    count = shop.program("count", COUNT)
    shop.write("caller", f"#!/bin/sh\nexec {count}\n", 0o755)
    ran = shop.fondue("run", "--strict", "./caller")
    test("a script may execute what is annotated, strict or not", silent(ran, 0, "hits 4\n"),
         show(ran))
    static = shop.program("static", PLAIN, "-static")
    shop.write("by-static", f"#!{static}\n", 0o755)
    ran = shop.fondue("run", "./by-static")
    test("the interpreter of a script may be static",
         ran.returncode == 0 and is_remark(ran, "by-static: its interpreter", static, "static"),
         show(ran))


@check
def own_place(shop):
    count = shop.program("count", COUNT)
    os.symlink(shop.args.fondue, shop.path("alias"))
    ran = shop.fondue("run", count, command=shop.path("alias"))
    test("the command works through a symbolic link", silent(ran, 0, "hits 4\n"), show(ran))
    os.makedirs(shop.path("my builds/tools"))
    os.makedirs(shop.path("my builds/preload"))
    spaced = shop.path("my builds/tools/fondue")
    shutil.copy(shop.args.fondue, spaced)
    ran = shop.fondue("run", count, command=spaced)
    test("without its library: status 125, and where it was looked for",
         ran.returncode == 125 and is_remark(ran, "libfondue.so", "install"), show(ran))
    shutil.copy(shop.library, shop.path("my builds/preload/libfondue.so"))
    ran = shop.fondue("run", count, command=spaced)
    test("a library that LD_PRELOAD cannot name: status 125",
         ran.returncode == 125 and is_remark(ran, "LD_PRELOAD cannot name", "space")
         and not ran.stdout, show(ran))
    os.symlink("my builds", shop.path("builds"))
    ran = shop.fondue("run", count, command=shop.path("builds/tools/fondue"))
    test("but through a link whose path can be named it works",
         silent(ran, 0, "hits 4\n"), show(ran))
    ran = shop.fondue("run", count, command="builds/tools/fondue")
    test("also by a relative path", silent(ran, 0, "hits 4\n"), show(ran))
    spaced_program = shop.path("my builds/count me")
    shutil.copy(count, spaced_program)
    ran = shop.fondue("run", spaced_program)
    test("a program in a directory with spaces is no matter", silent(ran, 0, "hits 4\n"),
         show(ran))


@check
def installation(shop):
    """What `meson install` puts where, moved as a whole afterwards."""
    installed = run([*shop.args.meson.split(), "install", "-C", shop.args.build, "--no-rebuild",
                     "--destdir", shop.path("dest"), "--quiet"])
    if installed.returncode:
        raise Skip("meson install: " + installed.stdout + installed.stderr)
    found = [os.path.join(where, name) for where, _, names in os.walk(shop.path("dest"))
             for name in names]
    commands = [path for path in found if path.endswith("/bin/fondue")]
    pages = [os.path.basename(path) for path in found if "/man/" in path]
    test("the command and both manual pages are installed", len(commands) == 1
         and sorted(page.split(".gz")[0] for page in pages) == ["fondue.1", "fondue.7"], found)
    os.rename(shop.path("dest"), shop.path("moved"))
    command = commands[0].replace("/dest/", "/moved/")
    plain = shop.program("plain", COUNT.replace("return 0;", 'puts(getenv("LD_PRELOAD"));')
                         .replace("<stdio.h>", "<stdio.h>\n#include <stdlib.h>"))
    ran = shop.fondue("run", plain, command=command)
    test("an installation that was moved uses its own library", ran.returncode == 0
         and ran.stdout.startswith("hits 4\n" + shop.path("moved")) and not ran.stderr, show(ran))


@check
def the_frame(shop):
    for words in ["--help"], ["help"], ["-h"]:
        ran = shop.fondue(*words)
        test(f"{words[0]} lists the commands", ran.returncode == 0 and "run " in ran.stdout
             and "check " in ran.stdout and not ran.stderr, show(ran))
    for name in "run", "check":
        a, b = shop.fondue("help", name), shop.fondue(name, "--help")
        test(f"`help {name}` and `{name} --help` say the same", a.returncode == b.returncode == 0
             and a.stdout == b.stdout != "" and a.stdout.startswith(f"usage: fondue {name} "))
    ran = shop.fondue("--version")
    test("--version", silent(ran, 0) and ran.stdout.startswith("fondue 0."), show(ran))
    for words in ["frob"], ["help", "frob"]:
        ran = shop.fondue(*words)
        test(f"an unknown command: status 2: {words}", ran.returncode == 2
             and is_remark(ran, "'frob'"), show(ran))
    ran = shop.fondue()
    test("no command: status 2, the list on standard error", ran.returncode == 2
         and not ran.stdout and "COMMAND" in ran.stderr, show(ran))
    with open("/dev/full", "w") as full:
        ran = shop.fondue("--help", stdout=full)
        test("output that cannot be written is an error", ran.returncode == 1
             and is_remark(ran, "standard output"), ran.stderr)


sys.exit(main(__doc__))
