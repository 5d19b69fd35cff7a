/* SPDX-License-Identifier: MIT */
/*
 * Description: in a program that annotates nothing, the runtime looks, and that is all
 *
 * The program runs under ptrace, once with an empty preload and once with the runtime;
 * the system calls are compared one by one. What the loader does for the library itself
 * is set apart by where the calls come from. The same with an annotated plugin is looked
 * at, for contrast: a tracer that sees nothing would make every claim here true.
 */
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "marks.h"
#include "run.h"

#define CALLS_MAX 2048

struct call {
	enum mark where;
	long number;
	bool from_loader;
	char path[128]; /* of openat */
};

struct trace {
	struct call calls[CALLS_MAX];
	unsigned count;
	bool good; /* the program ended well, and no call was missed */
	char out[4096];
};

static void read_string(pid_t pid, unsigned long address, char *text, size_t size)
{
	size_t len;

	for (len = 0; len + sizeof(long) < size; len += sizeof(long)) {
		long word = ptrace(PTRACE_PEEKDATA, pid, address + len, NULL);

		memcpy(text + len, &word, sizeof(word));
		if (memchr(&word, 0, sizeof(word)))
			return;
	}
	text[len] = '\0';
}

/* Does @address lie in the loader's code? Asked anew each time: objects come and go. */
static bool is_loader(pid_t pid, unsigned long address)
{
	char name[64], line[512];
	bool found = false;
	FILE *maps;

	snprintf(name, sizeof(name), "/proc/%d/maps", pid);
	maps = fopen(name, "re");
	while (maps && !found && fgets(line, sizeof(line), maps)) {
		unsigned long start, end;

		found = sscanf(line, "%lx-%lx", &start, &end) == 2 && start <= address &&
			address < end && (strstr(line, "/ld-") || strstr(line, "/ld."));
	}
	if (maps)
		fclose(maps);
	return found;
}

static void record(struct trace *trace, pid_t pid, enum mark *where)
{
	struct __ptrace_syscall_info info;
	struct call *call;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0 ||
		info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	if (info.entry.nr == SYS_prctl && info.entry.args[0] == MARK_OPTION) {
		*where = info.entry.args[1];
		return;
	}
	if (trace->count == CALLS_MAX) {
		trace->good = false;
		return;
	}
	call = &trace->calls[trace->count++];
	*call = (struct call){.where = *where,
		.number = info.entry.nr,
		.from_loader = is_loader(pid, info.instruction_pointer)};
	if (call->number == SYS_openat)
		read_string(pid, info.entry.args[1], call->path, sizeof(call->path));
}

static void start_traced(const char *preload, const char *plugin, int out)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	dup2(out, STDOUT_FILENO);
	unsetenv("LD_LIBRARY_PATH");
	setenv("LD_PRELOAD", preload, 1);
	raise(SIGSTOP);
	execl(run_beside("inert"), "inert", run_beside(plugin), NULL);
	_exit(1);
}

/* Only the first thread is traced: what it starts goes its own ways. */
static void follow(struct trace *trace, pid_t pid)
{
	enum mark where = MARK_START;
	bool running = false; /* its exec has happened */
	int status;

	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
		int signal = WSTOPSIG(status);

		if (signal == (SIGTRAP | 0x80) && running)
			record(trace, pid, &where);
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8))
			running = true;
		if (signal == SIGSTOP || (signal & ~0x80) == SIGTRAP)
			signal = 0;
		ptrace(PTRACE_SYSCALL, pid, NULL, (long)signal);
	}
	trace->good = trace->good && running && status == 0;
}

static void trace(struct trace *trace, const char *preload, const char *plugin)
{
	int out[2], status;
	pid_t pid;

	*trace = (struct trace){.good = true};
	if (pipe2(out, O_CLOEXEC) < 0)
		tap_bail_out("no pipe");
	pid = fork();
	if (pid == 0)
		start_traced(preload, plugin, out[1]);
	close(out[1]);
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
		ptrace(PTRACE_SETOPTIONS, pid, NULL,
			PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) <
			0)
		tap_skip_all("no ptrace here");
	ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
	follow(trace, pid);
	while (run_take_(out[0], trace->out, sizeof(trace->out)))
		;
	close(out[0]);
}

/* Whether a thread must be waited for is a matter of luck. */
static bool counts(const struct call *call)
{
	return call->number != SYS_futex;
}

static unsigned how_many(const struct trace *trace, enum mark where, long number)
{
	unsigned count = 0;

	for (unsigned i = 0; i < trace->count; i++)
		count += trace->calls[i].where == where &&
			 trace->calls[i].number == number && !trace->calls[i].from_loader;
	return count;
}

/* Calls of @number, not the loader's, that @trace has at @where and @other has not. */
static unsigned additional(const struct trace *trace, const struct trace *other,
	enum mark where, long number)
{
	unsigned mine = how_many(trace, where, number);
	unsigned others = how_many(other, where, number);

	return mine > others ? mine - others : 0;
}

/* List them all; return their number. */
static unsigned all_additional(
	const struct trace *trace, const struct trace *other, enum mark where)
{
	unsigned all = 0;

	for (long number = 0; number < 1024; number++) {
		unsigned count = additional(trace, other, where, number);

		if (count)
			tap_note("additional: system call %ld, %u times", number, count);
		all += count;
	}
	return all;
}

static bool same_calls(const struct trace *a, const struct trace *b, enum mark where)
{
	unsigned i = 0, k = 0;

	for (;;) {
		while (i < a->count &&
			(a->calls[i].where != where || !counts(&a->calls[i])))
			i++;
		while (k < b->count &&
			(b->calls[k].where != where || !counts(&b->calls[k])))
			k++;
		if (i == a->count || k == b->count)
			return i == a->count && k == b->count;
		if (a->calls[i++].number != b->calls[k++].number) {
			tap_note("system call %ld became %ld", a->calls[i - 1].number,
				b->calls[k - 1].number);
			return false;
		}
	}
}

static bool opens(const struct trace *trace, const char *path)
{
	for (unsigned i = 0; i < trace->count; i++)
		if (trace->calls[i].number == SYS_openat &&
			!strcmp(trace->calls[i].path, path))
			return true;
	return false;
}

/* Does @trace open anything but itself that @other does not? */
static bool opens_more(
	const struct trace *trace, const struct trace *other, const char *self)
{
	bool more = false;

	for (unsigned i = 0; i < trace->count; i++) {
		const struct call *call = &trace->calls[i];

		if (call->number != SYS_openat || !strcmp(call->path, self) ||
			opens(other, call->path))
			continue;
		tap_note("opens %s", call->path);
		more = true;
	}
	return more;
}

static struct trace empty, inert, annotated;

static void test_tracer(const char *library)
{
	test("the program runs to its end under the tracer", empty.good && inert.good);
	test("the tracer sees the preload being opened",
		opens(&empty, run_beside("empty.so")) && opens(&inert, library));
	test("the tracer sees what the runtime does for an annotated plugin",
		annotated.good && how_many(&annotated, MARK_PLUGIN, SYS_mremap) > 0 &&
			opens_more(&annotated, &empty, library));
}

static void test_start(const char *library)
{
	unsigned getpids = additional(&inert, &empty, MARK_START, SYS_getpid);
	unsigned fstats = additional(&inert, &empty, MARK_START, SYS_fstat);

	test("before main() the runtime makes at most two system calls, getpid and "
	     "fstat",
		all_additional(&inert, &empty, MARK_START) == getpids + fstats &&
			getpids <= 1 && fstats <= 1);
	test("no file is opened but the library", !opens_more(&inert, &empty, library));
}

/* Not while it looks at itself: how many reads that takes goes by how much is mapped. */
static void test_later(void)
{
	test("main() makes the calls it would make",
		same_calls(&empty, &inert, MARK_MAIN));
	test("fork() makes the same calls, and so when errno was EAGAIN before",
		same_calls(&empty, &inert, MARK_FORK));
	test("pthread_create() makes the same calls",
		same_calls(&empty, &inert, MARK_THREAD));
	test("dlopen() of a plugin without a note makes the same calls",
		same_calls(&empty, &inert, MARK_PLUGIN));
	test("so does the program's end", same_calls(&empty, &inert, MARK_EXIT));
}

static void test_state(void)
{
	test("no libunwind, no shared memory, no thread, no handler, no descriptor",
		!strcmp(empty.out, inert.out) && !strstr(inert.out, "unwind") &&
			!strstr(inert.out, "/dev/zero") &&
			strstr(inert.out, "Threads:\t1\n") &&
			strstr(inert.out, "next descriptor 3\n"));
}

int main(void)
{
	const char *library = run_library();

	run_self();
	trace(&empty, run_beside("empty.so"), "refuse.so");
	trace(&inert, library, "refuse.so");
	trace(&annotated, library, "plugins/counter.so");
	test_tracer(library);
	test_start(library);
	test_later();
	test_state();
	return tap_done();
}
