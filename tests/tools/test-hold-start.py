#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a program notices of it that its reports are to have stacks: nothing.

    test-hold-start.py --fondue EXE --library SO --archive A --include DIR
"""
import difflib
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import test  # noqa: E402
from held import Held, has_run  # noqa: E402
from workshop import Skip, check, main, needs, run, show  # noqa: E402

UNWINDER = "libunwind-x86_64.so.8"

# All that a program can see of itself, from its first constructor on.
SEES = r"""
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

extern char **environ;

static char order[64];

__attribute__((constructor(101))) static void first(int argc, char **argv, char **env)
{
	strcat(order, argc == 3 && argv[1][0] == 'a' && env == environ ? "1" : "?");
}
__attribute__((constructor)) static void second(void)
{
	strcat(order, "2");
}
void from_library(void)
{
	strcat(order, "L");
}

static void see_maps(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	int unwinders = 0;

	while (fgets(line, sizeof(line), maps))
		unwinders += strstr(line, "libunwind") != NULL;
	fclose(maps);
	printf("unwinder %s\n", unwinders ? "mapped" : "none");
}

static void see(void)
{
	DIR *fds = opendir("/proc/self/fd");
	FILE *status = fopen("/proc/self/status", "re");
	struct dirent *fd;
	struct rlimit files;
	char line[512], target[64];

	printf("order %s\nerrno %d\ndlerror %s\n", order, errno, dlerror() ? "set" : "none");
	while ((fd = readdir(fds)))
		if (fd->d_name[0] != '.' && readlinkat(dirfd(fds), fd->d_name, target, 5) == 5)
			printf("fd %s %.5s\n", fd->d_name, target);
	closedir(fds);
	while (fgets(line, sizeof(line), status))
		if (!strncmp(line, "Sig", 3) || !strncmp(line, "Shd", 3) ||
			!strncmp(line, "Threads", 7))
			fputs(line, stdout);
	fclose(status);
	getrlimit(RLIMIT_NOFILE, &files);
	printf("files %lu %lu\n", (unsigned long)files.rlim_cur, (unsigned long)files.rlim_max);
}

int main(int argc, char **argv)
{
	int saved = errno;
	void *plugin;

	printf("%d %s %s %s %s\n", argc, argv[0], argv[1], argv[2], program_invocation_name);
	for (char **e = environ; *e; e++)
		if (strncmp(*e, "LD_", 3) && strncmp(*e, "FONDUE_", 7))
			puts(*e);
	errno = saved;
	see();
	see_maps();
	plugin = getenv("PLUGIN") ? dlopen(getenv("PLUGIN"), RTLD_NOW) : NULL;
	if (getenv("PLUGIN")) {
		printf("plugin %d\n", plugin != NULL);
		errno = saved;
		see();
		see_maps();
	}
	return 0;
}
"""
# What makes it a program with locks, with shared variables, or with nothing of ours.
KINDS = {
    "locks": "#include <fondue/spinlock.h>\nFONDUE_SHARED fondue_spinlock_t lock;\n",
    "shared": "#include <fondue/shared.h>\nFONDUE_SHARED int hits;\n",
    "nothing": "int hits;\n",
}
LIBRARY = "void from_library(void);\n__attribute__((constructor)) static void load(void)\n" \
          "{ from_library(); }\nint used(void) { return 0; }\n"


def build(shop, kind):
    if not os.path.exists(shop.path("libfirst.so")):
        shop.library_of("libfirst.so", LIBRARY)
    return shop.program(kind, KINDS[kind] + SEES, "-D_GNU_SOURCE", "-Wl,--no-as-needed", "-L.",
                        "-lfirst", "-Wl,-rpath,$ORIGIN", "-Wl,--export-dynamic", "-ldl")


def sees(shop, path, preload=True, **environment):
    env = dict(shop.environment, **environment)
    if preload:
        env["LD_PRELOAD"] = shop.library
    ran = run([path, "a", "b c"], env=env)
    if ran.returncode:
        raise AssertionError(show(ran))
    return ran.stdout


def without(text, *words):
    return [line for line in text.splitlines() if not line.startswith(words)]


def differences(plain, loaded):
    # what is queued is counted for the user, by whatever else runs
    return list(difflib.unified_diff(without(plain, "unwinder", "SigQ"),
                                     without(loaded, "unwinder", "SigQ"), n=0, lineterm=""))


def has_unwinder(text):
    return [line == "unwinder mapped" for line in text.splitlines() if line.startswith("unwinder")]


@check
def nothing_noticed(shop):
    locks = build(shop, "locks")
    plain, loaded = sees(shop, locks, preload=False), sees(shop, locks)
    if has_unwinder(loaded) != [True]:
        raise Skip("there is no libunwind")
    test("with locks: arguments, environment, name, descriptors, signals, limits, the order "
         "of constructors, errno and dlerror() are as without",
         not differences(plain, loaded), "\n".join(differences(plain, loaded)))
    test("the unwinder is there from the start", has_unwinder(plain) == [False]
         and "order L12" in loaded, loaded)
    for name, kind, environment in [
            ("without locks", "shared", {}), ("without anything", "nothing", {}),
            ("with FONDUE_HOLD_MS=0", "locks", {"FONDUE_HOLD_MS": "0"})]:
        text = sees(shop, build(shop, kind), **environment)
        test(f"{name} it is not loaded", has_unwinder(text) == [False], text)


@check
def plugins(shop):
    path = build(shop, "nothing")
    for kind, wanted in ("locks", True), ("shared", False), ("nothing", False):
        plugin = shop.library_of(f"plugin-{kind}.so", KINDS[kind])
        plain = sees(shop, path, preload=False, PLUGIN=plugin)
        loaded = sees(shop, path, PLUGIN=plugin)
        test(f"a plugin, {kind} in it: {'it is' if wanted else 'not'} loaded with it",
             has_unwinder(loaded) == [False, wanted], loaded)
        test("... and nothing else noticed", not differences(plain, loaded),
             "\n".join(differences(plain, loaded)))
    loaded = sees(shop, path, PLUGIN=shop.path("plugin-locks.so"), FONDUE_HOLD_MS="0")
    test("... not with FONDUE_HOLD_MS=0", has_unwinder(loaded) == [False, False], loaded)


ASLEEP = r"""
FONDUE_SHARED static fondue_spinlock_t lock;

KEEP static void own(void) { fondue_spin_lock(&lock); have(); }
KEEP static void want(void) { fondue_spin_lock(&lock); STAY(); }
int main(void) { return held(own, want); }
"""


@check
def missing(shop):
    path = shop.held("asleep", ASLEEP, "-O1", "-fno-omit-frame-pointer")
    for name, content in ("missing", None), ("no library", b"no ELF"), ("another library", b""):
        os.makedirs(shop.path("lib"), exist_ok=True)
        if content:
            with open(shop.path("lib/" + UNWINDER), "wb") as file:
                file.write(content)
        elif content is not None:
            os.unlink(shop.path("lib/" + UNWINDER))
            shop.library_of("lib/" + UNWINDER, "int nothing;\n", "-x", "c")
        else:
            hide(shop, path)
            continue
        with Held(shop, path, env={"LD_LIBRARY_PATH": shop.path("lib")}) as held:
            report = held.report()
            fds = os.listdir(f"/proc/{held.process.pid}/fd")
        test(f"libunwind is {name}: there is a report all the same, which says so",
             "libunwind is not there" in report["owner"]["end"] + report["waiter"]["end"]
             and not report["waiter"]["complete"], report)
        test("... with frames, found by frame pointers",
             has_run(report["waiter"], "want", "main")
             and [frame.get("guess") for frame in report["waiter"]["frames"]][1], report)
        test("... and no descriptor more", len(fds) == 5, fds)


def hide(shop, path):
    """In a mount namespace of its own, where there is an empty directory instead."""
    where = os.path.realpath("/usr/lib/x86_64-linux-gnu/" + UNWINDER)
    command = ["unshare", "-m", "sh", "-c", f"mount --bind /dev/null {where} && exec \"$0\"", path]
    if run(["unshare", "-m", "true"]).returncode or not os.path.exists(where):
        return
    with Held(shop, *command) as held:
        report = held.report()
    test("libunwind is empty: there is a report all the same, which says so",
         "libunwind is not there" in report["waiter"]["end"], report)


# A descriptor of the program whose bytes nobody else may read, and a file nobody may write.
LOCAL = r"""
#define UNW_LOCAL_ONLY
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <libunwind.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef LOCKS
#include <fondue/spinlock.h>
FONDUE_SHARED fondue_spinlock_t lock;
#endif

static int (*init)(unw_cursor_t *, unw_context_t *), (*step)(unw_cursor_t *);
static int (*get)(unw_context_t *);

static __attribute__((noinline)) int unwind(void)
{
	unw_context_t context;
	unw_cursor_t cursor;
	int count = 0;

	if (get(&context) < 0 || init(&cursor, &context) < 0)
		return 0;
	while (step(&cursor) > 0 && count < 100)
		count++;
	return count;
}

/* Code that no table tells of, so that libunwind tests the addresses which it guesses. */
static int through_nothing(void)
{
	static const unsigned char code[] = { 0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3 };
	unsigned char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(page, code, sizeof(code));
	return ((int (*)(int (*)(void)))page)(unwind);
}

static void *sleep_on(void *arg)
{
	for (;;)
		pause();
	return arg;
}

int main(int argc, char **argv)
{
	int pairs[8][2], good = 0, again;
	char bytes[8];
	void *library;
	pthread_t thread;

	if (argc > 2)
		pthread_create(&thread, NULL, sleep_on, NULL);
	if (argc > 1 && !dlopen(argv[1], RTLD_NOW))
		return 2;
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	for (int i = 0; i < 8; i++) {
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pairs[i]);
		write(pairs[i][0], "ABCD", 4);
		write(pairs[i][1], "ABCD", 4);
	}
	library = dlopen("libunwind.so.8", RTLD_NOW);
	if (!library)
		return 3;
	*(void **)&get = dlsym(library, "_Ux86_64_getcontext");
	*(void **)&init = dlsym(library, "_ULx86_64_init_local");
	*(void **)&step = dlsym(library, "_ULx86_64_step");
	again = through_nothing() && through_nothing();
	for (int i = 0; i < 16; i++) {
		memset(bytes, 0, sizeof(bytes));
		good += read(pairs[i / 2][i % 2], bytes, 8) == 4 && !memcmp(bytes, "ABCD", 5);
	}
	printf("%d unwound %d\n", good, again);
	return good == 16 && again ? 0 : 1;
}
"""


@check
def programs_own(shop):
    plugin = shop.library_of("locks.so", KINDS["locks"])
    env = dict(shop.environment, LD_PRELOAD=shop.library)
    linked = ["-Wl,--no-as-needed", "-lunwind", "-lunwind-x86_64", "-Wl,--as-needed"]
    for name, options, words in [
            ("opens it later", ["-DLOCKS"], []), ("is linked with it", ["-DLOCKS", *linked], []),
            ("opens it after a plugin with locks", [], [plugin]),
            ("opens it after such a plugin was loaded among threads", [], [plugin, "thread"]),
            ("is linked with it, and loads such a plugin", linked, [plugin])]:
        path = shop.program("local", LOCAL, *options, "-pthread", "-ldl", "-w")
        ran = run([path, *words], env=env)
        alone = run([path, *words], env=shop.environment)
        if alone.returncode:
            raise Skip("it does not do so by itself: " + show(alone))
        test(f"a program that unwinds itself {name}: its descriptors are its own",
             ran.returncode == alone.returncode and ran.stdout == alone.stdout,
             show(ran) + show(alone))


HOST = r"""
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
#include <fondue/spinlock.h>

FONDUE_SHARED fondue_spinlock_t lock;

static void *to_be_cancelled(void *arg)
{
	int (*hang)(void) = (int (*)(void))arg;

	hang();
	return NULL;
}

int main(int argc, char **argv)
{
	void *plugin = dlopen(argv[1], RTLD_NOW), *result = NULL;
	int (*try_it)(void), (*ended)(void);
	pthread_t thread;

	(void)argc;
	if (!plugin)
		return 2;
	*(void **)&try_it = dlsym(plugin, "throw_and_catch");
	*(void **)&ended = dlsym(plugin, "destroyed");
	pthread_create(&thread, NULL, to_be_cancelled, dlsym(plugin, "hang"));
	while (!ended()) /* 1: it is in there */
		;
	pthread_cancel(thread);
	pthread_join(thread, &result);
	printf("%d %d %d\n", try_it(), result == PTHREAD_CANCELED, ended());
	return 0;
}
"""
PLUGIN = r"""
#include <atomic>
#include <stdexcept>
#include <unistd.h>

static std::atomic<int> state;
struct guard { ~guard() { state = 2; } };

extern "C" int destroyed(void) { return state; }
extern "C" int hang(void)
{
	guard it;

	for (state = 1;;)
		pause();
}
static void deep(int n) { if (n) deep(n - 1); else throw std::runtime_error("x"); }
extern "C" int throw_and_catch(void)
{
	try { deep(20); } catch (const std::exception &) { return 1; }
	return 0;
}
"""


@check
def exceptions(shop):
    host = shop.program("host", HOST, "-pthread", "-ldl", "-fno-exceptions", "-Wl,--as-needed")
    shop.write("plugin.cc", PLUGIN)
    shop.make(needs("g++"), "-shared", "-fPIC", "plugin.cc", "-o", "plugin.so")
    if "libgcc_s" in run(["readelf", "-d", host]).stdout:
        raise Skip("the host is linked with libgcc_s here")
    for mode in "lazy", "now":
        ran = run([host, shop.path("plugin.so")], env=dict(
            shop.environment, LD_PRELOAD=shop.library, LD_DEBUG="bindings",
            **({"LD_BIND_NOW": "1"} if mode == "now" else {})))
        bindings = [line for line in ran.stderr.splitlines()
                    if " to " in line and "libunwind" in line.split(" to ", 1)[1]
                    and "libunwind" not in line.split(" to ", 1)[0]
                    and "/libfondue.so" not in line.split(" to ", 1)[0]]
        loaded = [line for line in ran.stderr.splitlines() if UNWINDER in line]
        test(f"a plugin in C++, bound {mode}: exceptions and pthread_cancel() work, and nobody "
             "is bound to libunwind", ran.returncode == 0 and ran.stdout == "1 1 2\n"
             and loaded and not bindings,
             f"{ran.returncode} {ran.stdout} {len(loaded)}\n" + "\n".join(bindings[:30]))


sys.exit(main(__doc__))
