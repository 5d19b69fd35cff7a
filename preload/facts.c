/* SPDX-License-Identifier: MIT */
/*
 * facts.c - looking at the threads of the family for a report
 *
 * Whoever waits for a lock has left in its slot where it asked for it and where its stack was
 * then: below that nothing moves until it has the lock. So its stack can be copied at leisure,
 * and is right if it waits still, and has waited all the while, when the copy is done. An
 * owner that sleeps elsewhere is looked at through /proc (snapshot.c). Where it took the lock
 * its slot says.
 *
 * A number is used only if it is one of this process's own pid namespace: in another one
 * it may be somebody else's.
 */
#include "facts.h"
#include "ask.h"
#include "log.h"
#include "registry.h"
#include "target.h"

const char *const how_name[HOWS] = {
	[HOW_NONE] = "none",
	[HOW_SITE] = "site",
	[HOW_PROC] = "proc",
	[HOW_SIGNAL] = "signal",
};

uint64_t facts_wall_ns(void)
{
	struct timespec now = { 0 };

	(void)sys_call(SYS_clock_gettime, CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

unsigned facts_sequence(void)
{
	static _Atomic unsigned sequence;

	return atomic_fetch_add(&sequence, 1) + 1;
}

void facts_begin(struct report *report, enum report_kind kind)
{
	report->kind = kind;
	report->sequence = facts_sequence();
	report->wall_ns = facts_wall_ns();
	report->places = places_open(sys_call(SYS_getpid));
}

void facts_end(struct report *report)
{
	for (unsigned i = 0; i < report->count; i++) {
		if (report->parties[i].stack)
			backtrace_free(report->parties[i].stack);
		places_close(report->parties[i].places);
	}
	places_close(report->places);
}

/* Its number is one of ours, and /proc, which may be another namespace's, has ours. */
static bool is_numbered_here(uint64_t namespace)
{
	return namespace && namespace == thread_namespace() && thread_proc_is_ours();
}

/* Why not: after chroot(2) there may be no /proc, and nothing is known then. */
static const char *why_elsewhere(uint64_t namespace)
{
	if (!thread_namespace() || !thread_proc_is_ours())
		return "/proc is not there, or is another pid namespace's";
	return namespace ? "it is in another pid namespace"
			 : "its pid namespace is not known";
}

static struct party *add(struct report *report, uint32_t number, pid_t pid, pid_t tid)
{
	struct party *party;

	if (report->count == PARTIES_MAX)
		return NULL;
	party = &report->parties[report->count++];
	party->number = number;
	party->pid = pid;
	party->tid = tid;
	return party;
}

struct party *facts_add_party(struct report *report, uint32_t number)
{
	struct slot *slot = &registry->slots[number];
	uint64_t namespace = atomic_load_explicit(&slot->namespace, memory_order_relaxed);
	struct party *party = add(report, number,
		atomic_load_explicit(&slot->pid, memory_order_relaxed),
		atomic_load_explicit(&slot->tid, memory_order_relaxed));

	if (!party)
		return NULL;
	party->is_here = is_numbered_here(namespace);
	if (!party->is_here)
		party->why = why_elsewhere(namespace);
	else
		thread_look(party->pid, party->tid, &party->state);
	if (party->is_here && party->tid == (pid_t)sys_call(SYS_gettid))
		log_format(party->state.doing, sizeof(party->state.doing), "which reports this");
	return party;
}

struct party *facts_add_gone(struct report *report, pid_t pid, pid_t tid, uint64_t namespace)
{
	struct party *party = add(report, 0, pid, tid);

	if (party)
		party->is_here = is_numbered_here(namespace);
	return party;
}

/* How often, and for how long, until a program that is being loaded has its name. */
#define LOAD_LOOKS   40
#define LOAD_LOOK_NS 500000

/* Where our registry is in the whole family, and in no other program, it is still in place. */
static bool is_of_the_family(pid_t pid)
{
	uint64_t magic = 0;

	return target_copy(pid, (uintptr_t)registry, &magic, sizeof(magic)) == sizeof(magic) &&
	       magic == REGISTRY_MAGIC;
}

/* The kernel frees the locks of who executes a program before it does anything else. */
static void await_program(pid_t pid)
{
	const struct timespec pause = { .tv_nsec = LOAD_LOOK_NS };

	for (unsigned i = 0; i < LOAD_LOOKS && (is_of_the_family(pid) || !thread_is_loaded(pid)); i++)
		(void)sys_call(SYS_nanosleep, &pause, NULL);
}

/* Other threads that execute one end, and the first takes over: of them it is not told. */
void facts_find_program(struct party *party, uint64_t since)
{
	if (!party->is_here || party->tid != party->pid ||
		!thread_process_lives(party->pid, since))
		return;
	party->has_become_other = true;
	await_program(party->pid);
	thread_look(party->pid, party->tid, &party->state);
}

void facts_add_self(struct report *report)
{
	struct party *party =
		add(report, 0, sys_call(SYS_getpid), (pid_t)sys_call(SYS_gettid));

	if (!party)
		return;
	party->is_here = true;
	if (thread_proc_is_ours())
		thread_look(party->pid, party->tid, &party->state);
}

struct lock_fact facts_of_lock(struct report *report, uintptr_t lock)
{
	struct lock_fact fact = { .lock = lock, .place = { .offset = lock } };

	if (report->places)
		fact.place = place_of_data(report->places, lock);
	return fact;
}

/* Its own mappings tell; where they may not be read, ours, if a lock is taken there. */
static void find_place(struct report *report, struct party *party, uintptr_t pc)
{
	if (!pc)
		return;
	party->site = (struct place){ .address = pc, .offset = pc };
	if (party->is_here && party->pid == (pid_t)sys_call(SYS_getpid) && report->places) {
		party->site = place_of_code(report->places, pc);
		return;
	}
	if (party->is_here && !party->places)
		party->places = places_open(party->pid);
	if (party->places)
		party->site = place_of_code(party->places, pc);
	else
		facts_find_last_site(report, party, pc);
}

void facts_find_last_site(struct report *report, struct party *party, uintptr_t pc)
{
	if (!pc)
		return;
	party->site = (struct place){ .address = pc, .offset = pc };
	if (report->places && place_is_site(report->places, pc))
		party->site = place_of_code(report->places, pc);
}

void facts_find_site(struct report *report, struct party *party, uintptr_t lock)
{
	find_place(report, party, registry_site(party->number, lock).pc);
}

/* What a slot says of a wait, and whether it says so still. */
struct asked {
	uintptr_t wants;
	uint64_t since;
	struct fondue_site site;
};

static struct asked asks(uint32_t number)
{
	struct slot *slot = &registry->slots[number];
	struct asked asked = { .wants = atomic_load(&slot->wants),
		.since = atomic_load(&slot->wants_since) };

	asked.site.pc = __atomic_load_n(&slot->wants_site.pc, __ATOMIC_RELAXED);
	asked.site.sp = __atomic_load_n(&slot->wants_site.sp, __ATOMIC_RELAXED);
	asked.site.fp = __atomic_load_n(&slot->wants_site.fp, __ATOMIC_RELAXED);
	return asked;
}

static bool asks_still(uint32_t number, const struct asked *before)
{
	struct asked now = asks(number);

	return now.wants && now.wants == before->wants && now.since == before->since &&
	       now.site.pc == before->site.pc && now.site.sp == before->site.sp;
}

void facts_find_wanted(struct report *report, struct party *party)
{
	struct asked asked = asks(party->number);

	if (asked.wants && asks_still(party->number, &asked))
		find_place(report, party, asked.site.pc);
}

static struct registers registers_at(const struct fondue_site *site)
{
	struct registers registers = { .known = 0 };

	register_set(&registers, REGISTER_PC, site->pc);
	register_set(&registers, REGISTER_SP, site->sp);
	register_set(&registers, REGISTER_FP, site->fp);
	return registers;
}

static bool copy_window(struct snapshot *snapshot, unsigned i, uintptr_t from, void *bytes,
	size_t size)
{
	bool is_own = snapshot->pid == (pid_t)sys_call(SYS_getpid);
	long got = is_own ? snapshot_copy_own(from, bytes, size) :
			    target_copy(snapshot->pid, from, bytes, size);

	if (got <= 0)
		return false;
	snapshot->windows[i] = (struct window){ .from = from, .size = got, .bytes = bytes };
	return true;
}

static bool take_waiting(struct report *report, struct party *party)
{
	struct snapshot snapshot = { .pid = party->pid, .tid = party->tid };
	struct asked asked = asks(party->number);

	if (!asked.wants || !asked.site.sp || !asks_still(party->number, &asked) ||
		!copy_window(&snapshot, 0, asked.site.sp, report->stack,
			sizeof(report->stack)) ||
		!asks_still(party->number, &asked))
		return false;
	snapshot.registers = registers_at(&asked.site);
	party->stack = backtrace_make(&snapshot);
	party->how = HOW_SITE;
	return party->stack != NULL;
}

/* What lies behind where the copy ends, from where @lock was taken. */
static void add_earlier(struct report *report, struct snapshot *snapshot, uint32_t number,
	uintptr_t lock)
{
	struct fondue_site site = registry_site(number, lock);

	/* and a word before it, by which backtrace.c knows that it is part of the stack still */
	if (site.sp && copy_window(snapshot, 1, site.sp - sizeof(site.sp), report->earlier,
			       sizeof(report->earlier)))
		snapshot->earlier = registers_at(&site);
}

static const char *reason(int error)
{
	switch (error) {
	case -EAGAIN:
		return "it is running";
	case -ESRCH:
		return "it is gone";
	case -EPERM:
	case -EACCES:
		return "this process may not look at it (ptrace_scope, or not dumpable)";
	case -ENOSYS:
		return "this kernel or a sandbox does not allow it";
	default:
		return "it cannot be read";
	}
}

static bool take_sleeping(struct report *report, struct party *party, uintptr_t lock)
{
	struct snapshot snapshot;
	int error = snapshot_take_sleeping(
		party->pid, party->tid, report->stack, sizeof(report->stack), &snapshot);

	if (error) {
		party->why = reason(error);
		return false;
	}
	add_earlier(report, &snapshot, party->number, lock);
	party->stack = backtrace_make(&snapshot);
	party->how = HOW_PROC;
	return party->stack != NULL;
}

/* Why there was no answer. */
static const char *silence(int error)
{
	switch (error) {
	case -EACCES:
		return "it blocks SIGURG, or has no handler of ours, or no room for one";
	case -ETIMEDOUT:
		return "it did not answer to a signal in time";
	case -EBUSY:
		return "others are being asked by a signal";
	case -ESRCH:
		return "it has gone since";
	case -EPERM:
		return "this user may not send it a signal";
	case -EAGAIN:
		return "too many signals are queued";
	default:
		return "is not asked by a signal (FONDUE_SIGNAL, a sandbox)";
	}
}

/* It runs, or may not be looked at: only it can tell. */
static bool take_by_asking(struct party *party)
{
	struct snapshot snapshot;
	struct question *question;
	int error = ask_snapshot(party->number, ASK_MAX_MS, &snapshot, &question);

	if (error) {
		party->why_not_asked = silence(error);
		return false;
	}
	party->stack = backtrace_make(&snapshot);
	party->how = HOW_SIGNAL;
	ask_done(question);
	return party->stack != NULL;
}

void facts_take_stack(struct report *report, struct party *party, uintptr_t lock)
{
	if (!party->is_here)
		return;
	party->why = "it is gone";
	if (registry_is_dead(party->number))
		return;
	if (!take_waiting(report, party) && !take_sleeping(report, party, lock) &&
		!take_by_asking(party))
		party->how = HOW_NONE;
}

void facts_settle(struct report *report)
{
	for (unsigned i = 0; i < report->count; i++) {
		struct party *party = &report->parties[i];
		uintptr_t pc = party->site.address;

		if (!registry_is_dead(party->number))
			continue;
		if (party->stack)
			backtrace_free(party->stack);
		party->stack = NULL;
		party->how = HOW_NONE;
		party->why = "it is gone";
		party->why_not_asked = NULL;
		party->state = (struct thread_state){ .is_there = false };
		log_format(party->state.doing, sizeof(party->state.doing), "gone");
		party->site = (struct place){ .address = 0 };
		facts_find_last_site(report, party, pc);
	}
}
