/* SPDX-License-Identifier: MIT */
/*
 * snapshot.c - looking at a thread without its noticing
 *
 * /proc/PID/task/TID/syscall tells the stack pointer and the program counter of a thread that
 * is not running, and process_vm_readv() copies its stack: no stop, no signal, no EINTR in
 * the program. The price is that the other registers stay unknown, and that nothing holds
 * the thread where it is. So it is looked at again afterwards: if it is still where it
 * was, and the kernel has not counted a switch to or from it, it has slept all the while
 * and the copy is of one moment; if not, we try again.
 */
#include <fcntl.h>
#include <string.h>

#include "log.h"
#include "peek.h"
#include "snapshot.h"
#include "target.h"
#include "text.h"

bool snapshot_read(const struct snapshot *snapshot, uintptr_t address, uintptr_t *ret_value)
{
	for (unsigned i = 0; i < FONDUE_COUNT(snapshot->windows); i++) {
		const struct window *w = &snapshot->windows[i];

		if (w->size < sizeof(*ret_value) || address < w->from ||
			address - w->from > w->size - sizeof(*ret_value))
			continue;
		memcpy(ret_value, w->bytes + (address - w->from), sizeof(*ret_value));
		return true;
	}
	return false;
}

/* All of a small file of /proc, ended by a 0 byte. */
static long read_task_file(pid_t pid, pid_t tid, const char *name, char *text, size_t size)
{
	char path[96];
	size_t len = 0;
	long fd, got;

	log_format(path, sizeof(path), "/proc/%d/task/%d/%s", pid, tid, name);
	fd = sys_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fd == -ENOENT ? -ESRCH : fd;
	do {
		got = sys_call(SYS_read, fd, text + len, size - 1 - len);
		if (got > 0)
			len += got;
	} while (got == -EINTR || (got > 0 && len < size - 1));
	(void)sys_call(SYS_close, fd);
	text[len] = '\0';
	return got < 0 ? got : (long)len;
}

static uint64_t number_at(const char *text, unsigned base)
{
	uint64_t value = 0;

	for (; text_digit(*text, base) < base; text++)
		value = value * base + text_digit(*text, base);
	return value;
}

/* "voluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n": their sum. */
static int count_switches(pid_t pid, pid_t tid, uint64_t *ret)
{
	static const char name[] = "ctxt_switches:\t";
	char text[4096];
	long got = read_task_file(pid, tid, "status", text, sizeof(text));
	unsigned found = 0;

	if (got < 0)
		return got;
	*ret = 0;
	for (const char *at = text; *at; at++) {
		const char *value = text_behind(at, name);

		if (!value)
			continue;
		*ret += number_at(value, 10);
		found++;
	}
	return found == 2 ? 0 : -ENODATA;
}

/* Where it sleeps, and in which call: "0 0x3 0x7ffe.. .. 0xSP 0xPC\n", or "running\n". */
struct place {
	char text[256];
	uintptr_t sp, pc;
};

static int look(pid_t pid, pid_t tid, struct place *ret)
{
	long got = read_task_file(pid, tid, "syscall", ret->text, sizeof(ret->text));
	const char *last = NULL, *before = NULL;

	if (got < 0)
		return got;
	if (text_begins(ret->text, "running"))
		return -EAGAIN;
	for (const char *at = ret->text; *at; at++)
		if (text_begins(at, " 0x")) {
			before = last;
			last = at + 3;
		}
	if (!before)
		return -ENODATA;
	ret->sp = number_at(before, 16);
	ret->pc = number_at(last, 16);
	return ret->sp && ret->pc ? 0 : -ENODATA;
}

static void fill(struct snapshot *ret, const struct place *place, const void *bytes, long size)
{
	ret->registers = (struct registers){ .known = 0 };
	register_set(&ret->registers, REGISTER_SP, place->sp);
	register_set(&ret->registers, REGISTER_PC, place->pc);
	ret->windows[0] = (struct window){
		.from = place->sp - STACK_RED_ZONE, .size = size, .bytes = bytes };
}

static int take_once(pid_t pid, pid_t tid, void *bytes, size_t size, struct snapshot *ret)
{
	struct place before, after;
	uint64_t count, count_after;
	long got = count_switches(pid, tid, &count);

	if (got == 0)
		got = look(pid, tid, &before);
	if (got != 0)
		return got;
	got = target_copy(pid, before.sp - STACK_RED_ZONE, bytes, size);
	if (got <= 0)
		return got ? got : -EFAULT;
	fill(ret, &before, bytes, got);
	got = look(pid, tid, &after);
	if (got == 0)
		got = count_switches(pid, tid, &count_after);
	if (got != 0)
		return got;
	return count == count_after && text_equals(before.text, after.text) ? 0 : -EAGAIN;
}

/* A thread that sleeps a little at a time is caught at the second or third go. */
#define TRIES 4

int snapshot_take_sleeping(pid_t pid, pid_t tid, void *bytes, size_t size, struct snapshot *ret)
{
	struct snapshot snapshot = { .pid = pid, .tid = tid };
	int error = -EAGAIN;

	if (size > SNAPSHOT_STACK_MAX)
		size = SNAPSHOT_STACK_MAX;
	for (unsigned i = 0; i < TRIES && error == -EAGAIN; i++)
		error = take_once(pid, tid, bytes, size, &snapshot);
	if (error == 0)
		*ret = snapshot;
	return error;
}

/*
 * The registers that a callee preserves, and where we are: by one statement, so that they
 * are of one moment. Unwinding begins at that instruction, in the function that it is in.
 */
static inline __attribute__((always_inline)) void read_registers(struct registers *ret)
{
#if defined(__x86_64__)
	uintptr_t *at = ret->at;

	__asm__ volatile("movq %%rbx, 24(%0)\n\t"
			 "movq %%rbp, 48(%0)\n\t"
			 "movq %%rsp, 56(%0)\n\t"
			 "movq %%r12, 96(%0)\n\t"
			 "movq %%r13, 104(%0)\n\t"
			 "movq %%r14, 112(%0)\n\t"
			 "movq %%r15, 120(%0)\n\t"
			 "leaq 0(%%rip), %%rcx\n\t"
			 "movq %%rcx, 128(%0)"
			 :
			 : "a"(at)
			 : "rcx", "memory");
	ret->known = 1ULL << 3 | 1ULL << REGISTER_FP | 1ULL << REGISTER_SP | 0xfULL << 12 |
		     1ULL << REGISTER_PC;
#elif defined(__aarch64__)
	register uintptr_t *at __asm__("x0") = ret->at;

	__asm__ volatile("stp x19, x20, [%0, #152]\n\t"
			 "stp x21, x22, [%0, #168]\n\t"
			 "stp x23, x24, [%0, #184]\n\t"
			 "stp x25, x26, [%0, #200]\n\t"
			 "stp x27, x28, [%0, #216]\n\t"
			 "stp x29, x30, [%0, #232]\n\t"
			 "mov x9, sp\n\t"
			 "adr x10, .\n\t"
			 "stp x9, x10, [%0, #248]"
			 :
			 : "r"(at)
			 : "x9", "x10", "memory");
	ret->known = 0x3fffULL << 19;
#else
	*ret = (struct registers){ .known = 0 };
	register_set(ret, REGISTER_FP, (uintptr_t)__builtin_frame_address(0));
	register_set(ret, REGISTER_SP, (uintptr_t)__builtin_frame_address(0));
	register_set(ret, REGISTER_PC, (uintptr_t)__builtin_return_address(0));
#endif
}

long snapshot_copy_own(uintptr_t from, void *bytes, size_t size)
{
	return peek_stack(from, bytes, size);
}

__attribute__((noinline)) int snapshot_take_self(void *bytes, size_t size, struct snapshot *ret)
{
	struct snapshot snapshot = { .pid = sys_call(SYS_getpid), .tid = sys_call(SYS_gettid) };
	uintptr_t from;
	long got;

	read_registers(&snapshot.registers);
	from = snapshot.registers.at[REGISTER_SP];
	if (size > SNAPSHOT_STACK_MAX)
		size = SNAPSHOT_STACK_MAX;
	got = snapshot_copy_own(from, bytes, size);
	if (got < 0)
		return got;
	snapshot.windows[0] = (struct window){ .from = from, .size = got, .bytes = bytes };
	*ret = snapshot;
	return 0;
}
