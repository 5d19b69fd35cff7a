#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is seen of forking programs: in which objects and variables it is seen.

    test-observe-objects.py --dump EXE --fondue EXE --library SO --archive A --include DIR
"""
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from observing import HEAD, observe, separate_debug_information, usual_signals  # noqa: E402
from tap import skip, test  # noqa: E402
from workshop import Skip, check, main, needs, run  # noqa: E402

TYPES = HEAD + r"""
#include <stdbool.h>
typedef unsigned long count_t;
enum color { RED, GREEN };
struct inner { short small; long hits; };
struct outer {
	int requests;
	struct inner stats[3];
	unsigned three : 3, five : 5;
	union { int number; char bytes[8]; };
	void *data, *code, *stack, *heap;
	char gap; double mean;
} outer;
count_t counted = 7;
static long calls;
int table[2][3];
const char *volatile words[4];
enum color color;
int (*function)(const char *);
long double wide;
bool yes;
char text[16];
float real;
_Atomic int atomic;

static int twice(void)
{
	static int calls_inside;

	return ++calls_inside;
}

int main(void)
{
	if (fork() == 0) {
		outer.requests = -2;
		outer.stats[1].hits = 5;
		outer.stats[2].small = -1;
		outer.five = 17;
		outer.three = 5;
		outer.number = 3;
		outer.data = &calls;
		outer.code = (void *)main;
		outer.stack = &outer.stack - 0 + (0 * twice());
		int here;
		outer.stack = &here;
		outer.heap = malloc(10);
		outer.mean = 1.5;
		counted++;
		calls += 300;
		table[1][2] = 9;
		words[3] = "three";
		color = GREEN;
		function = puts;
		wide = 2.5L;
		yes = true;
		strcpy(text, "ab");
		real = 0.5f;
		atomic = 4;
		_exit(0);
	}
	wait(NULL);
	return 0;
}
"""


def as_real(value, width=8):
    return struct.unpack("<d" if width == 8 else "<f", value.to_bytes(width, "little"))[0]


@check
def types_and_members(shop):
    path = shop.program("types", TYPES)
    seen = observe(shop, path)
    spelled = {variable["name"]: variable["type"] for variable in seen.variables}
    wanted = {"outer": "struct outer", "counted": "count_t", "calls": "long",
              "table": "int[2][3]", "words": "const char *volatile[4]",
              "color": "enum color", "function": "int (*)(const char *)",
              "wide": "long double", "yes": "_Bool", "text": "char[16]", "real": "float",
              "atomic": "_Atomic int"}
    for name, text in wanted.items():
        test(f"the type of {name}: {text}", spelled.get(name) == text, spelled.get(name))
    words = {word["member"]: word for word in seen.of("outer")[0]["words"]}
    test("members are told by their names", set(words) == {
        "requests", "stats[1].hits", "stats[2].small", "three", "five", "number", "data",
        "code", "stack", "heap", "mean"}, sorted(map(str, words)))
    test("a signed number", words["requests"]["after"] == 0xfffffffe
         and words["requests"]["width"] == 4 and words["requests"]["encoding"] == "signed")
    test("bit-fields, each by itself", (words["three"]["after"], words["five"]["after"]) == (5, 17)
         and words["five"]["encoding"] == "unsigned", words)
    test("a real number", as_real(words["mean"]["after"]) == 1.5
         and words["mean"]["encoding"] == "real")
    for name, where in [("data", "data"), ("code", "text"), ("stack", "stack"), ("heap", "heap")]:
        test(f"a pointer into {where}", words[name]["is"] == where
             and words[name]["was"] == "number", words[name])
    test("elements have their indices",
         [w["member"] for w in seen.of("table")[0]["words"]] == ["[1][2]"]
         and [w["member"] for w in seen.of("words")[0]["words"]] == ["[3]"], seen)
    test("a long double is told as a double", as_real(seen.after("wide")[0]) == 2.5)
    test("a float", as_real(seen.after("real")[0], 4) == 0.5)
    test("text is of characters", [w["encoding"] for w in seen.of("text")[0]["words"]] ==
         ["character"] * 2)
    test("what it was at fork is told", seen.of("counted")[0]["words"][0]["before"] == 7
         and seen.after("counted") == [8])
    counted = seen.variable("counted")
    line = next(i for i, text in enumerate(TYPES.split("\n"), 1) if text.startswith("count_t c"))
    test("where it is declared", counted["line"] == line
         and os.path.basename(counted["file"]) == "types.c", counted)
    inside = [v for v in seen.variables if v["name"].startswith("calls_inside")]
    test("a static in a function is known to be one",
         len(inside) == 1 and inside[0]["in_function"] and not inside[0]["global"], inside)
    test("a static is not global, others are", not seen.variable("calls")["global"]
         and seen.variable("counted")["global"])


PLUGIN = r"""
int loaded_hits;
static int loaded_secret;
void loaded_count(int by) { loaded_hits += by; loaded_secret -= by; }
"""


HOST = HEAD + r"""
#include <dlfcn.h>
int mine;

int main(int argc, char **argv)
{
	void *plugin = dlopen(argv[1], RTLD_NOW);
	void (*count)(int) = (void (*)(int))dlsym(plugin, "loaded_count");

	for (int i = 0; i < 3; i++)
		if (fork() == 0) {
			count(i + 1);
			mine = i + 1;
			if (argc > 2)
				dlclose(plugin);
			if (argc > 3 && !dlopen(argv[3], RTLD_NOW))
				_exit(9);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	return 0;
}
"""


@check
def plugins(shop):
    plugin = shop.library_of("plugin.so", PLUGIN)
    host = shop.program("host", HOST, "-ldl")
    seen = observe(shop, host, plugin)
    kinds = {os.path.basename(o["path"]): o["kind"] for o in seen.objects}
    test("an object that was loaded before the fork is looked at",
         seen.after("loaded_hits") == [1, 2, 3], seen)
    test("... and known to be no part of the program",
         kinds == {"host": "program", "plugin.so": "plugin"}, kinds)
    seen = observe(shop, host, plugin, "close")
    test("one that is unloaded before the end is not compared with what is there then",
         not seen.of("loaded_hits") and seen.after("mine") == [1, 2, 3], seen)
    one, other = (shop.library_of(name, PLUGIN.replace("hits;", f"hits = {hits};"))
                  for name, hits in [("one.so", 11), ("two.so", 77)])
    seen = observe(shop, host, one, "close", other)
    test("... nor is another one that has been loaded in its place",
         not seen.of("loaded_hits") and seen.after("mine") == [1, 2, 3]
         and all(seen.processes[i]["status"] == 0 for i in seen.children), seen)
    ran = run(["nm", plugin])
    address = next(int(line.split()[0], 16) for line in ran.stdout.split("\n")
                   if line.endswith(" loaded_secret"))
    run(["strip", plugin])
    seen = observe(shop, host, plugin)
    test("stripped: what is exported has its name",
         seen.after("loaded_hits") == [1, 2, 3] and seen.variable("loaded_hits")["type"] is None,
         seen)
    unnamed = {os.path.basename(o["path"]): o["unnamed"] for o in seen.objects}
    test("... and of what is not the bytes are counted, but not what lazy binding writes",
         unnamed == {"plugin.so": 3 * 4, "host": 0}, unnamed)
    shift = 8 * (address % 8)
    values = sorted((one["words"][0]["before"], one["words"][0]["after"] >> shift & 0xffffffff)
                    for one in seen.unnamed if one["when"] == "end"
                    and one["address"] == address // 8 * 8)
    test("... and told by where they are",
         [after for _, after in values] == [0xfffffffd, 0xfffffffe, 0xffffffff], values)


@check
def libraries(shop):
    shop.library_of("libneeded.so", PLUGIN, "-Wl,-soname,libneeded.so")
    path = shop.program("user", HEAD + r"""
extern int loaded_hits;
void loaded_count(int by);

int main(void)
{
	if (fork() == 0) {
		loaded_count(3);
		_exit(loaded_hits);
	}
	wait(NULL);
	return 0;
}
""", "-no-pie", "-fno-pie", "-L.", "-lneeded", "-Wl,-rpath," + shop.directory)
    seen = observe(shop, path)
    hits = seen.variable("loaded_hits")
    test("a copy relocation is known to be one", hits and hits["copy"]
         and seen.objects[hits["object"]]["kind"] == "program", seen)
    secret = seen.variable("loaded_secret")
    test("a library that the program is linked with",
         seen.objects[secret["object"]]["kind"] == "needed", seen)


@check
def kinds_of_programs(shop):
    source = HEAD + r"""
int counted = 5;
static int secret;
static volatile int filled[40000];
volatile int prepared[40000] = { [20000] = 7, 5, 3 };

int main(void)
{
	for (int i = 0; i < 2; i++)
		if (fork() == 0) {
			prepared[20000]++;
			counted++;
			secret = 9;
			filled[30000] = 1;
			_exit(counted);
		}
	wait(NULL);
	wait(NULL);
	return secret;
}
"""
    for name, options, cc in [("static", ["-static"], "gcc"), ("static-pie", ["-static-pie"], "gcc"),
                              ("no-pie", ["-no-pie", "-fno-pie"], "gcc"),
                              ("lld", ["-fuse-ld=lld"], "gcc"), ("clang", [], "clang"),
                              ("musl", [], "musl-gcc"), ("musl-static", ["-static"], "musl-gcc"),
                              ("optimised", ["-O2", "-flto"], "gcc")]:
        try:
            path = shop.program(name, source, *options, cc=cc)
        except Skip as why:
            skip(f"{name}: seen", str(why).split("\n")[0])
            continue
        seen = observe(shop, path)
        test(f"{name}: seen, by name and type", seen.after("counted") == [6, 6]
             and seen.after("secret") == [9, 9] and seen.variable("secret")["type"] == "int"
             and seen.after("filled", member="[30000]") == [1, 1]
             and [(w["before"], w["after"]) for c in seen.of("prepared") for w in c["words"]]
             == [(7, 8)] * 2
             and seen.ran.returncode == 0, seen)
    path = shop.program("split", source, "-Wl,--build-id")
    separate_debug_information(shop, "split")
    seen = observe(shop, path)
    test("stripped, its debug information in a file of its own",
         seen.after("secret") == [9, 9] and seen.variable("secret")["type"] == "int", seen)
    os.unlink(shop.path("split.debug"))
    seen = observe(shop, path)
    test("... which is lost: bytes without a name", seen.objects
         and seen.objects[0]["unnamed"] >= 2 * 3 and not seen.variables, seen)


@check
def equal_names_and_cxx(shop):
    shop.write("a.c", "static int same; int a(void); int a(void) { return ++same; }\n")
    shop.write("b.c", "static int same; int b(void); int b(void) { return same += 2; }\n")
    equal = HEAD + r"""
int a(void), b(void);

int main(void)
{
	if (fork() == 0)
		_exit(a() + b());
	wait(NULL);
	return 0;
}
"""
    for name, option in [("by their debug information", "-g"), ("by the symbol table", "-g0")]:
        seen = observe(shop, shop.program("equal", equal, option, "a.c", "b.c"))
        files = sorted(os.path.basename(str(v["file"])) for v in seen.variables if v["name"] == "same")
        test(f"two statics of one name are told apart {name}", files == ["a.c", "b.c"], files)
    shop.write("plus.cc", HEAD + r"""
namespace outer { int counted; namespace { int hidden; } }
struct Shop { static long sold; };
long Shop::sold;
static int twice() { static int inside; return ++inside; }

int main()
{
	if (fork() == 0) {
		outer::counted++;
		outer::hidden++;
		Shop::sold += 2;
		_exit(twice());
	}
	wait(NULL);
	return 0;
}
""")
    shop.make(needs("g++"), "-g", "plus.cc", "-o", "plus")
    seen = observe(shop, shop.path("plus"))
    names = {v["name"] for v in seen.variables}
    test("names of C++ are readable", {"outer::counted", "Shop::sold"} <= names
         and any("hidden" in n and not n.startswith("_Z") for n in names)
         and any("inside" in n and not n.startswith("_Z") for n in names), names)


LOOKS = HEAD + r"""
int role, rising;

/* How often the observer, who is our grandparent, has read something. */
static long reads(pid_t observer)
{
	char path[64], line[128];
	long count = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/io", (int)observer);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "syscr: %ld", &count);
	if (file)
		fclose(file);
	return count;
}

int main(int argc, char **argv)
{
	pid_t observer = getppid();

	(void)argc;
	if (fork() == 0) {
		long first = reads(observer);

		if (first < 0)
			_exit(77);
		role = 3;
		while (reads(observer) < first + atol(argv[1])) {
			rising++;
			poll(NULL, 0, 1);
		}
		_exit(0);
	}
	int status;
	wait(&status);
	return WEXITSTATUS(status);
}
"""


@check
def looks_while_it_runs(shop):
    path = shop.program("looks", LOOKS)
    seen = observe(shop, path, "3")
    if seen.ran.returncode == 77:
        raise Skip("/proc/PID/io cannot be read")
    test("soon after its birth a child is looked at, while it runs",
         seen.after("role", "early") == [3] and seen.after("role") == [3]
         and seen.after("rising", "early")[0] <= seen.after("rising")[0], seen)
    seen = observe(shop, path, "18", sample=2)
    rising = [change["words"][0]["after"] for change in seen.of("rising", "sample")]
    test("and now and then, if that is wanted: less and less often",
         2 <= len(rising) <= 12 and rising == sorted(rising) and rising[0] < rising[-1], rising)


SHARES = HEAD + r"""
#include <fcntl.h>
#include <stdint.h>
#define PAGES 256
static char table[PAGES + 1][4096];

/* How many pages of the table are the child's alone; its parent has filled them. */
int main(void)
{
	uint64_t entries[PAGES];
	int status, own = 0;

	if (sysconf(_SC_PAGESIZE) != 4096)
		return 77;
	memset(table, 1, sizeof(table));
	if (fork() == 0) {
		int pagemap = open("/proc/self/pagemap", O_RDONLY);

		if (pread(pagemap, entries, sizeof(entries), (uintptr_t)table / 4096 * 8) !=
			sizeof(entries))
			_exit(77);
		for (int i = 0; i < PAGES; i++)
			own += entries[i] >> 56 & 1;
		_exit(own < 8 ? own : 8);
	}
	wait(&status);
	return WEXITSTATUS(status);
}
"""


@check
def shared_pages(shop):
    path = shop.program("shares", SHARES)
    if run([path]).returncode == 77:
        raise Skip("pages are of another size, or not told of")
    seen = observe(shop, path)
    test("a child is not given copies of its parent's pages for being looked at",
         seen.ran.returncode < 8, seen)


usual_signals()
sys.exit(main(__doc__))
