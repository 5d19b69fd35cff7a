/* SPDX-License-Identifier: MIT */
/*
 * killpoints-way.c - getting to a place without stepping all the way
 *
 * To step takes some microseconds, and a way has up to 400,000 steps: so it is stepped once, and
 * noted. To a place on it leads a breakpoint, which is met once for each round of the loop
 * that the place is in; only an instruction that is repeated (rep movsb) is stepped, for no
 * breakpoint stops within it.
 *
 * A restartable sequence can be neither stepped through nor broken into: the kernel sends it
 * back each time. It is passed in one go, and has no places: that it has one store which
 * counts is what it is for.
 */
#include <sys/ptrace.h>
#include <sys/user.h>

#include "cpu-lists.h"
#include "killpoints-way.h"

#define STEPS_MAX (1U << 20)
#define ROUNDS	  8
#define PLACES	  (1U << 16) /* instructions that are different; and a hash of their addresses */
#define PATIENCE  (120000 * MS)

static uintptr_t way[STEPS_MAX]; /* 0: in a sequence */
static unsigned steps;
static struct place places[STEPS_MAX];

static struct visits {
	uintptr_t at;
	unsigned all; /* on the whole way */
	unsigned count, arrivals, repeats; /* so far */
} table[PLACES];

static struct visits *visits_of(uintptr_t at)
{
	unsigned i = (at * 0x9e3779b97f4a7c15ULL) >> 48;

	while (table[i].at && table[i].at != at)
		i = (i + 1) % PLACES;
	table[i].at = at;
	return &table[i];
}

unsigned way_steps(void)
{
	return steps;
}

static bool is_over(const struct victim *victim)
{
	return victim->gone || stage->phase[0] == 2;
}

#if defined(__x86_64__)
/* A descriptor of rseq(2). */
struct sequence {
	uint64_t flags, start, length, aborts_at;
};

static uint64_t peek(const struct victim *victim, uintptr_t at)
{
	return ptrace(PTRACE_PEEKDATA, victim->tid, (void *)at, NULL);
}

static bool poke(const struct victim *victim, uintptr_t at, uint64_t what)
{
	return ptrace(PTRACE_POKEDATA, victim->tid, (void *)at, what) == 0;
}

/* Is the victim about to begin one? The same address as ours: it is a child. */
static bool is_at_sequence(const struct victim *victim, struct sequence *ret)
{
	uintptr_t at;

	if (victim->gone || victim->asleep)
		return false;
	at = peek(victim, (uintptr_t)cpu_lists_rseq() + offsetof(struct rseq_area, rseq_cs));
	if (!at)
		return false;
	ret->start = peek(victim, at + 8);
	ret->length = peek(victim, at + 16);
	return victim_stands_at(victim) - ret->start < ret->length;
}

/* Its own copy of the code is changed, and nobody else's. */
static enum way run_to(struct victim *victim, uintptr_t at)
{
	long long end = now() + PATIENCE;
	uint64_t code = peek(victim, at);
	struct user_regs_struct regs;
	int status;

	if (!poke(victim, at, (code & ~0xffUL) | 0xcc) ||
		ptrace(PTRACE_CONT, victim->tid, NULL, NULL))
		return WAY_LOST;
	while (waitpid(victim->tid, &status, __WALL) != victim->tid) {
		if (errno != EINTR || now() > end)
			return WAY_LOST;
		if (is_over(victim)) /* and stops nowhere any more */
			return WAY_ENDED;
	}
	victim->gone = !WIFSTOPPED(status);
	if (victim->gone)
		return WAY_ENDED;
	if (ptrace(PTRACE_GETREGS, victim->tid, NULL, &regs) || regs.rip != at + 1)
		return WAY_LOST;
	regs.rip = at;
	return poke(victim, at, code) && ptrace(PTRACE_SETREGS, victim->tid, NULL, &regs) == 0 ?
		       WAY_DONE :
		       WAY_LOST;
}
#endif

static enum way step(struct victim *victim)
{
	enum step result;
#if defined(__x86_64__)
	struct sequence sequence;

	if (is_at_sequence(victim, &sequence))
		return run_to(victim, sequence.start + sequence.length);
#endif
	result = victim_steps(victim);
	if (result == STEP_LOST || result == STEP_ASLEEP)
		return WAY_LOST;
	return is_over(victim) ? WAY_ENDED : WAY_DONE;
}

static uintptr_t place_of(const struct victim *victim)
{
#if defined(__x86_64__)
	struct sequence sequence;

	if (is_at_sequence(victim, &sequence))
		return 0;
#endif
	return victim_stands_at(victim);
}

enum way way_explore(struct victim *victim)
{
	long long end = now() + PATIENCE;
	enum way result = WAY_DONE;

	for (steps = 0; result == WAY_DONE; steps++) {
		if (steps == STEPS_MAX || now() > end)
			return WAY_LOST;
		way[steps] = place_of(victim);
		result = step(victim);
	}
	return result;
}

static bool is_another(const struct visits *visits)
{
	return visits->count <= ROUNDS || visits->count == visits->all;
}

unsigned way_places(const struct place **ret)
{
	unsigned count = 0;

	memset(table, 0, sizeof(table));
	for (unsigned i = 0; i < steps; i++)
		if (way[i])
			visits_of(way[i])->all++;
	for (unsigned i = 0; i < steps; i++) {
		struct visits *visits = way[i] ? visits_of(way[i]) : NULL;

		if (!visits)
			continue;
		visits->count++;
		visits->repeats++;
		if (i == 0 || way[i - 1] != way[i]) {
			visits->arrivals++;
			visits->repeats = 0;
		}
		if (is_another(visits))
			places[count++] = (struct place){ way[i], i, visits->arrivals,
				visits->repeats };
	}
	*ret = places;
	return count;
}

#if defined(__x86_64__)
/* A breakpoint is no way to go on from where it is; and an instruction may be repeated. */
static enum way leave(struct victim *victim, uintptr_t at)
{
	enum way result;

	do
		result = step(victim);
	while (result == WAY_DONE && victim_stands_at(victim) == at);
	return result;
}

enum way way_lead(struct victim *victim, const struct place *place)
{
	enum way result = WAY_DONE;
	unsigned arrivals = victim_stands_at(victim) == place->at;

	while (arrivals < place->arrivals) {
		if (victim_stands_at(victim) == place->at)
			result = leave(victim, place->at);
		if (result == WAY_DONE)
			result = run_to(victim, place->at);
		if (result != WAY_DONE)
			return result;
		arrivals++;
	}
	for (unsigned i = 0; i < place->repeats && result == WAY_DONE; i++)
		result = step(victim);
	return result;
}
#else
enum way way_lead(struct victim *victim, const struct place *place)
{
	enum way result = WAY_DONE;

	for (unsigned i = 0; i < place->step && result == WAY_DONE; i++)
		result = step(victim);
	return result;
}
#endif
