#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fondue run --share-page: whole pages, with all that lies in them, which is listed.

    test-share-page.py --fondue EXE --library SO --archive A --include DIR

What is shared is foretold from what nm says of the program, and so is what is listed.
"""
import os
import platform
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from plan import Plan  # noqa: E402
from tap import test  # noqa: E402
from workshop import Skip, check, is_remark, main, needs, run, show, silent  # noqa: E402

PAGE = 4096
# Points that a child changes: variables, and places in those that are large.
POINTS = {"before": ("before", 0), "hits": ("hits", 0), "sum": ("sum", 0), "calls": ("calls", 0),
          "after": ("after", 0), "first": ("table", 0), "middle": ("table", 4 * 3000),
          "last": ("table", 4 * 5999), "far": ("far", 0), "pair": ("pair", 4),
          "early": ("padding", 0), "late": ("padding", 4 * 2999)}
SOURCE = r"""
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int before = 1, hits, after = 2;
static long sum = 3;
int padding[3000] = { 1 };
int far, table[6000];
struct { int a, b; } pair = { 1, 2 };
static int count(void) { static int calls; return ++calls; }
static void serve(void)
{
	before++; hits++; sum++; after++; table[0]++; table[3000]++; table[5999]++; far++; pair.b++;
	padding[0]++; padding[2999]++; count();
}
int main(void)
{
	for (int w = 0; w < 4; w++)
		if (!fork()) { serve(); _exit(0); }
		else wait(NULL);
	printf("before %d hits %d sum %ld calls %d after %d first %d middle %d last %d far %d pair %d "
	       "early %d late %d\n", before - 1, hits, sum - 3, count() - 1, after - 2, table[0],
		table[3000], table[5999], far, pair.b - 2, padding[0] - 1, padding[2999]);
	return 0;
}
"""


def machine():
    if platform.machine() != "x86_64":
        raise Skip("a plan is for x86-64 so far")


def program(shop, name, *options, source=SOURCE, cc="gcc"):
    machine()
    return shop.program(name, source, "-O1", "-Wl,--build-id", "-Wl,-z,now", *options, cc=cc)


def shared(shop, *words, environment=None, **options):
    os.makedirs(shop.path("cache"), exist_ok=True)
    return shop.fondue("run", *words, environment=dict(
        XDG_CACHE_HOME=shop.path("cache"), **(environment or {})), **options)


def symbols(path):
    """name -> (address, size), of variables."""
    found = {}
    for line in run([needs("nm"), "-S", path]).stdout.splitlines():
        word = line.split()
        if len(word) == 4 and word[2] in "bBdDVvuRrtT":
            found[re.sub(r"^count\.|\.\d+$", "", word[3].split("@")[0])] = (
                int(word[0], 16), int(word[1], 16))
    return found


def pages(known, names):
    found = set()
    for name in names:
        start, size = known[name]
        found |= set(range(start // PAGE, (start + size + PAGE - 1) // PAGE))
    return found


def expected(known, names):
    here = pages(known, names)
    return " ".join(f"{point} {4 if (known[name][0] + offset) // PAGE in here else 0}"
                    for point, (name, offset) in POINTS.items()) + "\n"


def listed(ran):
    """(name -> size, bytes that no name has, those that are marked)."""
    names, rest, marked = {}, 0, []
    for line in ran.stderr.splitlines():
        if not line.startswith("fondue: run:   "):
            continue
        line = line[len("fondue: run:   "):]
        match = re.match(r"(\S.*?) \((\d+) bytes?\)", line)
        if match:
            for name in match[1].split(", "):
                name = re.sub(r"\.\d+$", "", name)
                names[name] = names.get(name, 0) + int(match[2])
        else:
            rest += int(re.match(r"(\d+) bytes?", line)[1])
        if line.endswith(" (!)"):
            marked.append(line)
    return names, rest, marked


def is_complete(ran, known, names):
    """All that nm has in these pages is listed, with as many bytes as lie there."""
    here = pages(known, names)
    wanted, taken = {}, 0
    for name, (start, size) in known.items():
        inside = [page for page in here if start < (page + 1) * PAGE and start + size > page * PAGE]
        if not inside:
            continue
        inside = sum(min(start + size, (page + 1) * PAGE) - max(start, page * PAGE)
                     for page in inside)
        if name in names:
            taken += inside
        else:
            wanted[name] = inside
    found, rest, _ = listed(ran)
    return ({name: size for name, size in found.items() if name != "__dso_handle"} == wanted
            and sum(found.values()) + rest + taken == PAGE * len(here))


@check
def every_kind_of_program(shop):
    """With each compiler, linker and kind of address: what is foretold is what happens."""
    for cc in "gcc", "clang":
        for linker in "bfd", "gold", "lld", "mold":
            if not shutil.which(cc) or not shutil.which("ld." + linker):
                continue
            for kind in ["-fpie", "-pie"], ["-fno-pie", "-no-pie"]:
                path = program(shop, "server", "-fuse-ld=" + linker, *kind, cc=cc)
                known = symbols(path)
                for names in ["hits"], ["sum"], ["table"], ["far", "before"], ["calls", "padding"]:
                    ran = shared(shop, "--yes", "--share-page=" + ",".join(names), "--", path)
                    test(f"{cc} {linker} {kind[1]}: {' and '.join(names)}, and what lies beside",
                         ran.returncode == 0 and ran.stdout == expected(known, names), show(ran))
                    test(f"{cc} {linker} {kind[1]}: all of that is listed",
                         is_complete(ran, known, names), show(ran) + str(known))


@check
def nothing_dangerous(shop):
    for kind in ["-fpie", "-pie"], ["-fno-pie", "-no-pie"]:
        path = program(shop, "server", *kind)
        known = symbols(path)
        ran = shared(shop, "--share-page=hits", path)
        test(f"{kind[1]}: without --yes, where nothing is better not shared", ran.returncode == 0
             and ran.stdout == expected(known, ["hits"]) and not listed(ran)[2], show(ran))
        far = [name for name in ("far", "after", "hits") if pages(known, [name]) !=
               pages(known, ["sum"])]
        ran = shared(shop, "--share-page=sum", "--share=" + far[0], path)
        wanted = expected(known, ["sum"]).replace(f"{far[0]} 0", f"{far[0]} 4")
        if "built without Zydis" not in ran.stderr:
            test("one by its page, another alone", ran.returncode == 0 and ran.stdout == wanted,
                 show(ran))
            ran = shared(shop, "--share-page=hits", "--share=after", path)
            test("two of a page, one alone: it is where it was moved to", ran.stdout == expected(
                known, ["hits"]).replace("after 0", "after 4"), show(ran))


DANGEROUS = {
    "a copy relocation": ("fprintf(stdout, \"%d\\n\", hits);", "extern FILE *stdout;",
                          ["-fno-pie", "-no-pie"], "copy relocation of libc.so.6", "stdout"),
    "one in a position-independent program": (
        "fprintf(stdout, \"%d\\n\", hits);", "", ["-fpie", "-pie"],
        "copy relocation of libc.so.6", "stdout"),
    "another of libc": ("printf(\"%d\\n\", hits + !environ);", "extern char **environ;",
                        ["-fno-pie", "-no-pie"], "copy relocation of libc.so.6", "environ"),
    "a table of pointers": ("printf(\"%d\\n\", hits + !calls[0]);",
                            "int main(void); int (*calls[])(void) = { main, main };",
                            ["-fpie", "-pie"], "2 pointers", "calls"),
    "one whose relocations are packed": (
        "printf(\"%d\\n\", hits + !calls[0]);",
        "int main(void); int (*calls[5])(void) = { main, 0, main, 0, main };",
        ["-fpie", "-pie", "-Wl,-z,pack-relative-relocs"], "3 pointers", "calls"),
    "one with addresses that the linker knew": (
        "printf(\"%d\\n\", hits + !calls[0]);",
        "int main(void); int (*calls[])(void) = { main, main };", ["-fno-pie", "-no-pie"],
        "2 addresses", "calls"),
    "the loader's table": ("printf(\"%d\\n\", hits);", "", ["-pie", "-Wl,-z,lazy"],
                           "part of .got.plt", ""),
    "all that the loader has": ("printf(\"%d\\n\", hits);", "",
                                ["-pie", "-Wl,-z,norelro", "-Wl,-z,lazy"], ".dynamic", ""),
    "an annotated program's binding": ("printf(\"%d\\n\", hits);",
                                       "#include <fondue/shared.h>\n", ["-pie"],
                                       "each process alone", "fondue_binding_"),
}


@check
def dangers(shop):
    for what, (use, declared, options, words, name) in DANGEROUS.items():
        path = program(shop, "odd", *options, source=f"""
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int hits;
{declared}
int main(void)
{{
	if (!fork()) {{ hits++; _exit(0); }}
	wait(NULL);
	{use}
	return 0;
}}
""")
        ran = shared(shop, "--share-page=hits", path)
        last = ran.stderr.splitlines()[-1] if ran.stderr else ""
        test(f"not started beside {what}", ran.returncode == 125 and ran.stdout == ""
             and "refused" in last and words in last and name in last and "--yes" in last
             and any(words in line for line in listed(ran)[2]), show(ran))
        ran = shared(shop, "--share-page=hits", "--yes", path)
        test(f"with --yes it is, beside {what}", ran.returncode == 0 and ran.stdout == "1\n"
             and words in ran.stderr, show(ran))


@check
def assembly(shop):
    """Symbols without a size are neighbours, too."""
    path = program(shop, "assembly", source=r"""
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
__asm__(".data\ncounter: .long 7\n.bss\n.balign 4\nzeroed: .zero 8\n.text");
int hits, other;
extern int also __attribute__((alias("other")));
int main(void)
{
	if (!fork()) { hits++; _exit(0); }
	wait(NULL);
	printf("%d\n", hits + other);
	return 0;
}
""")
    ran = shared(shop, "--share-page=hits", path)
    test("what assembly has is named", ran.stdout == "1\n" and re.search(
        r"4 bytes at 0x\w+, in .data, without a symbol, at least counter\n", ran.stderr)
        and "at least zeroed" in ran.stderr, show(ran))
    test("a variable under two names is listed under both",
         re.search(r"  (other, also|also, other) \(4 bytes\)\n", ran.stderr), show(ran))


@check
def what_cannot_be_moved(shop):
    path = program(shop, "unclear", source=r"""
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int first[4], second[4];
int *volatile somewhere;
int main(int argc, char **argv)
{
	somewhere = first + 4;
	if (argc > 1) for (int *p = somewhere; p != second + 4; p++) *p = 1;
	if (!fork()) { second[0]++; _exit(0); }
	wait(NULL);
	printf("%d\n", second[0]);
	return 0;
}
""")
    ran = shared(shop, "--share=second", path)
    if "built without Zydis" not in ran.stderr:
        test("a refusal names the last resort", ran.returncode == 125
             and "--share-page" in ran.stderr.splitlines()[-1], show(ran))
    ran = shared(shop, "--share-page=second", path)
    test("which works", ran.returncode == 0 and ran.stdout == "1\n", show(ran))


@check
def libraries(shop):
    machine()
    shop.library_of("libone.so", "int one, beside; static int own; int serve(void) { one++; "
                    "beside++; return ++own; }\n", "-O2", "-Wl,--build-id", "-Wl,-z,now")
    path = program(shop, "user", "-fPIC", "-L.", "-lone", "-Wl,-rpath,$ORIGIN", source=r"""
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
extern int one, beside;
int serve(void);
int main(void)
{
	if (!fork()) { serve(); _exit(0); }
	wait(NULL);
	printf("%d %d ", one, beside);
	printf("%d\n", serve());
	return 0;
}
""")
    for names in "one", "libone.so:own", "libone.so:one,beside", shop.path("libone.so") + ":own":
        ran = shared(shop, "--share-page=" + names, path)
        test(f"variables of a library: {names.replace(shop.directory, '')}",
             ran.returncode == 0 and ran.stdout == "1 1 2\n" and "libone.so: all of" in ran.stderr,
             show(ran))
    shop.library_of("module.so", "#include <fondue/shared.h>\nint loaded;\n"
                    "int load(void) { return ++loaded; }\n", "-O2", "-Wl,--build-id")
    path = program(shop, "loader", "-ldl", source=r"""
#include <dlfcn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	if (argc > 2 && !fork())
		pause();
	void *module = dlopen(argv[1], RTLD_NOW);
	if (argc == 2) { /* it comes twice, and is new the second time */
		((int (*)(void))dlsym(module, "load"))();
		dlclose(module);
		module = dlopen(argv[1], RTLD_NOW);
	}
	int (*load)(void) = (int (*)(void))dlsym(module, "load");
	if (!fork()) { load(); _exit(0); }
	wait(NULL);
	printf("%d\n", load());
	fflush(stdout);
	kill(0, SIGKILL * (argc > 2));
	return 0;
}
""".replace("#include <dlfcn.h>", "#include <dlfcn.h>\n#include <signal.h>"))
    module = shop.path("module.so")
    ran = shared(shop, "--yes", f"--share-page={module}:loaded", path, module)
    test("of a module that is loaded later", ran.returncode == 0 and ran.stdout == "2\n",
         show(ran))
    ran = shared(shop, "--yes", f"--share-page={module}:loaded", path, module, "late",
                 start_new_session=True)
    test("not after a fork, which is said", ran.stdout == "1\n"
         and "after the process had forked" in ran.stderr, show(ran))


@check
def stripped_programs(shop):
    path = program(shop, "stripped")
    known = symbols(path)
    debug = shop.path(".debug")
    os.makedirs(debug)
    shop.make(needs("objcopy"), "--only-keep-debug", path, os.path.join(debug, "stripped.debug"))
    shop.make("strip", "--strip-all", path)
    shop.make("objcopy", "--add-gnu-debuglink=" + os.path.join(debug, "stripped.debug"), path)
    ran = shared(shop, "--share-page=sum", path)
    test("a stripped program whose symbols lie beside it", ran.returncode == 0
         and ran.stdout == expected(known, ["sum"]) and is_complete(ran, known, ["sum"]), show(ran))
    shutil.rmtree(debug)
    ran = shared(shop, "--share-page=sum", path)
    test("and without them", ran.returncode == 125 and is_remark(ran, "sum"), show(ran))
    path = program(shop, "exports", "-rdynamic")
    shop.make("strip", "--strip-all", path)
    ran = shared(shop, "--share-page=hits", path)
    test("what has no names is better not shared", ran.returncode == 125
         and "without a symbol" in ran.stderr.splitlines()[-1], show(ran))
    ran = shared(shop, "--share-page=hits", "--yes", path)
    test("or it is", ran.stdout == expected(known, ["hits"]), show(ran))


@check
def refusals(shop):
    path = program(shop, "server")

    def refused(what, *words, ran):
        test(f"not started: {what}", ran.returncode == 125 and ran.stdout == ""
             and is_remark(ran, "--share-page" if "=" in words[0] else "", *words), show(ran))

    refused("a name that is not there", "--share-page=hitz",
            ran=shared(shop, "--share-page=hitz", path))
    refused("no name", "--share-page=", "which", ran=shared(shop, "--share-page=", path))
    refused("a function", "serve", ran=shared(shop, "--share-page=serve", path))
    refused("an object that is not there", "No such",
            ran=shared(shop, "--share-page=./none:hits", path))
    static = program(shop, "static", "-static")
    ran = shared(shop, "--share-page=hits", "--yes", static)
    test("not started: a static program", ran.returncode == 127 and is_remark(
        ran, "static", "--share-page"), show(ran))
    plain = shop.program("plain", SOURCE, "-Wl,--build-id=none")
    refused("without a build-id", "build-id", ran=shared(shop, "--share-page=hits", plain))
    relro = program(shop, "relro", source="int hits; int *const to_hits = &hits;\n"
                    "int main(void) { return *to_hits; }\n")
    refused("what is read-only later", "RELRO", ran=shared(
        shop, "--share-page=to_hits", "--yes", relro))
    annotated = program(shop, "annotated", source="#include <fondue/shared.h>\n"
                        "FONDUE_SHARED int hits; int main(void) { return hits; }\n")
    refused("what is annotated", "annotated already",
            ran=shared(shop, "--share-page=hits", "--yes", annotated))


def kept(shop):
    directory = shop.path("cache/fondue/plans")
    return sorted(os.path.join(directory, name) for name in os.listdir(directory))


@check
def plans_are_kept(shop):
    path = program(shop, "server")
    known = symbols(path)
    shared(shop, "--share-page=hits", path)
    test("(the pages of two variables overlap)", pages(known, ["hits"]) & pages(known, ["table"]))
    first = {name: os.stat(name).st_mtime_ns for name in kept(shop)}
    ran = shared(shop, "--share-page=hits", path)
    test("a plan is kept, and what is shared is listed again", len(first) == 1
         and {name: os.stat(name).st_mtime_ns for name in kept(shop)} == first
         and ran.stdout == expected(known, ["hits"]) and listed(ran)[0], show(ran))
    plan = kept(shop)[0]
    two = shared(shop, "--share-page=hits", path, environment={"FONDUE_PLAN": plan})
    test("two plans of the same pages", two.stdout == ran.stdout and two.stderr == ran.stderr,
         show(two))
    shared(shop, "--share-page=table", path)
    large = [name for name in kept(shop) if name != plan][0]
    for order in (plan, large), (large, plan):
        ran = run([path], env=dict(shop.environment, LD_PRELOAD=shop.library,
                                   FONDUE_PLAN=":".join(order)))
        test("two plans that have a page in common, in this order and in that",
             silent(ran, 0, expected(known, ["hits", "table"])), show(ran))
    env = dict(shop.environment, LD_PRELOAD=shop.library, FONDUE_PLAN=plan)
    ran = run([path], env=dict(env, FONDUE_VERBOSE="1"))
    test("the runtime says what it shares", "hits: 4096 bytes are shared" in ran.stderr
         and "whole pages" in ran.stderr and ran.stdout == expected(known, ["hits"]), show(ran))
    program(shop, "server", source=SOURCE.replace("after = 2", "after = 2, more"))
    ran = run([path], env=env)
    test("a program that is built anew is not shared by it", "another build" in ran.stderr
         and ran.stdout == expected(known, []), show(ran))
    ran = run(["true"], env=env)
    test("other programs are not concerned", silent(ran), show(ran))


@check
def strangers(shop):
    """Plans that the command does not write."""
    machine()
    for kind in ["-fpie", "-pie"], ["-fno-pie", "-no-pie"]:
        path = program(shop, "server", *kind)
        known = symbols(path)
        headers = [line.split() for line in run([needs("readelf"), "-lW", path]).stdout.splitlines()]
        code = next(int(word[2], 16) for word in headers if word[:1] == ["LOAD"] and "E" in word)
        relro = next(int(word[2], 16) for word in headers if word[:1] == ["GNU_RELRO"])
        at = known["hits"][0] // PAGE * PAGE

        def tried(what, variables, *words, references=(), pointers=(), good_sum=True):
            plan = Plan(path, ["hits"])
            plan.version, plan.variables = 2, [(*one, "hits") for one in variables]
            plan.references, plan.pointers = list(references), list(pointers)
            with open(shop.path("bad.plan"), "wb") as file:
                file.write(plan.bytes(good_sum))
            ran = run([path], env=dict(shop.environment, LD_PRELOAD=shop.library,
                                       FONDUE_PLAN=shop.path("bad.plan")))
            wanted = expected(known, [] if words else ["hits"])
            test(f"{kind[1]}: {'refused' if words else 'good'}: {what}", ran.returncode == 0
                 and ran.stdout == wanted and all(word in ran.stderr for word in words)
                 and ran.stderr.count("\n") == (1 if words else 0), show(ran))

        tried("as it should be", [(at, PAGE)])
        tried("the sum", [(at, PAGE)], "damaged", good_sum=False)
        tried("not aligned", [(at + 8, PAGE)], "contradicts")
        tried("part of a page", [(at, PAGE - 8)], "contradicts")
        tried("of no size", [(at, 0)], "contradicts")
        tried("twice the same", [(at, PAGE), (at, PAGE)], "contradicts")
        tried("around the end", [(at, 2**64 - PAGE)], "contradicts")
        tried("references", [(at, PAGE)], "contradicts", references=[(code, 0, 0)])
        tried("pointers", [(at, PAGE)], "contradicts", pointers=[(at, at, 0)])
        tried("code", [(code // PAGE * PAGE, PAGE)], "data alone")
        tried("what is read-only", [(relro // PAGE * PAGE, PAGE)], "data alone")
        tried("outside", [(at + (1 << 30), PAGE)], "data alone")
        tried("beyond the end", [(at, 1 << 20)], "data alone")
        tried("one good and one bad", [(code // PAGE * PAGE, PAGE), (at, PAGE)], "data alone")


@check
def data_that_is_code(shop):
    path = program(shop, "mixed", source=r"""
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
__asm__(".section mixed,\"awx\",%progbits\n.globl hits\n.type hits, %object\n.size hits, 4\n"
	"hits: .long 0\n.previous");
extern int hits;
int main(void)
{
	if (!fork()) { hits++; _exit(0); }
	wait(NULL);
	printf("%d\n", hits);
	return 0;
}
""")
    ran = shared(shop, "--share-page=hits", "--yes", path)
    test("not started: a page of which code may be", ran.returncode == 125
         and is_remark(ran, "refused"), show(ran))
    plan = Plan(path, ["hits"])
    plan.version, plan.references, plan.pointers = 2, [], []
    plan.variables = [(symbols(path)["hits"][0] // PAGE * PAGE, PAGE, "hits")]
    ran = run([path], env=dict(shop.environment, LD_PRELOAD=shop.library,
                               FONDUE_PLAN=plan.write(shop.path("bad.plan"))))
    test("and the runtime does not share it", ran.stdout == "0\n" and "data alone" in ran.stderr,
         show(ran))


# A page has a mutex, and what it protects.
LOCKING = r"""
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
__attribute__((aligned(4096))) struct {
	pthread_mutex_t lock; pthread_cond_t changed; volatile long hits, turn; char rest[3000];
} table = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, "" };
__attribute__((aligned(4096))) int behind = 1;
static void serve(long mine)
{
	alarm(20);
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&table.lock);
		while (table.turn != mine)
			pthread_cond_wait(&table.changed, &table.lock);
		table.hits++;
		table.turn = !mine;
		pthread_cond_signal(&table.changed);
		pthread_mutex_unlock(&table.lock);
	}
}
int main(void)
{
	pid_t pid = fork();
	if (!pid) { serve(1); _exit(0); }
	serve(0);
	waitpid(pid, NULL, 0);
	printf("%ld\n", table.hits);
	return 0;
}
"""


@check
def locks_of_libc(shop):
    for name, options in ("locking", []), ("locking-fixed", ["-no-pie"]):
        path = program(shop, name, "-pthread", *options, source=LOCKING)
        ran = shared(shop, "--yes", "--share-page=table", path)
        test(f"a mutex and a condition variable in a page work between processes: {name}",
             ran.returncode == 0 and ran.stdout == "4000\n", show(ran))


sys.exit(main(__doc__))
