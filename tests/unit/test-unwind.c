/* SPDX-License-Identifier: MIT */
/*
 * Description: unwinding ends, whatever it is given, and says why
 *
 * Stacks of random bytes, stacks whose frames go round, tables with damaged bytes, too little
 * of everything: there may be few frames, but never a crash, a long time, or a frame that is
 * not in code. The numbers are the same in every run.
 */
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/auxv.h>
#include <time.h>

#include "chain.h"
#include "kernel.h"
#include "scratch.h"
#include "self.h"
#include "sleepers.h"

static bool has_unwinder;
static uint64_t state = 20130527;

static unsigned char stack[SNAPSHOT_STACK_MAX];
static struct snapshot snapshot;
static int snapshot_error;

static void take(void)
{
	snapshot_error = snapshot_take_self(stack, sizeof(stack), &snapshot);
	__asm__ volatile("" ::: "memory");
}

/* What unwind_steps() needs and gives. */
static struct target target;
static struct binaries binaries;
static struct unwind_work work;
static struct step steps[BACKTRACE_MAX];
static enum unwind_end end;
static const struct binary *where;
static unsigned count;

static void unwind(unsigned max)
{
	count = unwind_steps(&snapshot, &snapshot.registers, &target, &binaries, &work, steps,
		max, &end, &where);
}

static bool open_target(pid_t pid)
{
	binaries.count = 0;
	return target_open(&target, pid) == 0;
}

static bool open_own(void)
{
	plain_a(take);
	return snapshot_error == 0 && open_target(getpid());
}

/* What always holds. */
static bool is_sound(unsigned max)
{
	if (!count || count > max || end >= UNWIND_ENDS)
		return false;
	for (unsigned i = 1; i < count; i++) {
		if (!target_is_code(&target, step_place(&steps[i])))
			return false;
		if (!steps[i - 1].is_signal && steps[i].sp < steps[i - 1].sp)
			return false;
	}
	return steps[0].is_exact;
}

/* Too little */

static int play_short_stack(void)
{
	unsigned whole, before = 0;
	size_t size;

	must(open_own());
	size = snapshot.windows[0].size;
	unwind(BACKTRACE_MAX);
	must(end == UNWIND_COMPLETE && count >= 5);
	whole = count;
	for (size_t n = 0; n < size && n < 4096; n += 8) {
		snapshot.windows[0].size = n;
		unwind(BACKTRACE_MAX);
		must(is_sound(BACKTRACE_MAX) && count >= before && count <= whole);
		must(count == whole || end == UNWIND_STACK_ENDS);
		before = count;
	}
	must(before > 3);
	return CHILD_GOOD;
}

static int play_two_windows(void)
{
	size_t cut;

	must(open_own());
	unwind(BACKTRACE_MAX);
	must(end == UNWIND_COMPLETE);
	/* torn between two frames, where no word is in both */
	cut = steps[2].sp - snapshot.windows[0].from;
	snapshot.windows[1] = (struct window){ .from = snapshot.windows[0].from + cut,
		.size = snapshot.windows[0].size - cut,
		.bytes = snapshot.windows[0].bytes + cut };
	snapshot.windows[0].size = cut;
	unwind(BACKTRACE_MAX);
	must(end == UNWIND_COMPLETE);
	snapshot.windows[1].size = 0;
	unwind(BACKTRACE_MAX);
	must(end == UNWIND_STACK_ENDS);
	return CHILD_GOOD;
}

/* Words that are half in a window are not in it. */
static int play_window(void)
{
	struct snapshot s = { .windows[1] = { .from = 4096, .size = 20,
		.bytes = make_guarded(20) } };
	uintptr_t word = 1;

	must(snapshot_read(&s, 4096, &word) && word == 0);
	must(snapshot_read(&s, 4108, &word) && !snapshot_read(&s, 4109, &word));
	must(!snapshot_read(&s, 4116, &word) && !snapshot_read(&s, 4095, &word));
	must(!snapshot_read(&s, 0, &word) && !snapshot_read(&s, UINTPTR_MAX, &word));
	s.windows[1].size = 7;
	must(!snapshot_read(&s, 4096, &word));
	return CHILD_GOOD;
}

static int play_little_room(void)
{
	must(open_own());
	for (unsigned max = 1; max < 5; max++) {
		unwind(max);
		must(count == max && end == UNWIND_TOO_MANY && is_sound(max));
	}
	return CHILD_GOOD;
}

static int play_no_registers(void)
{
	must(open_own());
	snapshot.registers.known = 1ULL << REGISTER_PC;
	unwind(BACKTRACE_MAX);
	must(count == 1 && end == UNWIND_NO_REGISTER && is_sound(BACKTRACE_MAX));
	return CHILD_GOOD;
}

/* Round and round */

static bool begin_in_framed(uintptr_t *ret_a, uintptr_t *ret_b)
{
	framed_a(take);
	if (snapshot_error || !open_target(getpid()))
		return false;
	unwind(BACKTRACE_MAX);
	/* snapshot_take_self, take, framed_b, framed_a */
	*ret_b = steps[2].pc;
	*ret_a = steps[3].pc;
	return end == UNWIND_COMPLETE && count > 5;
}

/* A frame pointer that points to a frame with the same one, or to one that points back. */
static int play_cycle(void)
{
	static uintptr_t words[64];
	uintptr_t a, b, at = (uintptr_t)words;

	must(begin_in_framed(&a, &b));
	snapshot.windows[0] = (struct window){
		.from = at, .size = sizeof(words), .bytes = (void *)words };
	register_set(&snapshot.registers, REGISTER_PC, b);
	register_set(&snapshot.registers, REGISTER_SP, at);
	register_set(&snapshot.registers, REGISTER_FP, at + 16);
	words[2] = at + 16;
	words[3] = a;
	unwind(BACKTRACE_MAX);
	must(count <= 3 && end == UNWIND_BAD_FRAME && is_sound(BACKTRACE_MAX));
	words[2] = at + 64;
	words[8] = at + 16;
	words[9] = b;
	unwind(BACKTRACE_MAX);
	must(count <= 4 && end == UNWIND_BAD_FRAME && is_sound(BACKTRACE_MAX));
	/* with frame pointers alone it is the same */
	must(chain_steps(&snapshot, &snapshot.registers, &target, steps, BACKTRACE_MAX) <= 4);
	return CHILD_GOOD;
}

/* Random bytes */

static uintptr_t some_code(void)
{
	const struct mapping *m;

	do
		m = &target.maps.entries[next_random(&state) % target.maps.count];
	while (!m->executable);
	return m->start + next_random(&state) % (m->end - m->start);
}

static uintptr_t some_word(const uintptr_t *returns, unsigned known)
{
	uint64_t number = next_random(&state);

	switch (number % 8) {
	case 0:
		return number;
	case 1:
		return number % 4096;
	case 2:
	case 3:
		return snapshot.windows[0].from + (number >> 8) % sizeof(stack) / 8 * 8;
	case 4:
		return some_code();
	case 5:
		return -(number % 256);
	default: /* a place in code that calls something */
		return returns[(number >> 8) % known];
	}
}

static void randomise(const uintptr_t *returns, unsigned known)
{
	for (size_t i = 0; i < sizeof(stack) / 32; i += sizeof(uintptr_t)) {
		uintptr_t word = some_word(returns, known);

		memcpy(stack + i, &word, sizeof(word));
	}
	snapshot.registers.known = ~0ULL >> (64 - REGISTERS);
	if (next_random(&state) % 4 == 0)
		snapshot.registers.known &= next_random(&state);
	for (unsigned i = 0; i < REGISTERS; i++)
		snapshot.registers.at[i] = some_word(returns, known);
	if (next_random(&state) % 4)
		snapshot.registers.at[REGISTER_PC] = returns[next_random(&state) % known];
	if (next_random(&state) % 4)
		snapshot.registers.at[REGISTER_SP] = snapshot.windows[0].from;
}

/* Where calls return to, as far as our own stack shows it. */
static unsigned find_returns(uintptr_t *returns, unsigned max)
{
	const struct window *window = &snapshot.windows[0];
	unsigned found = 0;
	uintptr_t word;

	for (size_t at = 0; at < window->size && found < max; at += sizeof(word))
		if (snapshot_read(&snapshot, window->from + at, &word) &&
			chain_returns_to(&target, word))
			returns[found++] = word;
	return found;
}

#define RANDOM_RUNS 6000

static int play_random(void)
{
	unsigned ends[UNWIND_ENDS] = { 0 }, longest = 0, known;
	int descriptor = next_descriptor();
	uintptr_t returns[64];

	must(open_own());
	known = find_returns(returns, FONDUE_COUNT(returns));
	must(known >= 5);
	for (unsigned run = 0; run < RANDOM_RUNS; run++) {
		randomise(returns, known);
		errno = EDOM;
		unwind(BACKTRACE_MAX);
		must(is_sound(BACKTRACE_MAX) && errno == EDOM);
		ends[end]++;
		longest = count > longest ? count : longest;
	}
	for (unsigned i = 0; i < UNWIND_ENDS; i++)
		if (ends[i])
			tap_note("  %5u: %s", ends[i], backtrace_end_text(i));
	tap_note("  at most %u frames", longest);
	must(next_descriptor() == descriptor && longest >= 2);
	must(!has_unwinder || (ends[UNWIND_STACK_ENDS] && ends[UNWIND_BAD_FRAME]));
	return CHILD_GOOD;
}

/* Damaged tables: of a library that a sleeper has mapped, changed where it lies */

struct range {
	off_t start;
	size_t size;
};

/* The sections of @fd that tables are in. */
static unsigned find_tables(int fd, struct range *ranges)
{
	ElfW(Ehdr) header;
	ElfW(Shdr) section, names;
	unsigned found = 0;
	char name[16] = { 0 };

	if (pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
		pread(fd, &names, sizeof(names),
			header.e_shoff + header.e_shstrndx * sizeof(names)) != sizeof(names))
		return 0;
	for (unsigned i = 0; i < header.e_shnum && found < 2; i++) {
		if (pread(fd, &section, sizeof(section), header.e_shoff + i * sizeof(section)) !=
				sizeof(section) ||
			pread(fd, name, sizeof(name) - 1, names.sh_offset + section.sh_name) < 1)
			return 0;
		if (!strcmp(name, ".eh_frame") || !strcmp(name, ".eh_frame_hdr"))
			ranges[found++] = (struct range){ section.sh_offset, section.sh_size };
	}
	return found;
}

/* Change up to four bytes of the range; return them to what they were when called again. */
static bool damage(int fd, const struct range *range, unsigned char *bytes)
{
	unsigned char now[4096];

	if (range->size > sizeof(now))
		return false;
	memcpy(now, bytes, range->size);
	for (unsigned i = 1 + next_random(&state) % 4; i; i--) {
		uint64_t number = next_random(&state);
		unsigned char *byte = &now[(number >> 16) % range->size];

		*byte = number % 4 == 0 ? 0xff : number % 4 == 1 ? *byte ^ 1u << (number >> 8) % 8
								: number >> 8;
	}
	return pwrite(fd, now, range->size, range->start) == (ssize_t)range->size;
}

#define DAMAGED_RUNS 4000

static bool damage_and_look(int fd, const struct range *range, unsigned *ends)
{
	unsigned char bytes[4096];

	if (range->size > sizeof(bytes) ||
		pread(fd, bytes, range->size, range->start) != (ssize_t)range->size)
		return false;
	for (unsigned run = 0; run < DAMAGED_RUNS; run++) {
		if (!damage(fd, range, bytes))
			return false;
		for (unsigned i = 0; i < TARGET_PAGES; i++)
			target.pages[i].filled = false;
		unwind(BACKTRACE_MAX);
		if (!is_sound(BACKTRACE_MAX))
			return false;
		ends[end]++;
	}
	return pwrite(fd, bytes, range->size, range->start) == (ssize_t)range->size;
}

static int play_damaged(void)
{
	const char *plugin = scratch_path("plugin.so");
	unsigned ends[UNWIND_ENDS] = { 0 };
	char command[1200];
	struct range ranges[2];
	struct sleeper sleeper;
	int fd;

	snprintf(command, sizeof(command), "cp %s %s", sleeper_path("sleeper-plugin.so"), plugin);
	must(system(command) == 0);
	sleeper = sleeper_start(sleeper_path("sleeper"), "plugin", plugin);
	must(sleeper.pid && sleeper_snapshot(&sleeper, &snapshot) == 0);
	must(open_target(sleeper.pid));
	unwind(BACKTRACE_MAX);
	must(end == UNWIND_COMPLETE);
	fd = open(plugin, O_RDWR | O_CLOEXEC);
	must(fd >= 0 && find_tables(fd, ranges) == 2);
	must(damage_and_look(fd, &ranges[0], ends) && damage_and_look(fd, &ranges[1], ends));
	for (unsigned i = 0; i < UNWIND_ENDS; i++)
		if (ends[i])
			tap_note("  %5u: %s", ends[i], backtrace_end_text(i));
	must(ends[UNWIND_BAD_TABLES] && ends[UNWIND_COMPLETE]);
	sleeper_end(&sleeper);
	return CHILD_GOOD;
}

/* No unwinder */

static int play_absent(void)
{
	const struct backtrace *b;

	must(unwind_start("libfondue-there-is-no-such.so") == -ENOSYS);
	framed_a(take);
	must(snapshot_error == 0);
	b = backtrace_make(&snapshot);
	must(b && b->end == UNWIND_NO_UNWINDER && b->count >= 1);
	must(b->frames[0].symbol && !strcmp(b->frames[0].symbol, "snapshot_take_self"));
	must(!b->frames[0].step.is_guess);
	for (unsigned i = 1; i < b->count; i++)
		must(b->frames[i].step.is_guess);
	backtrace_free(b);
	return CHILD_GOOD;
}

/* A library that has not what we look for. */
static int play_other_library(void)
{
	must(unwind_start("libc.so.6") == -ENOSYS);
	must(open_own());
	unwind(BACKTRACE_MAX);
	must(end == UNWIND_NO_UNWINDER);
	return CHILD_GOOD;
}

/* Frame pointers lead from here to where there are none. */
static int play_chain(void)
{
	uintptr_t a, b;

	must(begin_in_framed(&a, &b));
	register_set(&snapshot.registers, REGISTER_PC, b);
	for (unsigned i = 0; i < snapshot.windows[0].size; i += 8) {
		uintptr_t fp = snapshot.windows[0].from + i, pc;

		if (snapshot_read(&snapshot, fp + 8, &pc) && pc == a) {
			register_set(&snapshot.registers, REGISTER_FP, fp);
			register_set(&snapshot.registers, REGISTER_SP, fp - 64);
			break;
		}
	}
	count = chain_steps(&snapshot, &snapshot.registers, &target, steps, BACKTRACE_MAX);
	must(count >= 2 && steps[1].pc == a && steps[1].is_guess);
	return CHILD_GOOD;
}

/* While one thread is inside, another is told; and a child that was forked then. */
static int in_the_middle;

static void look_inside(const long *args)
{
	struct snapshot mine = snapshot;
	static struct target other;
	static struct binaries other_binaries;
	static struct unwind_work other_work;
	struct step other_steps[4];
	const struct binary *other_where;
	enum unwind_end other_end;
	pid_t pid;

	(void)args;
	if (in_the_middle)
		return;
	in_the_middle = 1;
	unwind_steps(&mine, &mine.registers, &other, &other_binaries, &other_work, other_steps, 4,
		&other_end, &other_where);
	if (other_end == UNWIND_BUSY)
		in_the_middle++;
	pid = fork();
	if (pid == 0) {
		unwind_steps(&mine, &mine.registers, &other, &other_binaries, &other_work,
			other_steps, 4, &other_end, &other_where);
		_exit(other_end == UNWIND_BUSY ? CHILD_GOOD : 1);
	}
	if (unit_wait(pid) == CHILD_GOOD)
		in_the_middle++;
}

static int play_busy(void)
{
	must(open_own());
	kernel_watch(SYS_process_vm_readv, look_inside);
	unwind(BACKTRACE_MAX);
	must(end == UNWIND_COMPLETE);
	must(in_the_middle == 3);
	kernel_reset();
	unwind(BACKTRACE_MAX);
	must(end == UNWIND_COMPLETE);
	return CHILD_GOOD;
}

static int play_started(void)
{
	int descriptor = next_descriptor();

	errno = EDOM;
	must(unwind_start(NULL) == unwind_start(NULL));
	must(errno == EDOM && next_descriptor() == descriptor);
	return CHILD_GOOD;
}

static void test_with_unwinder(void)
{
	test_play("a library without the functions is as none", play_other_library);
	test_play("loading it changes neither errno nor a descriptor", play_started);
	has_unwinder = unwind_start(NULL) == 0;
	if (!has_unwinder) {
		skip("unwinding with libunwind", "it is not there");
		return;
	}
	test_play("of a stack that is cut there are the frames up to there", play_short_stack);
	test_play("a stack in two windows", play_two_windows);
	test_play("the bounds of a window", play_window);
	test_play("as many frames as there is room for", play_little_room);
	test_play("without a stack pointer there is one frame", play_no_registers);
	test_play("frames that go round", play_cycle);
	test_play("a chain of frame pointers", play_chain);
	test_play("one thread at a time, and no child of it", play_busy);
	test_play("tables with damaged bytes", play_damaged);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		tap_bail_out("where are the sleepers?");
	sleepers = argv[1];
	scratch_make();
	test_play("without libunwind there are frames, and it is said", play_absent);
	test_play("random bytes without it", play_random);
	if (is_emulated())
		skip("unwinding with libunwind", "an emulator's processes are not ours");
	else
		test_with_unwinder();
	if (has_unwinder)
		test_play("random bytes", play_random);
	scratch_remove();
	return tap_done();
}
