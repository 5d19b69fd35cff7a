#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fondue annotate: lines to change, and annotations that no source shows.

    test-annotate.py --fondue EXE --library SO --archive A --include DIR

Programs are built as they are, then with what the command has printed, with each compiler; what
they print tells which variables are one for all processes.
"""
import json
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import test  # noqa: E402
from workshop import Skip, check, is_remark, main, run, show, silent  # noqa: E402

COMPILERS = ["gcc", "clang"]
LINKERS = ["bfd", "gold", "lld", "mold"]
MAIN = r"""
#define _GNU_SOURCE
#include <stdio.h>
#include <stdarg.h>
#include <sys/wait.h> /* for
                         wait() */
#include "row.h"
struct inner;
extern int hits;
int before = 1, hits, after = 2;
static long sum = 4;
static int big[30000];
struct point { int x, y; } spot = { 1, 2 }, spots[2];
row_t rows[3];
struct named_row one_row;
enum color { RED, GREEN } color;
volatile unsigned long long ticks[2][3];
int (*act)(struct inner *, enum color, const char *, ...);
struct { int a; } nameless;
union { int a; } *to_nameless;
const int constant = 3;
_Thread_local int of_thread;
va_list arguments;
_Bool flag;
char *words[] = { "a", "b" };
int *const fixed = &hits;
int renamed __asm__("other_name");
int placed __attribute__((section("apart"))) = 1;
void more(void);
static int count(void) { static int calls; return ++calls; }
static void serve(void)
{
	hits++; sum++; before++; after++; big[29999]++; spot.y++; rows[2].cells[1]++;
	color = GREEN; ticks[1][2]++; flag = 1; words[1] = words[0]; spots[1].x++; count();
	one_row.cells[0]++; nameless.a++; act = 0; more(); placed++; renamed++; of_thread++;
}
int main(void)
{
	for (int w = 0; w < 3; w++)
		if (!fork()) { serve(); _exit(0); }
		else wait(NULL);
	printf("hits %d sum %ld before %d after %d big %d spot %d rows %d color %d ticks %llu "
	       "flag %d words %d calls %d one_row %d constant %d %d %d\n", hits, sum, before, after,
		big[29999], spot.y, rows[2].cells[1], color, ticks[1][2], flag,
		words[1] == words[0], count(), one_row.cells[0], constant, !to_nameless, fixed == &hits);
	return 0;
}
"""
MORE = r"""
#include <unistd.h>
enum unrelated { ONE, TWO, after_all };
static int sum;
int twins;
void more(void) { sum++; twins++; }
"""
ROW = """#ifndef ROW_H
#define ROW_H
typedef struct { int cells[2]; } row_t;
struct named_row { int cells[3]; };
#endif
"""
PLAIN = dict(hits=0, sum=4, before=1, after=2, big=0, spot=2, rows=0, color=0, ticks=0, flag=0,
             words=0, calls=1, one_row=0, constant="3 1 1")
SHARED = dict(hits=3, sum=7, before=4, after=5, big=3, spot=5, rows=3, color=1, ticks=3, flag=1,
              words=1, calls=4, one_row=3)


def expected(*names):
    values = dict(PLAIN, **{name: SHARED[name] for name in names})
    return " ".join(f"{name} {value}" for name, value in values.items()) + "\n"


def compilers():
    found = [cc for cc in COMPILERS if shutil.which(cc)]
    if not found:
        raise Skip("there is no compiler")
    return found


def sources(shop):
    for name, text in ("main.c", MAIN), ("more.c", MORE), ("row.h", ROW):
        shop.write(name, text.lstrip("\n"))


def must(shop, *command):
    """That it compiles is what is promised: it must not be passed over."""
    made = run(command, cwd=shop.directory)
    if made.returncode or made.stderr:
        test(f"{' '.join(command)}: it compiles, and without a warning", False, show(made))
        raise Skip("it does not")


def build(shop, cc, to, *options, of_main=(), of_more=(), link=()):
    """Each file with options of its own, then the program."""
    for name, own in ("main", of_main), ("more", of_more):
        must(shop, cc, "-g", "-I" + shop.args.include, *options, *own, "-c", name + ".c", "-o",
             name + ".o")
    must(shop, cc, *(link or options), "main.o", "more.o", "-o", to)
    return shop.path(to)


def emit(shop, path, *words):
    return shop.fondue("annotate", "--emit-header", *words[:-1], path, *words[-1].split())


@check
def header_for_all(shop):
    sources(shop)
    for cc in compilers():
        plain = build(shop, cc, "plain")
        ran = shop.fondue("run", "--", plain)
        test(f"{cc}: a program as it is", ran.stdout == expected(), show(ran))
        names = "hits", "spot", "color", "ticks", "flag", "words"
        made = emit(shop, plain, " ".join((*names, "act")))
        test(f"{cc}: a header is made", made.returncode == 0 and made.stderr == "", show(made))
        shop.write("these.h", made.stdout)
        for options in ["-O0"], ["-O3", "-std=gnu99"], ["-O2", "-std=gnu2x", "-flto"], \
                ["-std=gnu11", "-pedantic", "-Wall", "-Wextra", "-Werror", "-Wredundant-decls",
                 "-Wno-unused-variable"], ["-fno-pie", "-fdata-sections"]:
            ran = shop.fondue("run", "--", build(
                shop, cc, "rebuilt", *options, of_main=["-include", "these.h"],
                of_more=["-include", "these.h"],
                link=["-no-pie"] if "-fno-pie" in options else ()))
            test(f"{cc} {' '.join(options)}: those are shared, and nothing else",
                 silent(ran, 0, expected(*names)), show(ran))
        ran = run([shop.path("rebuilt")])
        test(f"{cc}: without the runtime it runs as before", ran.stdout == expected(), show(ran))


@check
def header_for_one_file(shop):
    sources(shop)
    for cc in compilers():
        plain = build(shop, cc, "plain")
        made = emit(shop, plain, "--file=main.c", "hits sum big rows one_row")
        test(f"{cc}: statics, and types of headers, for one file",
             made.returncode == 0 and "#define _GNU_SOURCE" in made.stdout
             and "static FONDUE_SHARED_ZERO int big[30000];" in made.stdout, show(made))
        shop.write("main.h", made.stdout)
        for options in ["-O0"], ["-O3", "-Werror"]:
            ran = shop.fondue("run", "--", build(shop, cc, "rebuilt", *options,
                                                 of_main=["-include", "main.h"]))
            test(f"{cc} {' '.join(options)}: those are shared, and nothing else", silent(
                ran, 0, expected("hits", "sum", "big", "rows", "one_row")), show(ran))
        size = os.path.getsize(shop.path("rebuilt"))
        test(f"{cc}: a large one takes no room in the file", size < 100000, size)
        ran = emit(shop, plain, "--file=more.c", "sum")
        test(f"{cc}: of two statics of a name, the file's", "static FONDUE_SHARED int sum;"
             in ran.stdout, show(ran))


@check
def refusals(shop):
    sources(shop)
    for cc in compilers():
        plain = build(shop, cc, "plain")

        def refused(what, names, *words, file=None):
            options = ["--file=" + file] if file else []
            ran = emit(shop, plain, *options, names)
            test(f"{cc}: refused: {what}", ran.returncode == 1 and ran.stdout == ""
                 and is_remark(ran, "refused", *words), show(ran))

        refused("a static without its file", "big", "--file=main.c")
        refused("several of a name", "sum", "main.c", "more.c", "FILE:sum")
        refused("a static of a function", "calls", "count()", "main.c:", "by hand",
                file="main.c")
        refused("a type of a header, for all files", "rows", "row_t", "--file=main.c")
        refused("an array of what the file declares", "spots", "struct point", file="main.c")
        refused("a type without a name", "nameless", "no name")
        refused("a pointer to one", "to_nameless", "no name")
        refused("a constant", "constant", "read-only")
        refused("a constant pointer", "fixed", "read-only")
        refused("a type that only the compiler can name", "arguments", "va_list", file="main.c")
        refused("a variable of each thread", "of_thread", "thread")
        refused("one with a section of its own", "placed", "section apart")
        refused("one that the linker knows by another name", "renamed", "another name")
        refused("one that is not there", "nobody", "no such variable")
        refused("one of several", "hits nobody", "nobody")
        shop.write("more.c", MORE + "typedef int flag; flag use_it; enum { color } use_that;\n")
        plain = build(shop, cc, "plain")
        refused("a name that is a type elsewhere", "flag", "more.c", "--file=main.c")
        refused("a name that is a constant elsewhere", "color", "more.c", "--file=main.c")
        made = emit(shop, plain, "--file=main.c", "flag color")
        shop.write("main.h", made.stdout)
        ran = shop.fondue("run", "--", build(shop, cc, "rebuilt", of_main=["-include", "main.h"]))
        test(f"{cc}: but not for its file alone", silent(ran, 0, expected("flag", "color")),
             show(ran))
        shop.write("more.c", MORE + "int shared;\n")
        plain = build(shop, cc, "plain")
        refused("beside a symbol that the assembler takes for a section", "hits", "`shared`")
        shop.write("more.c", MORE)
        shop.write("main.c", MAIN.replace("int before", "#include <stdlib.h>\nint before"))
        plain = build(shop, cc, "plain")
        refused("a head that is not all", "rows", "between", file="main.c")
        shop.write("main.c", MAIN)
        shop.write("row.h", ROW.replace("#ifndef ROW_H", "#if 1"))
        plain = build(shop, cc, "plain")
        refused("a header that may not come twice", "rows", "row.h", "twice", file="main.c")
        shop.write("row.h", '#pragma once\n#include "inner.h"\n')
        shop.write("inner.h", '#include "row.h"\n' + ROW.replace("#ifndef ROW_H", "#if 1"))
        plain = build(shop, cc, "plain")
        refused("one in another", "rows", "inner.h", "twice", file="main.c")
        shop.write("row.h", ROW)
        shop.write("main.c", MAIN.replace("int before", "int twins, before"))
        plain = build(shop, cc, "common", "-fcommon")
        refused("one that two files define", "twins", "-fcommon")
        shop.write("main.c", 'static const char\nrcsid[] = "$Id: main.c;v 1 $"; /* ; */\n'
                   + MAIN.lstrip("\n"))
        made = emit(shop, build(shop, cc, "plain"), "--file=main.c", "rows")
        shop.write("main.h", made.stdout)
        ran = shop.fondue("run", "--", build(shop, cc, "rebuilt", of_main=["-include", "main.h"]))
        test(f"{cc}: an identification before the head does no harm",
             silent(ran, 0, expected("rows")), show(ran) + made.stdout)
        sources(shop)
        shop.make("gcc", "main.c", "more.c", "-o", "bare")
        plain = shop.path("bare")
        refused("without debug information", "hits", "-g")


@check
def cplusplus(shop):
    source = r"""
#include <cstdio>
#include <sys/wait.h>
#include <unistd.h>
struct Pair { int a, b; };
class Box { public: int content; static int boxes; };
namespace space { int inside; }
enum Color { RED };
template<class T> struct Held { T t; };
int plain = 3; extern "C" { int cee = 4; } static int local; Pair pair; Box box; Color color;
Held<int> held; bool flag; unsigned long table[2][2]; Pair *ring[3]; Pair pairs[2];
int Box::boxes = 1; int (*taking)(Pair &);
int main()
{
	if (!fork()) {
		plain++; cee++; local++; pair.b++; box.content++; flag = true; table[1][1]++;
		ring[1] = &pair; space::inside++; Box::boxes++; pairs[0].a++; held.t++;
		_exit(0);
	}
	wait(nullptr);
	std::printf("%d %d %d %d %d %d %lu %d %d %d %d\n", plain, cee, local, pair.b, box.content,
		    flag, table[1][1], ring[1] == &pair, space::inside, Box::boxes, color + !taking);
	return 0;
}
"""
    shop.write("one.cc", source)
    for cc in "g++", "clang++":
        if not shutil.which(cc):
            continue
        shop.make(cc, "-g", "one.cc", "-o", "plain")
        made = emit(shop, shop.path("plain"), "plain cee pair box flag table ring")
        shop.write("these.h", made.stdout)
        for options in ["-std=c++11", "-O0"], ["-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror"]:
            must(shop, cc, *options, "-I" + shop.args.include, "-include", "these.h", "one.cc",
                 "-o", "rebuilt")
            ran = shop.fondue("run", "--", shop.path("rebuilt"))
            test(f"{cc} {' '.join(options)}: what has a plain type",
                 silent(ran, 0, "4 5 0 1 1 1 1 1 0 1 1\n"), show(ran))
        for name, word in ("local", "static"), ("inside", "namespace"), ("boxes", "class"), \
                ("color", "C++"), ("held", "C++"), ("pairs", "struct Pair"), \
                ("taking", "reference"):
            ran = emit(shop, shop.path("plain"), name)
            test(f"{cc}: refused: {name}", ran.returncode == 1 and is_remark(ran, name, word),
                 show(ran))


@check
def lines(shop):
    sources(shop)
    path = build(shop, compilers()[0], "plain")
    ran = shop.fondue("annotate", path, "hits", "big", "rows", "calls", "act", "nameless")
    name = shop.path("main.c")
    number = {word: 1 + MAIN.lstrip("\n").split("\n").index(next(
        line for line in MAIN.split("\n") if word in line)) for word in (
            "int before", "static int big", "row_t rows", "int calls", "int (*act)", "} nameless")}
    wanted = [f"{name}:{number['int before']}   FONDUE_SHARED int hits;",
              f"{name}:{number['static int big']}   FONDUE_SHARED_ZERO static int big[30000];",
              f"{name}:{number['row_t rows']}   FONDUE_SHARED row_t rows[3];",
              f"{name}:{number['int calls']}   FONDUE_SHARED static int calls;",
              f"{name}:{number['int (*act)']}   FONDUE_SHARED int (*act)(struct inner *, "
              "enum color, const char *, ...);",
              f"{name}:{number['} nameless']}   FONDUE_SHARED ... nameless;"]
    test("the lines, as they are to be", silent(ran, 0) and ran.stdout.splitlines() == wanted,
         show(ran))
    ran = shop.fondue("annotate", "--json", path, "sum")
    found = json.loads(ran.stdout)["lines"]
    test("of both files, as JSON", [(os.path.basename(one["file"]), one["text"]) for one in found]
         == [("main.c", "FONDUE_SHARED static long int sum;"),
             ("more.c", "FONDUE_SHARED static int sum;")], show(ran))
    ran = shop.fondue("annotate", path, "hits", "nobody", "constant")
    test("what is found is printed, though something is refused", ran.returncode == 1
         and ran.stdout.endswith("int hits;\n") and ran.stderr.count("refused") == 2, show(ran))
    ran = shop.fondue("annotate", shop.path("main.o"), "hits", "main.c:sum", "count:calls")
    test("of an object file, too", silent(ran, 0) and ran.stdout.count("\n") == 3, show(ran))
    for words in [], [path], ["--emit-header", "--emit-objcopy", path, "hits"], \
            ["--json", "--emit-header", path, "hits"], ["--nonsense", path, "hits"]:
        ran = shop.fondue("annotate", *words)
        test(f"wrong: {' '.join(words).replace(shop.directory, '')}", ran.returncode == 2
             and is_remark(ran, "annotate"), show(ran))
    for what, made in ("a directory", shop.directory), ("no file", shop.path("none")), \
            ("a text", shop.path("main.c")):
        ran = shop.fondue("annotate", made, "hits")
        test(f"cannot be read: {what}", ran.returncode == 1 and is_remark(ran, made), show(ran))


def objcopied(shop, cc, objcopy, ld, names, expect):
    made = shop.fondue("annotate", "--emit-objcopy", "main.o", *names.split())
    if made.returncode:
        test(f"{cc}: commands for {names}", False, show(made))
        return
    shop.write("do.sh", made.stdout)
    ran = run(["sh", "do.sh"], cwd=shop.directory, env=dict(
        shop.environment, OBJCOPY=objcopy, LD=ld, CC=cc, CPPFLAGS="-I" + shop.args.include))
    if ran.returncode:
        test(f"{cc}, {objcopy}, {ld}: they succeed", False, show(ran))
        return
    for linker in LINKERS:
        if (ld, linker) == ("mold", "gold") or not shutil.which("ld." + linker):
            continue  # gold has an internal error with what mold has put together
        for pie in ["-pie"], ["-no-pie"], ["-Wl,--gc-sections"]:
            must(shop, cc, *pie, "-fuse-ld=" + linker, "more.o", "main.shared.o", "-o", "renamed")
            ran = shop.fondue("run", "--", shop.path("renamed"))
            test(f"{cc}, {objcopy}, {ld}, {linker} {pie[0]}: {names}", silent(ran, 0, expect),
                 show(ran))


@check
def objcopy(shop):
    sources(shop)
    for cc in compilers():
        for tool, ld in ("objcopy", "ld.bfd"), ("llvm-objcopy", "ld.lld"), \
                ("objcopy", "ld.gold"), ("objcopy", "mold"):
            if not shutil.which(tool) or not shutil.which(ld):
                continue
            # clang 14 makes position dependent code otherwise
            build(shop, cc, "plain", "-O1", "-fdata-sections", "-fPIE")
            objcopied(shop, cc, tool, ld, "hits sum rows calls words",
                      expected("hits", "sum", "rows", "calls", "words"))
    for name, words in ("constant", ["read-only"]), ("of_thread", ["thread"]), \
            ("nobody", ["no such"]):
        ran = shop.fondue("annotate", "--emit-objcopy", "main.o", name)
        test(f"refused: {name}", ran.returncode == 1 and ran.stdout == ""
             and is_remark(ran, *words), show(ran))
    build(shop, compilers()[0], "plain", "-fno-data-sections")
    ran = shop.fondue("annotate", "--emit-objcopy", "main.o", "hits")
    test("refused: a section of several", ran.returncode == 1 and is_remark(
        ran, "-fdata-sections") and re.search(r"\.bss, also holds .*\bbig\b", ran.stderr),
        show(ran))
    ran = shop.fondue("annotate", "--emit-objcopy", "plain", "hits")
    test("refused: a program", ran.returncode == 1 and is_remark(ran, "linked"), show(ran))
    build(shop, compilers()[0], "plain", "-fcommon", "-fdata-sections")
    ran = shop.fondue("annotate", "--emit-objcopy", "more.o", "twins")
    test("refused: a common one", ran.returncode == 1 and is_remark(ran, "-fno-common"),
         show(ran))


@check
def objcopy_of_odd_names(shop):
    """The commands are for a shell: a name of a file is not part of them."""
    sources(shop)
    cc = compilers()[0]
    build(shop, cc, "plain", "-fdata-sections")
    odd = "it's $(touch bad);.o"
    os.rename(shop.path("main.o"), shop.path(odd))
    made = shop.fondue("annotate", "--emit-objcopy", odd, "hits", cwd=shop.directory)
    shop.write("do.sh", made.stdout)
    ran = run(["sh", "do.sh"], cwd=shop.directory, env=dict(
        shop.environment, CC=cc, CPPFLAGS="-I" + shop.args.include))
    test("a name with quotes and dollars", ran.returncode == 0
         and os.path.exists(shop.path(odd[:-2] + ".shared.o"))
         and not os.path.exists(shop.path("bad")), show(ran) + made.stdout)


sys.exit(main(__doc__))
