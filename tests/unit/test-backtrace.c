/* SPDX-License-Identifier: MIT */
/*
 * Description: how threads of other programs, and our own, came to where they are
 *
 * Programs that sleep at a known depth are looked at from outside, and frames and names
 * compared with what is known of them. Their files are replaced, deleted and cut meanwhile:
 * then there must be no names rather than wrong ones.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <time.h>

#include "kernel.h"
#include "scratch.h"
#include "self.h"
#include "sleepers.h"

/* A file of the same bytes; the last one put in the place of what has the name, in one go. */
static void copy_file(const char *from, const char *to)
{
	char command[1200];

	snprintf(command, sizeof(command), "cp %s %s.new && mv %s.new %s", from, to, to, to);
	if (system(command) != 0)
		tap_bail_out("cannot copy a program");
}

/* Look at a sleeper and free what was seen: the claim itself is in @judge. */
static bool look_at(const struct sleeper *sleeper, bool (*judge)(const struct backtrace *))
{
	struct snapshot snapshot;
	const struct backtrace *b;
	bool good;
	int error = sleeper_snapshot(sleeper, &snapshot);

	if (error != 0) {
		tap_note("  no snapshot: %d", error);
		return false;
	}
	b = backtrace_make(&snapshot);
	good = b && judge(b);
	if (b && !good)
		backtrace_note(b);
	if (b)
		backtrace_free(b);
	return good;
}

static bool look(const char *path, const char *how, const char *plugin,
	bool (*judge)(const struct backtrace *))
{
	struct sleeper sleeper = sleeper_start(path, how, plugin);
	bool good;

	if (!sleeper.pid)
		return false;
	good = look_at(&sleeper, judge);
	sleeper_end(&sleeper);
	return good;
}

static bool is_whole(const struct backtrace *b)
{
	return b->end == UNWIND_COMPLETE && b->count < 20 && b->frames[0].step.is_exact &&
	       HAS_RUN(b, "inner", "middle", "outer", "main");
}

static bool is_whole_thread(const struct backtrace *b)
{
	return b->end == UNWIND_COMPLETE &&
	       HAS_RUN(b, "inner", "middle", "outer", "thread_main");
}

static bool is_named_thread(const struct backtrace *b)
{
	/* musl names its system calls; and nothing in between is lost */
	return is_whole(b) && b->frames[0].symbol && b->frames[0].binary;
}

static bool has_signal(const struct backtrace *b)
{
	int handler = frame_named(b, "on_signal"), faulter = frame_named(b, "faulter");

	if (b->end != UNWIND_COMPLETE || handler < 0 || faulter != handler + 2)
		return false;
	if (!b->frames[handler + 1].step.is_signal || !b->frames[faulter].step.is_exact)
		return false;
	return b->frames[faulter].symbol_offset == 0 &&
	       b->frames[faulter + 1].step.is_exact == false &&
	       HAS_RUN(b, "inner", "middle", "outer", "main");
}

/* The copy of the stack that the handler runs on does not reach the other one. */
static bool has_signal_only(const struct backtrace *b)
{
	return frame_named(b, "on_signal") >= 0 &&
	       (b->end == UNWIND_STACK_ENDS || has_signal(b));
}

static bool has_plugin(const struct backtrace *b)
{
	return b->end == UNWIND_COMPLETE && HAS_RUN(b, "plugin_inner", "plugin_outer") &&
	       HAS_RUN(b, "inner", "middle", "outer", "main");
}

static bool has_last_call(const struct backtrace *b)
{
	return b->end == UNWIND_COMPLETE &&
	       HAS_RUN(b, "never_returns", "calls_and_ends", "inner", "middle", "outer", "main");
}

static bool is_deep(const struct backtrace *b)
{
	return b->end == UNWIND_TOO_MANY && b->count == BACKTRACE_MAX &&
	       b->frames[BACKTRACE_MAX - 1].symbol &&
	       !strcmp(b->frames[BACKTRACE_MAX - 1].symbol, "recursion");
}

static bool lacks_register(const struct backtrace *b)
{
	return b->end == UNWIND_NO_REGISTER && frame_named(b, "main") < 0 && b->frames[0].symbol;
}

static bool lacks_tables(const struct backtrace *b)
{
	return b->end == UNWIND_NO_TABLES && b->where &&
	       !strcmp(b->where->path, sleeper_path("sleeper-bare"));
}

static bool is_stripped(const struct backtrace *b)
{
	return b->end == UNWIND_COMPLETE &&
	       is_unnamed(b, sleeper_path("sleeper-stripped")) && b->count >= 6;
}

/* Offsets are as the file counts: not those of where it is in memory. */
static bool is_fixed(const struct backtrace *b)
{
	int frame = frame_named(b, "main");

	return is_whole(b) && b->frames[frame].binary->bias == 0 &&
	       b->frames[frame].offset == b->frames[frame].step.pc;
}

static void test_sleepers(void)
{
	static const char *const hows[] = { "nanosleep", "read", "poll", "futex", "stop" };
	char claim[96];

	for (unsigned i = 0; i < sizeof(hows) / sizeof(hows[0]); i++) {
		snprintf(claim, sizeof(claim), "a program in %s: every frame, by its name", hows[i]);
		test(claim, look(sleeper_path("sleeper"), hows[i], NULL, is_whole));
	}
	test("where it sleeps has a name, too",
		look(sleeper_path("sleeper"), "nanosleep", NULL, is_named_thread));
	test("a thread is complete down to its start",
		look(sleeper_path("sleeper"), "thread", NULL, is_whole_thread));
	test("a program at a fixed address",
		look(sleeper_path("sleeper-fixed"), "read", NULL, is_fixed));
	test("a handler, what it interrupted before its first instruction, and its callers",
		look(sleeper_path("sleeper"), "signal", NULL, has_signal));
	test("a handler on a stack of its own",
		look(sleeper_path("sleeper"), "altstack", NULL, has_signal_only));
	test("an object that was loaded after the start",
		look(sleeper_path("sleeper"), "plugin", sleeper_path("sleeper-plugin.so"),
			has_plugin));
	test("a function that ends with a call is named, and not its neighbour",
		look(sleeper_path("sleeper"), "noreturn", NULL, has_last_call));
	test("of a deep recursion the innermost frames",
		look(sleeper_path("sleeper"), "deep", NULL, is_deep));
	test("frame pointers cannot be seen from outside, and this is said",
		look(sleeper_path("sleeper-framed"), "nanosleep", NULL, lacks_register));
	test("an object without unwind tables is named as the obstacle",
		look(sleeper_path("sleeper-bare"), "nanosleep", NULL, lacks_tables));
	test("a stripped program has frames, and no names at all",
		look(sleeper_path("sleeper-stripped"), "nanosleep", NULL, is_stripped));
}

/* What a lock would have stored when it was taken leads on. */
static int play_second_place(void)
{
	struct sleeper sleeper = sleeper_start(sleeper_path("sleeper-framed"), "nanosleep", NULL);
	struct snapshot snapshot;
	const struct backtrace *b;
	int gap;

	must(sleeper.pid && sleeper_snapshot(&sleeper, &snapshot) == 0);
	register_set(&snapshot.earlier, REGISTER_PC, sleeper.place.pc);
	register_set(&snapshot.earlier, REGISTER_SP, sleeper.place.sp);
	register_set(&snapshot.earlier, REGISTER_FP, sleeper.place.fp);
	b = backtrace_make(&snapshot);
	must(b && b->end == UNWIND_COMPLETE && HAS_RUN(b, "outer", "main"));
	gap = frame_named(b, "outer");
	must(b->frames[gap].is_behind_gap && gap >= 1 && !b->frames[gap - 1].is_behind_gap);
	must(b->frames[gap].step.is_exact);
	backtrace_free(b);
	/* a frame that has returned since is not one to begin with */
	register_set(&snapshot.earlier, REGISTER_SP, snapshot.registers.at[REGISTER_SP] - 64);
	b = backtrace_make(&snapshot);
	must(b && b->end == UNWIND_NO_REGISTER);
	backtrace_free(b);
	sleeper_end(&sleeper);
	return CHILD_GOOD;
}

/* Names and files */

static const char *program; /* in the scratch directory */

static bool is_whole_but_unnamed(const struct backtrace *b)
{
	return b->end == UNWIND_COMPLETE && b->count >= 6 && is_unnamed(b, program);
}

static bool is_unnamed_changed(const struct backtrace *b)
{
	return is_whole_but_unnamed(b) && b->frames[b->count - 1].file_changed;
}

/* Start a copy of @name, let @change happen to its file, look. */
static bool look_after(const char *name, void (*change)(void),
	bool (*judge)(const struct backtrace *))
{
	struct sleeper sleeper;
	bool good;

	copy_file(sleeper_path(name), program);
	sleeper = sleeper_start(program, "nanosleep", NULL);
	if (!sleeper.pid)
		return false;
	change();
	good = look_at(&sleeper, judge);
	sleeper_end(&sleeper);
	return good;
}

static void nothing(void)
{
}

static void replace_by_another(void)
{
	copy_file(sleeper_path("sleeper-other"), program);
}

static void replace_by_the_same(void)
{
	copy_file(sleeper_path("sleeper"), program);
}

static void replace_by_unmarked(void)
{
	copy_file(sleeper_path("sleeper-unmarked"), program);
}

static void delete(void)
{
	unlink(program);
}

static void replace_by_pipe(void)
{
	unlink(program);
	if (mkfifo(program, 0600) != 0)
		tap_bail_out("no FIFO");
}

static void replace_by_nonsense(void)
{
	char command[600];

	snprintf(command, sizeof(command),
		"cp %s %s.new && truncate -s 5000 %s.new && mv %s.new %s",
		sleeper_path("sleeper"), program, program, program, program);
	if (system(command) != 0)
		tap_bail_out("cannot cut a file");
}

static void test_files(void)
{
	program = strdup(scratch_path("program"));
	test("a copy that nothing happens to", look_after("sleeper", nothing, is_whole));
	test("replaced by another build: no names, all frames",
		look_after("sleeper", replace_by_another, is_unnamed_changed));
	test("replaced by the same build: names again",
		look_after("sleeper", replace_by_the_same, is_whole));
	test("deleted: no names, all frames",
		look_after("sleeper", delete, is_whole_but_unnamed));
	test("replaced by a pipe: nobody waits for its writer",
		look_after("sleeper", replace_by_pipe, is_whole_but_unnamed));
	test("replaced by a piece of itself: no names, all frames",
		look_after("sleeper", replace_by_nonsense, is_whole_but_unnamed));
	test("without a build-id: named as long as the file stays",
		look_after("sleeper-unmarked", nothing, is_whole));
	test("without a build-id, replaced by the same: not certain, no names",
		look_after("sleeper-unmarked", replace_by_unmarked, is_whole_but_unnamed));
	unlink(program);
}

/* The process may not be read, only its files: Yama, or an undumpable program. */
static int play_closed(void)
{
	struct sleeper sleeper = sleeper_start(sleeper_path("sleeper"), "nanosleep", NULL);
	struct snapshot snapshot;
	const struct backtrace *b;

	must(sleeper.pid && sleeper_snapshot(&sleeper, &snapshot) == 0);
	kernel_refuse(SYS_process_vm_readv, EPERM);
	b = backtrace_make(&snapshot);
	must(b && is_whole(b));
	backtrace_free(b);
	sleeper_end(&sleeper);
	return CHILD_GOOD;
}

static int play_closed_and_replaced(void)
{
	struct snapshot snapshot;
	struct sleeper sleeper;
	const struct backtrace *b;

	program = strdup(scratch_path("program"));
	copy_file(sleeper_path("sleeper"), program);
	sleeper = sleeper_start(program, "nanosleep", NULL);
	must(sleeper.pid && sleeper_snapshot(&sleeper, &snapshot) == 0);
	replace_by_the_same();
	kernel_refuse(SYS_process_vm_readv, EPERM);
	b = backtrace_make(&snapshot);
	must(b && b->end == UNWIND_NO_TABLES && is_unnamed(b, program));
	must(b->where && !strcmp(b->where->path, program));
	backtrace_free(b);
	sleeper_end(&sleeper);
	return CHILD_GOOD;
}

/* Not even its mappings: the snapshot's registers are all there is. */
static int play_hidden(void)
{
	struct sleeper sleeper = sleeper_start(sleeper_path("sleeper"), "nanosleep", NULL);
	struct snapshot snapshot;
	const struct backtrace *b;

	must(sleeper.pid && sleeper_snapshot(&sleeper, &snapshot) == 0);
	kernel_refuse(SYS_openat, EACCES);
	b = backtrace_make(&snapshot);
	must(b && b->count == 1 && !b->frames[0].binary && !b->frames[0].symbol);
	must(b->end == UNWIND_NO_MAPPINGS && b->frames[0].step.pc);
	backtrace_free(b);
	sleeper_end(&sleeper);
	return CHILD_GOOD;
}

/* A mapped file that is cut ends programs that look at their mapping of it. */
static int play_truncated(void)
{
	const char *plugin = scratch_path("plugin.so");
	struct snapshot snapshot;
	struct sleeper sleeper;
	const struct backtrace *b;

	copy_file(sleeper_path("sleeper-plugin.so"), plugin);
	sleeper = sleeper_start(sleeper_path("sleeper"), "plugin", plugin);
	must(sleeper.pid && sleeper_snapshot(&sleeper, &snapshot) == 0);
	b = backtrace_make(&snapshot);
	must(b && has_plugin(b));
	backtrace_free(b);
	for (off_t size = 16384; size >= 0; size = size ? size / 2 : -1) {
		must(truncate(plugin, size) == 0);
		b = backtrace_make(&snapshot);
		must(b && b->count >= 2);
		if (size < 4096)
			must(is_unnamed(b, plugin));
		backtrace_free(b);
	}
	sleeper_end(&sleeper);
	return CHILD_GOOD;
}

/* Snapshots */

static int play_running(void)
{
	struct sleeper sleeper = sleeper_start(sleeper_path("sleeper"), "spin", NULL);
	unsigned char stack[4096];
	struct snapshot snapshot = { .pid = 4711 };

	must(sleeper.pid);
	must(snapshot_take_sleeping(sleeper.pid, sleeper.tid, stack, sizeof(stack), &snapshot) ==
		-EAGAIN);
	must(snapshot.pid == 4711);
	sleeper_end(&sleeper);
	must(snapshot_take_sleeping(sleeper.pid, sleeper.tid, stack, sizeof(stack), &snapshot) ==
		-ESRCH);
	return CHILD_GOOD;
}

static int waker;

/* While its stack is copied it runs, and goes to sleep in the same place. */
static void wake_it(const long *args)
{
	(void)args;
	if (write(waker, "x", 1) == 1)
		usleep(20000);
}

static int play_disturbed(void)
{
	struct sleeper sleeper = sleeper_start(sleeper_path("sleeper"), "read", NULL);
	unsigned char stack[4096];
	struct snapshot snapshot;

	must(sleeper.pid && sleeper_snapshot(&sleeper, &snapshot) == 0);
	waker = sleeper.wake;
	kernel_watch(SYS_process_vm_readv, wake_it);
	must(snapshot_take_sleeping(sleeper.pid, sleeper.tid, stack, sizeof(stack), &snapshot) ==
		-EAGAIN);
	kernel_reset();
	must(sleeper_snapshot(&sleeper, &snapshot) == 0);
	sleeper_end(&sleeper);
	return CHILD_GOOD;
}

/* Our own stack */

static unsigned char own_stack[SNAPSHOT_STACK_MAX];
static struct snapshot own;
static int own_error;

static void take_own(void)
{
	own_error = snapshot_take_self(own_stack, sizeof(own_stack), &own);
	__asm__ volatile("" ::: "memory");
}

static const struct backtrace *own_backtrace(void (*way)(void (*)(void)))
{
	way(take_own);
	return own_error ? NULL : backtrace_make(&own);
}

static int play_own(void)
{
	const struct backtrace *b = own_backtrace(plain_a);

	must(b && b->end == UNWIND_COMPLETE);
	must(HAS_RUN(b, "snapshot_take_self", "take_own", "plain_b", "plain_a"));
	must(frame_named(b, "main") > 0);
	backtrace_free(b);
	b = own_backtrace(framed_a);
	must(b && b->end == UNWIND_COMPLETE);
	must(HAS_RUN(b, "snapshot_take_self", "take_own", "framed_b", "framed_a"));
	must(frame_named(b, "main") > 0);
	backtrace_free(b);
	return CHILD_GOOD;
}

/* In a sandbox that does not even let us copy from ourselves. */
static int play_own_refused(void)
{
	const struct backtrace *b;

	kernel_refuse(SYS_process_vm_readv, ENOSYS);
	b = own_backtrace(plain_a);
	must(b && b->end == UNWIND_COMPLETE && frame_named(b, "main") > 0);
	must(HAS_RUN(b, "take_own", "plain_b", "plain_a"));
	backtrace_free(b);
	return CHILD_GOOD;
}

static void *run_plain(void *arg)
{
	plain_a(take_own);
	return arg;
}

static int play_own_thread(void)
{
	const struct backtrace *b;
	pthread_t thread;

	must(pthread_create(&thread, NULL, run_plain, NULL) == 0);
	must(pthread_join(thread, NULL) == 0);
	must(own_error == 0);
	b = backtrace_make(&own);
	must(b && b->end == UNWIND_COMPLETE);
	must(HAS_RUN(b, "take_own", "plain_b", "plain_a", "run_plain"));
	backtrace_free(b);
	return CHILD_GOOD;
}

/* What a host would notice */

static int play_unnoticed(void)
{
	int descriptor = next_descriptor();
	const struct backtrace *b;

	errno = EDOM;
	b = own_backtrace(plain_a);
	must(b && errno == EDOM && next_descriptor() == descriptor);
	backtrace_free(b);
	must(errno == EDOM);
	return CHILD_GOOD;
}

/* KiB of memory that are there and of no file; statm's figures lag behind by some 100. */
static unsigned long private_kib(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "r");
	unsigned long kib = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file) && sscanf(line, "Anonymous: %lu", &kib) != 1)
		;
	if (file)
		fclose(file);
	return kib;
}

/* libunwind has a pool of its own: what it takes from there for a frame it must give back. */
#define ROUNDS	    2500
#define WARM_ROUNDS 500
#define NOISE_KIB   80 /* a single record of 100 bytes in each round would be 200 */

static int play_no_leak(void)
{
	unsigned long before = 0, after;

	for (unsigned i = 0; i < ROUNDS; i++) {
		const struct backtrace *b = own_backtrace(plain_a);

		must(b);
		backtrace_free(b);
		if (i == WARM_ROUNDS)
			before = private_kib();
	}
	after = private_kib();
	if (after >= before + NOISE_KIB)
		tap_note("  %lu KiB, and %lu in the end", before, after);
	/* a sanitizer remembers what was freed */
	must(__sanitizer_set_report_fd || after < before + NOISE_KIB);
	return CHILD_GOOD;
}

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

/* How long it takes: a remark, no claim. */
static void measure(void)
{
	struct sleeper sleeper = sleeper_start(sleeper_path("sleeper"), "nanosleep", NULL);
	static struct target target;
	static struct binaries binaries;
	static struct unwind_work work;
	double took[3] = { 1e9, 1e9, 1e9 };
	struct snapshot snapshot;
	unsigned count = 0;

	for (unsigned i = 0; sleeper.pid && i < 50; i++) {
		double start = now_us(), snapped, end;
		int error = sleeper_snapshot(&sleeper, &snapshot);
		struct step steps[BACKTRACE_MAX];
		const struct binary *where;
		enum unwind_end why;
		const struct backtrace *b;

		snapped = now_us();
		if (error)
			break;
		b = backtrace_make(&snapshot);
		end = now_us();
		if (b)
			backtrace_free(b);
		took[0] = snapped - start < took[0] ? snapped - start : took[0];
		took[1] = end - snapped < took[1] ? end - snapped : took[1];
		binaries.count = 0;
		start = now_us();
		target_open(&target, sleeper.pid);
		count = unwind_steps(&snapshot, &snapshot.registers, &target, &binaries, &work,
			steps, BACKTRACE_MAX, &why, &where);
		end = now_us();
		took[2] = end - start < took[2] ? end - start : took[2];
	}
	sleeper_end(&sleeper);
	tap_note("%u frames, best of 50: snapshot %.0f us; unwinding %.0f us; with names %.0f us",
		count, took[0], took[2], took[1]);
}

static void test_backtraces(void)
{
	test_play("our own stack, with frame pointers and without", play_own);
	test_play("our own stack where the kernel refuses to copy it", play_own_refused);
	test_play("the stack of one of our threads", play_own_thread);
	test_play("neither errno nor a descriptor is changed", play_unnoticed);
	test_play("nothing is left behind in memory", play_no_leak);
	test_sleepers();
	test_play("from where a lock was taken it goes on", play_second_place);
	test_files();
	test_play("a process that may not be read: its files will do", play_closed);
	test_play("but not when they have been replaced", play_closed_and_replaced);
	test_play("a process that may not even be listed", play_hidden);
	test_play("a library that is cut while it is mapped", play_truncated);
	measure();
}

int main(int argc, char **argv)
{
	if (argc < 2)
		tap_bail_out("where are the sleepers?");
	sleepers = argv[1];
	scratch_make();
	test_play_natively("a running thread, and one that is gone", play_running);
	test_play_natively("a thread that ran meanwhile is not believed", play_disturbed);
	if (is_emulated())
		skip("backtraces", "an emulator's processes are not ours");
	else if (unwind_start(NULL) != 0)
		skip("backtraces", "there is no libunwind");
	else
		test_backtraces();
	scratch_remove();
	return tap_done();
}
