#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""FONDUE_PLAN: variables of programs that are not rebuilt are shared, and no others.

    test-exact.py --fondue EXE --library SO --archive A --include DIR
"""
import os
import platform
import random
import re
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from plan import Plan  # noqa: E402
from tap import test  # noqa: E402
from workshop import Skip, check, main, needs, run, show  # noqa: E402

# Variables of all kinds beside private ones; children change all of them.
SOURCE = r"""
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
long before = 1; int hits = 0; long after = 2;
static int table[8] = { 1, 2, 3 }; static long sum; struct { int a, b; } pair = { 1, 2 };
static int zeros[3000]; /* over pages */
int *to_hits = &hits, *to_table = &table[3];
__attribute__((noinline)) void serve(int i)
{
	hits++; sum += i; table[i & 7]++; before++; after++; pair.b++; zeros[i] += 1; *to_table += 1;
}
int main(void)
{
	int all = 0, zero = 0;
	for (int w = 0; w < 4; w++) {
		if (!fork()) { for (int i = 0; i < 1000; i++) serve(i); _exit(0); }
		while (wait(NULL) > 0)
			;
	}
	for (int i = 0; i < 8; i++) all += table[i];
	for (int i = 0; i < 3000; i++) zero += zeros[i];
	printf("hits %d %d sum %ld table %d zeros %d private %ld %ld %d\n", hits, *to_hits, sum, all,
		zero, before, after, pair.b);
	return 0;
}
"""
PRIVATE = "hits 0 0 sum 0 table 6 zeros 0 private 1 2 2\n"
SHARED = "hits 4000 4000 sum 1998000 table 8006 zeros 4000 private 1 2 2\n"
NAMES = ["hits", "table", "sum", "zeros"]


def with_plan(shop, program, *plans, environment=None, **options):
    env = dict(shop.environment, LD_PRELOAD=shop.library, FONDUE_PLAN=":".join(plans),
               **(environment or {}))
    return run([program] if isinstance(program, str) else program, env=env, **options)


def made(shop, name, *options, names=NAMES, cc="gcc"):
    if platform.machine() != "x86_64":
        raise Skip("a plan is for x86-64 so far")
    path = shop.program(name, SOURCE, "-Wl,--build-id", *options, cc=cc)
    return path, Plan(path, names).write(shop.path(name + ".plan"))


def refused(ran, *words, stdout=PRIVATE):
    lines = ran.stderr.splitlines()
    return (ran.returncode == 0 and ran.stdout == stdout and len(lines) == 1
            and re.match(r"fondue\[\d+\]: plan ", lines[0]) and "; " in lines[0]
            and all(word in lines[0] for word in words))


@check
def programs(shop):
    for cc in "gcc", "clang":
        for options in (["-O0"], ["-O2"], ["-O3", "-march=native"], ["-Os"],
                        ["-O2", "-Wl,-z,relro,-z,now"], ["-O2", "-Wl,-z,noseparate-code"],
                        ["-O2", "-fcf-protection=full"], ["-O2", "-rdynamic"],
                        ["-O2", "-flto"], ["-O2", "-s"]):
            name = cc + "".join(options).replace(",", "")
            stripped = "-s" in options
            path, plan = made(shop, name, *(o for o in options if o != "-s"), cc=cc)
            if stripped:
                shop.make("strip", path)
            ran = with_plan(shop, path, plan)
            test(f"{name}: what the plan names is shared, and nothing else",
                 ran.stdout == SHARED and ran.stderr == "", show(ran))
            test(f"{name}: not without it",
                 run([path], env=shop.environment).stdout == PRIVATE)


@check
def one_variable(shop):
    path, plan = made(shop, "one", "-O2", names=["sum"])
    ran = with_plan(shop, path, plan, environment={"FONDUE_VERBOSE": "1"})
    test("one of several in a page", ran.stdout == PRIVATE.replace("sum 0", "sum 1998000"),
         show(ran))
    test("FONDUE_VERBOSE says so", "sum: 8 bytes are shared" in ran.stderr
         and ran.stderr.count("\n") == 1, show(ran))
    test("a program that is started on the way does without",
         with_plan(shop, ["timeout", "20", path], plan).stdout ==
         PRIVATE.replace("sum 0", "sum 1998000"))
    shell = with_plan(shop, ["sh", "-c", "true; exec " + path], plan)
    test("so does a shell", shell.stdout.startswith("hits 0 0 sum 1998000")
         and not shell.stderr, show(shell))


MAPS = r"""
#include <stdio.h>
#include <string.h>
int hits;
int main(void)
{
	char line[4096];
	FILE *maps = fopen("/proc/self/maps", "r");

	hits++;
	while (fgets(line, sizeof(line), maps))
		if (strstr(line, "/maps"))
			printf("%.4s %s", strchr(line, ' ') + 1, strrchr(line, ' '));
	return 0;
}
"""


@check
def protections(shop):
    path = shop.program("maps", MAPS, "-O2", "-rdynamic", "-Wl,--build-id")
    plan = Plan(path, ["hits"]).write(shop.path("maps.plan"))
    plain = run([path], env=dict(shop.environment, LD_PRELOAD=shop.library))
    ran = with_plan(shop, path, plan, environment={"FONDUE_VERBOSE": "1"})
    test("code, constants and RELRO are as protected as before",
         plain.stdout.count("\n") >= 4 and ran.stdout == plain.stdout and "hits" in ran.stderr,
         (plain.stdout, show(ran)))


USER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
extern int hits;
int *volatile to_hits = &hits;
void serve(void);
int main(void)
{
	if (!fork()) { serve(); hits += 10; *to_hits += 100; _exit(0); }
	while (wait(NULL) > 0)
		;
	printf("%d %d %d\n", hits, *to_hits, *(int *)dlsym(RTLD_DEFAULT, "hits"));
	return 0;
}
"""


@check
def libraries(shop):
    if platform.machine() != "x86_64":
        raise Skip("a plan is for x86-64 so far")
    source = "int hits = 5, quiet; void serve(void) { hits++; quiet++; }\n"
    for name, options in {"plain": [], "symbolic": ["-Wl,-Bsymbolic"],
                          "now": ["-Wl,-z,now,-z,relro"]}.items():
        library = shop.library_of(f"lib{name}.so", source, "-O2", "-Wl,--build-id", *options)
        plan = Plan(library, ["hits"]).write(shop.path(name + ".plan"))
        program = shop.program("user-" + name, USER, "-fPIC", "-O2", library, "-ldl")
        ran = with_plan(shop, program, plan)
        test(f"an exported variable of a library, by GOT, pointer and dlsym ({name})",
             ran.stdout == "116 116 116\n" and not ran.stderr, show(ran))
    copying = shop.program("copying", USER, "-fno-pic", "-no-pie", "-O2",
                           shop.path("libplain.so"), "-ldl")
    ran = with_plan(shop, copying, shop.path("plain.plan"))
    test("not when the program has a copy of it",
         refused(ran, "another object", stdout="5 5 5\n"), show(ran))
    shop.write("dead.c", "")
    other = shop.library_of("libplain.so", source + "int more;\n", "-O2", "-Wl,--build-id")
    ran = with_plan(shop, shop.path("user-plain"), shop.path("plain.plan"))
    test("nor of another build", refused(ran, "another build", other, stdout="5 5 5\n"),
         show(ran))


MODULE = r"""
int requests = 5, ready;
static int *const to_requests = &requests;
#ifndef BARE
__attribute__((constructor)) static void prepare(void) { ready = requests++; }
#endif
void serve(void) { requests++; *to_requests += 10; ready++; }
"""
# "load" | "fork" | "again": when the module comes; prints what it has counted, and maps of its own.
SERVER = r"""
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static int shared_mappings(void)
{
	char line[4096]; int count = 0; FILE *maps = fopen("/proc/self/maps", "r");
	while (fgets(line, sizeof(line), maps)) count += strstr(line, "rw-s") != NULL;
	fclose(maps);
	return count;
}
int main(int argc, char **argv)
{
	void *module; int before = 0;
	if (!strcmp(argv[2], "fork") && !fork()) pause();
	for (int i = 0; i < (strcmp(argv[2], "again") ? 1 : 20); i++) {
		if (!(module = dlopen(argv[1], RTLD_NOW))) { puts(dlerror()); return 1; }
		if (!i) before = shared_mappings();
		if (!strcmp(argv[2], "again") && i < 19) dlclose(module);
	}
	for (int i = 0; i < 4; i++)
		if (!fork()) { ((void (*)(void))dlsym(module, "serve"))(); _exit(0); }
		else wait(NULL);
	printf("%d %d, %d more\n", *(int *)dlsym(module, "requests"),
		*(int *)dlsym(module, "ready"), shared_mappings() - before);
	if (!strcmp(argv[2], "fork")) kill(0, 9);
	return argc != 3;
}
"""


@check
def modules(shop):
    if platform.machine() != "x86_64":
        raise Skip("a plan is for x86-64 so far")
    server = shop.program("server", SERVER.replace("<unistd.h>", "<signal.h>\n#include <unistd.h>"),
                          "-O2", "-ldl")
    module = shop.library_of("module.so", MODULE, "-O2", "-Wl,--build-id")
    plan = Plan(module, ["requests"]).write(shop.path("module.plan"))

    def served(how, module=module, plan=plan, **environment):
        return with_plan(shop, [server, module, how], plan, environment=environment,
                         start_new_session=True)

    ran = served("load")
    test("a module that comes by dlopen(): shared before its constructors run",
         ran.stdout == "50 5, 0 more\n" and not ran.stderr, show(ran))
    ran = served("again")
    test("one that goes and comes again: its old place is given back",
         ran.stdout == "50 5, 0 more\n" and not ran.stderr, show(ran))
    ran = served("fork")
    test("one that comes after a fork is refused", "after the process had forked" in ran.stderr,
         show(ran))
    ran = served("fork", FONDUE_LATE="1")
    test("unless FONDUE_LATE says so", not ran.stderr, show(ran))
    shop.library_of("libearlier.so", """
extern int requests __attribute__((weak));
int *kept;
__attribute__((constructor)) static void keep(void) { kept = &requests; }
void keep_it(void) { if (kept) ++*kept; }
""", "-O2", "-Wl,--build-id")
    needing = shop.library_of("needing.so", MODULE.replace(
        "void serve(void) {", "void keep_it(void);\nvoid serve(void) { keep_it();"), "-O2",
        "-Wl,--build-id", "-L.", "-learlier", "-Wl,-rpath,$ORIGIN")
    ran = served("load", needing, Plan(needing, ["requests"]).write(shop.path("needing.plan")))
    test("one whose variable an earlier one may have kept the address of is refused",
         ran.stdout == "6 5, 0 more\n" and "has run before it" in ran.stderr, show(ran))
    later = shop.library_of("later.so", MODULE.replace("requests", "others") + """
extern int requests;
void serve_too(void) { requests++; }
""", "-O2", "-Wl,--build-id", module, "-Wl,-rpath,$ORIGIN")
    ran = served("load", later, plan)
    test("not for one that was linked with it", not ran.stderr, show(ran))
    bare = shop.library_of("bare.so", MODULE, "-O2", "-DBARE", "-nostartfiles", "-Wl,--build-id")
    ran = served("load", bare, Plan(bare, ["requests"]).write(shop.path("bare.plan")))
    test("one that no start file announces stays private, which is said once",
         ran.stdout == "5 0, 0 more\n" and "without a word" in ran.stderr
         and ran.stderr.count("\n") == 1, show(ran))
    again = shop.library_of("module.so", MODULE + "int more;\n", "-O2", "-Wl,--build-id")
    ran = served("load", again)
    test("another build of it stays private, which is said", ran.stdout == "6 5, 0 more\n"
         and "another build" in ran.stderr and ran.stderr.count("\n") == 1, show(ran))


@check
def strangers(shop):
    path, plan = made(shop, "program", "-O2")
    with open(plan, "rb") as file:
        good = file.read()

    def tried(what, data, *words, mode=0o600):
        bad = shop.path("bad.plan")
        with open(bad, "wb") as file:
            file.write(data)
        os.chmod(bad, mode)
        ran = with_plan(shop, path, bad)
        test(f"a plan that is refused: {what}", refused(ran, *words), show(ran))

    tried("empty", b"", "no plan")
    tried("cut short", good[:-5], "cut short")
    tried("longer", good + b"\0", "cut short")
    tried("of another version", good[:8] + b"\3" + good[9:], "version 3")
    tried("with another sum", good[:30] + b"\1" + good[31:], "damaged")
    tried("something else", b"\x7fELF" + good[4:], "no plan")
    tried("that others may write to", good, "others", mode=0o666)
    changed = Plan(path, NAMES)
    changed.references[0] = (changed.references[0][0], changed.references[0][1] + 4, 0)
    tried("whose code is another", changed.bytes(), "differs")
    changed = Plan(path, NAMES)
    changed.references[0] = (changed.variables[0][0], changed.references[0][1], 0)
    changed.references.sort()
    tried("with a reference outside of the code", changed.bytes(), "differs")
    changed = Plan(path, NAMES)
    changed.pointers[0] = (changed.pointers[0][0] + 8, *changed.pointers[0][1:])
    tried("whose pointers are others", changed.bytes(), "contradicts itself")
    changed = Plan(path, NAMES)
    changed.pointers[-1] = (changed.pointers[-1][0] + 8, *changed.pointers[-1][1:])
    tried("whose last pointer is another", changed.bytes(), "differs")
    changed = Plan(path, NAMES)
    changed.variables[0] = (changed.variables[0][0] + (1 << 40), 8, "far")
    tried("with a variable elsewhere", changed.bytes(), "")
    ran = with_plan(shop, path, shop.path("nowhere"))
    test("one that is not there", refused(ran, "cannot be opened"), show(ran))
    ran = with_plan(shop, path, shop.directory)
    test("a directory", refused(ran, "no regular file"), show(ran))
    ran = with_plan(shop, path, shop.path("nowhere"), environment={"FONDUE_STRICT": "1"})
    test("FONDUE_STRICT=1: status 127, and nothing has run",
         ran.returncode == 127 and ran.stdout == "", show(ran))
    if os.geteuid() == 0:
        os.chown(plan, 12345, -1)
        ran = with_plan(shop, path, plan)
        test("another user's", refused(ran, "12345"), show(ran))
    ran = with_plan(shop, path, shop.path("program.plan") + "x", plan)
    test("of two each is looked at", ran.returncode == 0 and ran.stderr.count("\n") >= 1,
         show(ran))


@check
def damage(shop):
    """Any bytes may be others, by accident: the sum tells. No sum tells who means harm."""
    path, plan = made(shop, "victim", "-O2")
    with open(plan, "rb") as file:
        good = file.read()
    chance, broken = random.Random(1), []
    for _ in range(shop.args.rounds):
        data = bytearray(good)
        for _ in range(chance.choice([1, 1, 2, 5])):
            data[chance.randrange(len(data))] = chance.choice([0, 1, 0x7f, 0xff, chance.randrange(256)])
        bad = shop.path("damaged.plan")
        with open(bad, "wb") as file:
            file.write(data)
        ran = with_plan(shop, path, bad)
        if not (data == good or refused(ran)):
            broken.append((data.hex(), show(ran)))
    test(f"{shop.args.rounds} damaged plans are refused", not broken, broken[:1])


@check
def together(shop):
    """Annotations share the pages of a section, plans what they name."""
    if platform.machine() != "x86_64":
        raise Skip("a plan is for x86-64 so far")
    source = SOURCE.replace("#include <stdio.h>", "#include <stdio.h>\n#include <fondue/shared.h>\n"
                            "FONDUE_SHARED int annotated;", 1).replace(
        "hits++;", "hits++; annotated++;").replace(
        'printf("', 'printf("annotated %d ", annotated); printf("')
    path = shop.program("both", source, "-O2", "-Wl,--build-id")
    plan = Plan(path, ["hits", "annotated"]).write(shop.path("both.plan"))
    ran = with_plan(shop, path, plan)
    test("a variable that is annotated, too, is shared either way",
         ran.stdout.startswith("annotated 4000 hits 4000 4000 sum 0"), show(ran))


@check
def pointers_that_have_moved(shop):
    """What a variable holds is changed where it is read from."""
    if platform.machine() != "x86_64":
        raise Skip("a plan is for x86-64 so far")
    path = shop.program("chain", r"""
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int hits; int *to_hits = &hits; int other;
__attribute__((noinline)) void serve(void) { ++*to_hits; hits += 10; other++; }
int main(void)
{
	if (!fork()) { serve(); _exit(0); }
	while (wait(NULL) > 0)
		;
	printf("%d %d %d\n", hits, *to_hits, other);
	return 0;
}
""", "-O2", "-Wl,--build-id")
    plans = {name: Plan(path, [name]).write(shop.path(name + ".plan"))
             for name in ("to_hits", "hits")}
    for order in (["to_hits", "hits"], ["hits", "to_hits"]):
        ran = with_plan(shop, path, *(plans[name] for name in order))
        test(f"{' and then '.join(order)}, by a plan of its own each",
             ran.stdout == "11 11 0\n" and not ran.stderr, show(ran))


def many(count):
    return ("#include <stdio.h>\n#include <sys/wait.h>\n#include <unistd.h>\nint hits;\n"
            + "".join(f"__attribute__((noinline)) void f{i}(void) {{ hits += {i} + 1; hits ^= 1; }}\n"
                      for i in range(count // 2))
            + "int main(void) { if (!fork()) {" + "".join(f"f{i}();" for i in range(count // 2))
            + '_exit(0); } while (wait(NULL) > 0) ; printf("%d\\n", hits != 0); return 0; }\n')


@check
def large(shop):
    if platform.machine() != "x86_64":
        raise Skip("a plan is for x86-64 so far")
    path = shop.program("large", many(20000), "-O1", "-Wl,--build-id")
    plan = Plan(path, ["hits"])
    plan.write(shop.path("large.plan"))
    ran = with_plan(shop, path, shop.path("large.plan"))
    test("ten thousand references and more", len(plan.references) >= 10000
         and ran.stdout == "1\n" and not ran.stderr, show(ran))


@check
def refused_by_a_sandbox(shop):
    path, plan = made(shop, "confined", "-O2")
    ran = with_plan(shop, ["prlimit", "--as=200000000", path], plan) if needs("prlimit") else None
    test("under ulimit -v it is shared or refused, and runs",
         ran.returncode == 0 and ran.stdout in (PRIVATE, SHARED), show(ran))


# No code may become executable, and of data one page may not become writable.
CONFINE = r"""
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#define ARG(n) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[n]))
#define DENY BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES)
int main(int argc, char **argv)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 7), ARG(2),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1), DENY,
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PROT_READ | PROT_WRITE, 0, 3), ARG(1),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 4096, 0, 1), DENY,
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	(void)argc;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return 77;
	execv(argv[1], argv + 1);
	return 1;
}
"""


@check
def code_that_stays_as_it_is(shop):
    """Its constants can be opened last, or not at all; then it has to be executable again."""
    path = shop.program("sealed", SOURCE + "int pages(void) { "
                        + "serve(1); " * 1200 + "return 0; }\n", "-O2", "-rdynamic",
                        "-Wl,--build-id", "-Wl,-z,separate-code")
    if platform.machine() != "x86_64":
        raise Skip("a plan is for x86-64 so far")
    plan = Plan(path, NAMES).write(shop.path("sealed.plan"))
    confine = shop.program("confine", CONFINE)
    ran = with_plan(shop, [confine, path], plan)
    if ran.returncode == 77:
        raise Skip("there is no seccomp(2)")
    test("code that may not be executed again is replaced by the file's, unchanged as it is",
         refused(ran, "may not be written to"), show(ran))


sys.exit(main(__doc__))
