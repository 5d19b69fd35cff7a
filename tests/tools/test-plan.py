#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fondue plan: what it finds, against objdump and readelf; what it refuses, and how.

    test-plan.py --fondue EXE --library SO --archive A --include DIR [--rounds=N]
"""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import skip, test  # noqa: E402
import hostile  # noqa: E402
import plans  # noqa: E402
from workshop import Skip, check, main, needs, run, show  # noqa: E402

SOURCE = r"""
#include <stdio.h>
#include <string.h>
int before[16] = { 1, 2 };
long quiet = 7;
int hits = 3;
int between = 4;
static long local;
int table[32];
static char tail[40];
int *to_hits = &hits;
int *const fixed = &hits;
struct { int *inner; long n; } holder = { &hits, 1 };
__attribute__((noinline)) int count(void) { static int calls; return ++calls; }
__attribute__((noinline)) int other(void) { static int calls = 5; return calls += 2; }
__attribute__((noinline)) void all(int by) { for (int i = 0; i < 32; i++) table[i] += by; }
int main(int argc, char **argv)
{
	(void)argv;
	hits += argc;
	quiet += hits;
	between += hits;
	local += between;
	all(argc);
	memset(tail, argc, sizeof tail);
	*to_hits += 1;
	before[argc & 15]++;
	for (int *p = table; p != table + 32; p++) local += *p;
	printf("%d %d %ld %d %d %d %d %d\n", hits, between, local, count(), other(), tail[3], before[1], *holder.inner + (int)quiet);
	return 0;
}
"""
NAMES = ["hits", "local", "table", "count:calls"]
LIBRARY = r"""
int exported = 1;
static int hidden;
__attribute__((visibility("hidden"))) long inside[8];
int use(int x) { exported += x; hidden += x; inside[x & 7]++; return exported + hidden + (int)inside[3]; }
int *where(void) { return &exported; }
"""
# Bytes of every layout are told, so that it is known what is ambiguous.
LAYOUT = r"""
__asm__(".data; .balign 16; .globl first, second, third\n"
	".type first,@object; .size first,32; .type second,@object; .size second,32\n"
	".type third,@object; .size third,32\n"
	"first: .fill 32; second: .fill 32; third: .fill 32; .text");
extern int first[8], second[8], third[8];
extern void take(void *);
extern long ask(void);
"""
SINK = r"""
static volatile long kept;
void take(void *p) { kept = (long)p; }
long ask(void) { return kept; }
"""


def plan(shop, path, *words, output="plan"):
    ran = shop.fondue("plan", "-o", shop.path(output), path, *words)
    if ran.returncode:
        return ran, None
    return ran, plans.read(shop.path(output))


def is_refused(ran, *said):
    return (ran.returncode == 1 and ran.stdout == "" and "refused" in ran.stderr
            and all(word in ran.stderr for word in said)
            and all(line.startswith("fondue: plan: ") for line in ran.stderr.splitlines()))


def judge(name, shop, path, names, compare=plans.compare):
    ran, made = plan(shop, path, *names)
    if not test(f"{name}: there is a plan", made is not None, show(ran)):
        return None
    with open(shop.path("plan"), "rb") as file:
        data = file.read()
    test(f"{name}: its format is as promised", not plans.malformed(made, data, path),
         plans.malformed(made, data, path))
    test(f"{name}: references and pointers are objdump's and readelf's",
         not compare(made, path), compare(made, path))
    return made


@check
def built_with_zydis(shop):
    ran = shop.fondue("plan", "--help")
    if "built without Zydis" in ran.stdout:
        print("1..0 # SKIP fondue was built without Zydis")
        sys.exit(0)
    test("--help explains itself", ran.returncode == 0 and "--explain" in ran.stdout, show(ran))


@check
def every_build(shop):
    for cc in "gcc", "clang":
        if not shutil.which(cc):
            skip(cc, "it is not installed")
            continue
        for options in (["-O0"], ["-O1"], ["-O2"], ["-O3"], ["-Os"], ["-O2", "-fcf-protection"],
                        ["-O2", "-flto"], ["-O2", "-fno-plt", "-Wl,-z,now"],
                        ["-O3", "-march=x86-64-v3"], ["-O2", "-fno-asynchronous-unwind-tables"],
                        ["-O2", "-Wl,-z,lazy", "-Wl,-z,norelro"]):
            try:
                path = shop.program("prog", SOURCE, "-fPIE", "-pie", "-Wl,--build-id", *options,
                                    cc=cc)
            except Skip as why:
                skip(f"{cc} {' '.join(options)}", str(why).splitlines()[0])
                continue
            made = judge(f"{cc} {' '.join(options)}", shop, path, NAMES)
            symbols = plans.variables(path)
            test("its variables are readelf's", made and {
                each[2]: (each[0], each[1]) for each in made.variables if each[2] != "calls"}
                == {name: symbols[name][0] for name in ("hits", "local", "table")},
                made and made.variables)


# Linked to a fixed place, the variables are used directly, by an index, by pointers, by tables.
FIXED = r"""
#include <stdio.h>
int hits; static long sum; int table[64]; char flags[100]; static struct { int a; double b; } st[10];
__attribute__((noinline)) void work(int k, long at, unsigned op)
{
	hits++; sum += k; table[k]++; table[at & 63] += 2; st[k].a++; st[k].b += 0.5;
	for (int i = 0; i < 100; i++) flags[i]++;
	for (int *p = table; p < table + 64; p++) *p += 1;
	switch (op) {
	case 0: hits += 1; break; case 1: sum += 2; break; case 2: table[3] += 9; break;
	case 3: flags[9]++; break; case 4: hits += 7; break; case 5: st[2].a--; break;
	case 6: sum ^= 3; break; case 7: table[op * 2]++; break;
	}
}
int main(int argc, char **argv)
{
	(void)argv;
	work(argc, argc, (unsigned)argc);
	printf("%d %ld %d %d %d\n", hits, sum, table[1], flags[3], st[1].a);
	return 0;
}
"""


UNPROVED = r"""
#include <stdio.h>
int passed[4], listed; int *const list[] = { &listed };
int main(void) { sscanf("7", "%d", passed + 1); printf("%d %d\n", passed[1], *list[0]); return 0; }
"""


@check
def linked_to_a_fixed_place(shop):
    for cc in "gcc", "clang":
        for level in "-O0", "-O1", "-O2", "-O3", "-Os":
            path = shop.program("fixed", FIXED, "-fno-pie", "-no-pie", "-Wl,--build-id", level,
                                cc=needs(cc))
            for names in ["hits"], ["sum"], ["flags"], ["st"], ["hits", "sum", "st"]:
                judge(f"{cc} {level}, not position-independent, {' '.join(names)}", shop, path,
                      names, plans.compare_fixed)
            path = shop.program("unproved", UNPROVED, "-fno-pie", "-no-pie", "-Wl,--build-id",
                                level, cc=needs(cc))
            ran = plan(shop, path, "passed")[0]
            test("what is passed is its address, or a number", is_refused(ran), show(ran))
            ran = plan(shop, path, "listed")[0]
            test("and so is what stands in data", is_refused(ran), show(ran))


@check
def numbers_that_look_like_addresses(shop):
    """The program computes with the very number that its variable's address is."""
    source = "int hits[64]; long number(long x) { return x * 3 + %d; }\n" \
             "int at(char *p) { return *(int *)(p + %d); }\n" \
             "int main(int c, char **v) { (void)v; hits[c]++; return (int)number(hits[c]); }\n"
    options = ["-O2", "-fno-pie", "-no-pie", "-Wl,--build-id"]
    path = shop.program("number", source % (7, 7), *options)
    judge("without the number", shop, path, ["hits"], plans.compare_fixed)
    start = plans.variables(path)["hits"][0][0]
    for name, values in (("a sum", (start, 7)), ("the sum is inside it", (start + 12, 7)),
                         ("an offset in something large", (7, start + 4))):
        path = shop.program("number", source % values, *options)
        same = plans.variables(path)["hits"][0][0] == start
        ran = plan(shop, path, "hits")[0]
        test(f"{name}: refused", same and is_refused(ran, "or a number"), show(ran))


# The index is bounded before the call; where its exception lands it is another.
LANDING = r"""
#include <cstdio>
int counts[8], next[8]; long sums[16];
extern "C" long ask(void);
__attribute__((noinline)) void thrower(int i) { if (i % 3 == 0) throw i; if (i % 3 == 1) throw 2L; }
__attribute__((noinline)) void run(int i)
{
	int *p = counts;
	try { thrower(i); counts[0]++; }
	catch (int k) { counts[k & 7]++; for (auto &s : sums) s++; }
	catch (long k) { p += ask() & 7; *p += (int)k; }
	for (int n : next) sums[n & 15] += n;
}
int main(int argc, char **) { run(argc); std::printf("%d %ld\n", counts[1], sums[2]); }
"""


@check
def exceptions(shop):
    shop.write("landing.cc", LANDING)
    shop.write("ask.c", "long ask(void) { return 3; }\n")
    for cxx in "g++", "clang++":
        for options in ["-O0"], ["-O1"], ["-O2"], ["-O3"], ["-O2", "-fno-pie", "-no-pie"]:
            fixed = "-no-pie" in options
            shop.make(needs(cxx), "-g", "-c", *(options if fixed else [*options, "-fPIE"]), "landing.cc")
            shop.make(needs("gcc"), "-g", "-c", "-fPIE", "ask.c")
            shop.make(cxx, *(options if fixed else ["-pie"]), "landing.o", "ask.o", "-o", "landing",
                      "-Wl,--build-id")
            judge(f"{cxx} {' '.join(options)}, exceptions", shop, shop.path("landing"),
                  ["counts", "next", "sums"], plans.compare_fixed if fixed else plans.compare)
            for name in "counts", "sums":
                ran, made = plan(shop, shop.path("landing"), name)
                test(f"and of {name} alone", made is not None, show(ran))


# The end of `first` is where `second` begins, and is held where it is not easily seen.
HELD = r"""
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#define NOINLINE __attribute__((noinline))
int first[4] = { 1, 2, 3, 4 }, second[4] = { 5, 6, 7, 8 };
%s
int main(int argc, char **argv)
{
	(void)argv;
	second[0] += argc;
	printf("%%d\n", get(argc));
	for (int i = 0; i < 4; i++) first[i] = 90 + i * argc;
	printf("%%d %%d\n", get(argc), second[0]);
	return 0;
}
"""
HOLDERS = {
    "in an array on the stack": """
NOINLINE int get(int i) { int *volatile v[3] = { first, first + 4, second }; return v[i % 3][-1]; }
""",
    "in an array whose element is passed": """
NOINLINE int of(int **p) { return (*p)[-1]; }
NOINLINE int get(long i) { int *v[3]; v[0] = first + 2; v[1] = first + 4; v[2] = second; return of(&v[i % 3]); }
""",
    "in the second word that comes back": """
struct two { long n; int *end; };
NOINLINE struct two both(long n) { struct two it = { n, first + 4 }; return it; }
int get(int i) { struct two it = both(i); return it.end[-it.n]; }
""",
    "across setjmp()": """
static jmp_buf back;
NOINLINE void leave(void) { longjmp(back, 1); }
NOINLINE int get(int i) { int *volatile p = second; if (setjmp(back)) return p[-i]; p = first + 4; leave(); return 0; }
""",
    "in the eighth argument": """
NOINLINE int of(int a, int b, int c, int d, int e, int f, int g, int *end) { return end[-1] + a + b + c + d + e + f + g; }
int get(int i) { return of(1, 2, 3, 4, 5, 6, i, first + 4); }
""",
    "below what is aligned on the stack": """
NOINLINE void fill(char *p) { memset(p, 0, 8); }
NOINLINE int get(int i)
{
	int *volatile kept = first + 4; char some[100], *p = (char *)(((unsigned long)some + 31) & ~31ul);
	fill(p);
	return kept[-i] + p[3];
}
""",
    "behind a test of two bits": """
NOINLINE int get(int i) { volatile int two = 2; int *end = first + 4; return two & 0x10001 ? i : end[-i]; }
""",
    "across a switch with what never happens": """
NOINLINE int get(int i)
{
	int *volatile kept = first + 4, *end = kept;
	switch (i) {
	case 0: return i * 3;
	case 1: return end[-1] + i;
	case 2: case 3: __builtin_unreachable();
	case 4: return end[-2] * i;
	case 5: return end[-3] + 7;
	case 6: return i ^ 5;
	default: __builtin_unreachable();
	}
}
""",
    "across a goto by differences": """
NOINLINE int get(int i)
{
	static const int to[] = { &&one - &&one, &&two - &&one, &&three - &&one };
	int *end = first + 4;
	__asm__("" : "+r"(i));
	goto *(&&one + to[i]);
one: return i + 7;
two: return end[-1];
three: return end[-2];
}
""",
    "beside the flags on the stack": """
NOINLINE int get(int i)
{
	int *volatile kept = first + 4, *volatile other = second;
	unsigned long flags = __builtin_ia32_readeflags_u64();
	int *end = kept;
	__builtin_ia32_writeeflags_u64(flags);
	return end[-i] + kept[-2] + other[0];
}
""",
    "in a structure that is copied": """
struct many { int *start, *end; long more[40]; };
NOINLINE int get(int i)
{
	struct many a = { .start = first, .end = first + 4, .more = { i } }, b;
	__asm__ volatile("" : "+m"(a));
	b = a;
	__asm__ volatile("" : "+m"(b));
	return b.end[-i];
}
""",
}


@check
def what_is_held(shop):
    for where, body in HOLDERS.items():
        for cc in "gcc", "clang":
            for level in "-O0", "-O1", "-O2":
                for kind in ["-fPIE", "-pie"], ["-fno-pie", "-no-pie"]:
                    path = shop.program("held", HELD % body, "-w", level, *kind, "-Wl,--build-id", cc=needs(cc))
                    plain, wrong = run([path]), None
                    for name in "first", "second":
                        if plan(shop, path, name)[1] is None:
                            continue
                        ran = run([path], env=dict(shop.environment, LD_PRELOAD=shop.library,
                                                   FONDUE_PLAN=shop.path("plan")))
                        if (ran.stdout, ran.returncode, ran.stderr) != (plain.stdout, plain.returncode, ""):
                            wrong = f"{name}: {plain.stdout} became {show(ran)}"
                    test(f"{cc} {level} {kind[1]}, an end {where}: no plan, or a right one", not wrong, wrong)


# In a program at a fixed place the number that is displaced lies in another array.
DISPLACED = r"""
#include <stdio.h>
static int before[4000], days[4000], after[4000];
__attribute__((noinline)) int day(long year) { return days[year - 1970]; }
__attribute__((noinline)) int later(long year) { return after[year - 1970] + before[year - 1970]; }
int main(int argc, char **argv)
{
	(void)argv;
	days[2] = 5; after[2] = 6; before[2] = 7;
	printf("%d %d %d\n", day(1971 + argc), later(1971 + argc), days[argc] + after[argc] + before[argc]);
	return 0;
}
"""


@check
def displaced_far(shop):
    for cc in "gcc", "clang":
        for level in "-O0", "-O1", "-O2":
            for kind in ["-fPIE", "-pie"], ["-fno-pie", "-no-pie"]:
                path = shop.program("far", DISPLACED, level, *kind, "-Wl,--build-id", cc=needs(cc))
                plain, wrong = run([path]), None
                for name in "before", "days", "after":
                    if plan(shop, path, name)[1] is None:
                        continue
                    ran = run([path], env=dict(shop.environment, LD_PRELOAD=shop.library,
                                               FONDUE_PLAN=shop.path("plan")))
                    if (ran.stdout, ran.stderr) != (plain.stdout, ""):
                        wrong = f"{name}: {plain.stdout} became {show(ran)}"
                test(f"{cc} {level} {kind[1]}, indices from far away: no plan, or a right one", not wrong, wrong)


@check
def a_small_array(shop):
    """It is of the size of a number, and its end is where nothing begins."""
    path = laid_out(shop, r"""__asm__(".data; .balign 64; .globl tag, far\n"
	".type tag,@object; .size tag,4; .type far,@object; .size far,64\n"
	"tag: .fill 4; .fill 12; far: .fill 64; .text");
extern char tag[4], far[64]; extern void take(void *);
int main(void) { tag[1]++; take(tag + 4); return 0; }
""", "-O2")
    ran = plan(shop, path, "far")[0]
    test("the end of a small array is not taken for the variable behind it", is_refused(ran), show(ran))
    path = laid_out(shop, r"""__asm__(".data; .balign 64; .globl one, far\n"
	".type one,@object; .size one,4; .type far,@object; .size far,64\n"
	"one: .fill 4; .fill 12; far: .fill 64; .text");
extern int one[1], far[16]; extern void take(void *);
int main(void) { one[0]++; take(one + 1); return 0; }
""", "-O2")
    ran = plan(shop, path, "one")[0]
    test("and that of a single element is not taken for padding", is_refused(ran), show(ran))


# A library's own function has the name of one that never comes back.
COMES_BACK = """
static int first[4] = { 1, 2, 3, 4 }, second[4] = { 5, 6, 7, 8 };
int count;
__attribute__((noinline)) void pthread_exit(int n) { count += n; __asm__ volatile("" : : "r"(n)); }
int get(int i) { int *end = first + 4; __asm__("" : "+r"(i)); if (i) end = second + 4; pthread_exit(i); second[0]++; return end[-1]; }
int got(int i) { int *end = second + 4; __asm__("" : "+r"(i)); if (i) end = first + 4; pthread_exit(i); second[0]++; return end[-1]; }
void put(int n) { first[3] = n; }
"""


@check
def who_comes_back(shop):
    shop.write("own.c", COMES_BACK)
    for level in "-O1", "-O2":
        shop.make(needs("gcc"), "-w", level, "-fPIC", "-shared", "own.c", "-o", "libown.so", "-Wl,--build-id")
        path = shop.program("caller", """
#include <stdio.h>
int get(int), got(int); void put(int);
int main(int n, char **v) { int a = get(n) + got(n); put(99); printf("%d %d %d\\n", a, get(n - 1), got(n)); return 0; }
""", "-w", "-L.", "-lown", "-Wl,-rpath,$ORIGIN")
        plain, wrong = run([path]), None
        for name in "first", "second":
            if plan(shop, shop.path("libown.so"), name)[1] is None:
                continue
            ran = run([path], env=dict(shop.environment, LD_PRELOAD=shop.library,
                                       FONDUE_PLAN=shop.path("plan")))
            if (ran.stdout, ran.stderr) != (plain.stdout, ""):
                wrong = f"{name}: {plain.stdout} became {show(ran)}"
        test(f"{level}: a function of its own that is called as one that never comes back does",
             plain.returncode == 0 and not wrong, wrong or show(plain))


@check
def packed_relocations(shop):
    needs("ld.lld")
    path = shop.program("prog", SOURCE, "-fPIE", "-pie", "-O2", "-fuse-ld=lld", "-Wl,--build-id",
                        "-Wl,--pack-dyn-relocs=relr", cc=needs("clang"))
    made = judge("RELR", shop, path, ["hits"])
    test("RELR: the pointers are found", made and len(made.pointers) == 3, made and made.pointers)


@check
def shared_libraries(shop):
    for cc in "gcc", "clang":
        path = shop.library_of("libuse.so", LIBRARY, "-O2", "-Wl,--build-id", cc=cc)
        made = judge(f"a library, {cc}", shop, path, ["exported", "hidden"])
        flags = {each[2]: each[3] for each in made.variables} if made else {}
        test("which of them other objects can name", flags == {"exported": 1, "hidden": 0}, flags)
        test("its own slot is among the pointers", made and made.pointers, made)


@check
def stripped_programs(shop):
    whole = shop.program("whole", SOURCE, "-fPIE", "-pie", "-O2", "-Wl,--build-id")
    full = plan(shop, whole, *NAMES)[1]
    shop.make("objcopy", "--only-keep-debug", "whole", "whole.debug")
    shop.make("strip", "-o", "bare", "whole")
    ran = plan(shop, shop.path("bare"), "local")[0]
    test("stripped: there is no such variable; and why is said",
         is_refused(ran, "no variable local", "debug file"), show(ran))
    same = lambda other: other and (full.variables, full.references, full.pointers) == (  # noqa: E731
        other.variables, other.references, other.pointers)
    ran = shop.fondue("plan", "-o", shop.path("plan"), "--debug-file=" + shop.path("whole.debug"),
                      shop.path("bare"), *NAMES)
    test("with --debug-file the plan is the same", ran.returncode == 0
         and same(plans.read(shop.path("plan"))), show(ran))
    shop.make("objcopy", "--add-gnu-debuglink=whole.debug", "bare")
    ran, made = plan(shop, shop.path("bare"), *NAMES)
    test("with .gnu_debuglink, too", same(made), show(ran))
    shop.program("other", SOURCE + "int more;", "-fPIE", "-pie", "-O1", "-Wl,--build-id")
    ran = shop.fondue("plan", "--debug-file=" + shop.path("other"), shop.path("bare"), "hits")
    test("a debug file of another build is not believed", ran.returncode == 1
         and "another build" in ran.stderr, show(ran))


@check
def names(shop):
    path = shop.program("prog", SOURCE, "-fPIE", "-pie", "-O1", "-Wl,--build-id")
    ran = plan(shop, path, "calls")[0]
    test("an ambiguous name: refused, with both candidates", is_refused(ran, "ambiguous")
         and ran.stderr.count("calls.") == 2 and "in count" in ran.stderr, show(ran))
    addresses = {entry[0] for key, entries in plans.variables(path).items()
                 for entry in entries if key.startswith("calls.")}
    made = {plan(shop, path, name)[1].variables[0][0] for name in ("count:calls", "other:calls")}
    test("told by their functions they are two", made == addresses, (made, addresses))
    both = plan(shop, path, "calls.*")[1]
    test("a pattern takes both", both and {each[0] for each in both.variables} == addresses)
    one = plan(shop, path, "prog.c:local")[1]
    test("FILE:NAME", one and one.variables[0][2] == "local")
    test("another file has none", is_refused(plan(shop, path, "else.c:local")[0], "no variable"))
    address, size = plans.variables(path)["hits"][0]
    ran = shop.fondue("plan", "-o", shop.path("plan"), f"--address={address:#x},{size}", path)
    test("--address", ran.returncode == 0 and plans.read(shop.path("plan")).variables[0][:3]
         == (address, size, "hits"), show(ran))
    for text, said in [(f"--address={address:#x},2", "part of a variable"), ("--address=7", "not understood"),
                       ("--address=0x10,8", "may write to")]:
        test(f"{text.split('=')[1]}: refused", is_refused(shop.fondue("plan", text, path), said))
    for name, said in [("nothing", "no variable nothing"), ("fixed", "RELRO"), ("_DYNAMIC", ""),
                       ("no*thing", "no variable")]:
        test(f"{name}: refused", is_refused(plan(shop, path, name)[0], said))
    shop.write("ns.cc", "#include <cstdio>\nnamespace outer { static int hits; int twice() { static int n; return ++n; } }\n"
               "int main() { outer::hits++; printf(\"%d\", outer::hits + outer::twice()); }\n")
    shop.make(needs("g++"), "-g", "-O1", "-fPIE", "-pie", "ns.cc", "-o", "ns", "-Wl,--build-id")
    for name in "outer::hits", "hits", "n", "twice:n":
        test(f"C++: {name}", plan(shop, shop.path("ns"), name)[1])


@check
def output(shop):
    path = shop.program("prog", SOURCE, "-fPIE", "-pie", "-O2", "-Wl,--build-id")
    made = plan(shop, path, *NAMES)[1]
    ran = shop.fondue("plan", "--json", path, *NAMES)
    document = json.loads(ran.stdout)
    test("--json has all that the plan has", document["proved"] and document["plan"] is None
         and [each["at"] for each in document["references"]] == [r[0] for r in made.references]
         and [each["at"] for each in document["pointers"]] == [p[0] for p in made.pointers]
         and document["build_id"] == made.id.hex() and not document["refusals"], document)
    ran = shop.fondue("plan", "--explain", path, *NAMES)
    test("--explain has a line for each", ran.stdout.count(" -> ")
         == len(made.references) + len(made.pointers), show(ran))
    os.unlink(shop.path("plan"))
    ran = plan(shop, path, "nothing")[0]
    test("what is refused writes no plan", not os.path.exists(shop.path("plan")), show(ran))
    ran = shop.fondue("plan", "-o", "/nonexistent/plan", path, "hits")
    test("a plan that cannot be written is an error", ran.returncode == 1
         and "No such file" in ran.stderr, show(ran))
    for words in [], ["a"], ["--frob", "a", "b"], ["-o"]:
        ran = shop.fondue("plan", *words)
        test(f"wrong use: status 2, one line: {words}", ran.returncode == 2
             and ran.stderr.count("\n") == 1, show(ran))


def laid_out(shop, body, *options, cc="gcc"):
    shop.write("sink.c", SINK)
    return shop.program("laid", LAYOUT + body, "sink.c", "-fPIE", "-pie", "-Wl,--build-id",
                        *(options or ["-O2"]), cc=cc)


@check
def neighbours(shop):
    path = laid_out(shop, "int main(void) { take(first + 8); second[1] = 2; return first[2]; }")
    ran = plan(shop, path, "second")[0]
    test("the end of the neighbour, passed on: refused, with instruction, names and advice",
         is_refused(ran, "lea", "main+0x", "second, which is the end of first", "first", "annotate"),
         show(ran))
    test("so is the neighbour", is_refused(plan(shop, path, "first")[0]))
    test("both together are not", plan(shop, path, "first", "second")[1])
    test("nor is the third", plan(shop, path, "third")[1])
    loop = "lea first(%rip), %rax; lea first+32(%rip), %rdx; 1: incl (%rax); add $4, %rax; " \
           "cmp %rdx, %rax; jne 1b"
    path = laid_out(shop, f'__asm__(".type walk,@function; walk: {loop}; ret; .size walk, .-walk");\n'
                    'void walk(void);\nint main(void) { walk(); second[1] = 2; return second[2]; }')
    ran, made = plan(shop, path, "second")
    start = plans.variables(path)["second"][0][0]
    ends = {field for each in plans.instructions(path) if each[3] == start
            for field in plans.field_of(each) if b"\x8d" in each[2][:3]}
    test("an end that bounds a loop is its array's: it stays", made and ends
         and not ends & {each[0] for each in made.references}, show(ran))
    made = plan(shop, path, "first")[1]
    test("and moves with it", made and ends <= {each[0] for each in made.references}, made)
    body = "int main(void) { long s = ask(), n = ask(), r = 0; " \
           "for (; s < n; s++) r += third[s - 8] + first[s]; return r + second[1]; }"
    for cc in "gcc", "clang":
        path = laid_out(shop, body, cc=cc)
        ran, made = plan(shop, path, "third")
        test(f"a base that may be displaced, {cc}: refused, or right", made is None and is_refused(ran)
             or not plans.compare(made, path), show(ran))
    path = laid_out(shop, "int *end = first + 8; int main(void) { second[0]++; return *--end; }")
    ran = plan(shop, path, "second")[0]
    test("a pointer in data to where two meet: refused", is_refused(ran, "pointer in data"), show(ran))


@check
def beside_a_scalar(shop):
    """What is passed on is the next variable's start, unless more is made of it."""
    data = ".data; .balign 16; .globl one, next; .type one,@object; .size one,4; " \
           ".type next,@object; .size next,64; one: .long 1; next: .fill 64; .text; "
    for name, code, good in [("the start", "lea next(%rip), %rdi; jmp take", True),
                             ("an end, with its begin", "lea next(%rip), %rsi; lea -4(%rsi), %rdi; "
                              "jmp take", False)]:
        shop.write("sink.c", SINK)
        path = shop.program(
            "scalar", f'__asm__("{data} .type pass,@function; pass: {code}; .size pass, .-pass");\n'
            "extern int one; void pass(void);\nint main(void) { pass(); return one++; }",
            "sink.c", "-O1", "-fPIE", "-pie", "-Wl,--build-id")
        ran, made = plan(shop, path, "one")
        test(f"behind a scalar: {name}", bool(made) == good and (good or is_refused(ran)), show(ran))


@check
def code_that_is_data(shop):
    for name, assembly, said in [
            ("an offset in code", ".text; .globl odd; odd: .long second - .; .text", "not known to be code"),
            ("an offset among constants", ".section .rodata; .balign 4; .long second - .; .text", "constant"),
            ("code that no function has", ".text; .balign 16; lone: incl second(%rip); ret", "not known")]:
        path = laid_out(shop, f'__asm__("{assembly}");\nint main(void) {{ return second[1]++; }}')
        ran = plan(shop, path, "second")[0]
        test(f"{name}: refused", is_refused(ran, said), show(ran))
        test("it is nothing to another variable", plan(shop, path, "third")[1])
    path = laid_out(shop, '__asm__(".text; .globl half; .type half,@function; half: .byte 0x06; '
                    'incl second(%rip); ret; .size half, .-half");\n'
                    'int main(void) { return second[1]++; }')
    ran = plan(shop, path, "second")[0]
    test("bytes that are no instruction: refused", is_refused(ran, "half"), show(ran))
    path = laid_out(shop, '__asm__(".text; .globl f; .type f,@function; f: incl second+30(%rip); ret; '
                    '.size f, .-f");\nint main(void) { return second[1]++; }')
    ran = plan(shop, path, "second")[0]
    test("an instruction across the edge: refused", is_refused(ran, "more than one variable"), show(ran))
    path = laid_out(shop, "int main(int c, char **v) { (void)v; switch (c) { case 1: return second[1]++; "
                    "case 2: take(v); break; case 3: return second[2]--; case 4: return third[1]; "
                    "case 5: second[4] = 2; break; case 6: take(v + 1); } return 7; }")
    judge("a jump table", shop, path, ["second"])
    for call in "rand_r((unsigned *)second)", "(int)strtol((char *)second, 0, 0)", \
            "pthread_spin_lock((void *)second)":
        path = laid_out(shop, "int rand_r(unsigned *); long strtol(char *, char **, int); "
                        "int pthread_spin_lock(void *);\n"
                        f"int main(void) {{ return {call}; }}")
        judge(f"libc touches what it is given: {call}", shop, path, ["second"])


@check
def objects_that_are_refused(shop):
    cases = [("without a build-id", ["-fPIE", "-pie", "-Wl,--build-id=none"], "--build-id"),
             ("static", ["-static"], "static"),
             ("for 32 bits", ["-m32"], "x86-64")]
    for name, options, said in cases:
        try:
            path = shop.program("odd", SOURCE, "-O1", *options)
        except Skip as why:
            skip(name, str(why).splitlines()[0])
            continue
        ran = plan(shop, path, "hits")[0]
        test(f"{name}: refused in one line", is_refused(ran, said)
             and ran.stderr.count("\n") == 1, show(ran))
    shop.write("text", "text\n", 0o755)
    for path, said in [("./text", "not an ELF file"), ("./none", "No such file"),
                       (shop.directory, "directory")]:
        ran = plan(shop, path, "hits")[0]
        test(f"{os.path.basename(path)}: one line", ran.returncode == 1
             and ran.stderr.count("\n") == 1 and said in ran.stderr, show(ran))
    source = "#include <fondue/shared.h>\nFONDUE_SHARED int hits; __thread int mine;\n" \
             "__attribute__((section(\"set\"))) int in_set = 1;\n" \
             "int main(void) { return hits + mine + in_set; }\n"
    path = shop.program("annotated", source, "-O1", "-fPIE", "-pie", "-Wl,--build-id")
    for name, said in [("hits", "annotated already"), ("mine", "no variable"), ("in_set", "array")]:
        test(f"{name}: refused", is_refused(plan(shop, path, name)[0], said))


@check
def damaged_files(shop):
    good = shop.program("prog", SOURCE, "-fPIE", "-pie", "-O1", "-Wl,--build-id")
    with open(good, "rb") as file:
        damage = hostile.Damage(file.read(), 20261126)
    wrong, seen = [], {0: 0, 1: 0}
    for i in range(shop.args.rounds):
        shop.write("bad", "", 0o755)
        with open(shop.path("bad"), "wb") as file:
            file.write(damage.one())
        try:
            ran = shop.fondue("plan", *(["--json"] if i % 2 else []), "-o", shop.path("plan"),
                              shop.path("bad"), "hits", "table", timeout=30)
        except subprocess.TimeoutExpired:
            wrong.append((i, "it hangs"))
            continue
        if ran.returncode in seen:
            seen[ran.returncode] += 1
        else:
            wrong.append((i, ran.returncode, ran.stderr[-500:]))
    test(f"a damaged program neither crashes the command nor makes it hang, in "
         f"{shop.args.rounds} ways", not wrong, wrong)
    test("some were refused and some were not", seen[0] and seen[1], seen)


sys.exit(main(__doc__))
