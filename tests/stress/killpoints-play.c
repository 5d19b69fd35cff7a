/* SPDX-License-Identifier: MIT */
/*
 * killpoints-play.c - one death after the other, and what must be true after each
 *
 * Before the death the word is looked at: whether it names a slot that is not one of the
 * living. Then, and only then, the first who gets the lock afterwards is told EOWNERDEAD,
 * and everybody gets it: those who sleep without the help of the newcomer, who comes when
 * they are through and would wake them.
 *
 * No sleep in the lock is longer than BACKSTOP, and that catches what nothing else does. A
 * sleeper that has needed more than LEFT has been left to it. Where that happened is said,
 * and it must be rare: what is settled when the victim dies needs no backstop.
 */
#include "killpoints.h"

#define LEFT	 (30 * MS)
#define LOST	 (BACKSTOP + 10 * MS + SLACK)
#define POOL	 512 /* locks, so that hints of one for another are rare */
#define PLACES	 64
#define WHERE	 400
/* Of a loop so many rounds are looked at: it has waited no longer for another to wait. */
#define ROUNDS 8
#define TRACED 16384

FONDUE_SHARED static struct stage shared_stage;
FONDUE_SHARED static fondue_spinlock_t pool[POOL];

struct stage *stage = &shared_stage;
fondue_spinlock_t *lock, *second;

/* One death. */
struct point {
	const struct scenario *scenario;
	unsigned n;	    /* after so many steps */
	bool ended, asleep; /* it had acted; it was killed in its sleep */
	char where[WHERE];
	uint32_t word[2], wait[2];
	bool dead[2];	/* the word names somebody who will not release it */
	int before[2];	/* so many had got the lock by then */
	long long took; /* ns: the last of them; 0: none slept */
};

static struct point point;
static struct victim victim;
/* Where the first victim stood after each of its steps; it was killed at its end. */
static uintptr_t trace[TRACED];
static unsigned traced;

/* What became of a scenario's deaths. */
static struct {
	unsigned points, named, reserved, asleep, left;
	long long longest;
	uint32_t newest;
	struct place {
		char where[WHERE];
		unsigned count, first;
	} places[PLACES];
} tally;

static bool broken(const char *what)
{
	tap_note("%s, step %u: %s", point.scenario->name, point.n, what);
	tap_note("  killed before %s", point.where);
	for (int i = 0; i < 2; i++)
		tap_note("  lock %d: word %#x wait %#x then, %#x %#x now; %s dead", i,
			point.word[i], point.wait[i], lock_word(i ? second : lock),
			lock_wait(i ? second : lock), point.dead[i] ? "names the" : "not the");
	for (int i = 0; i < 2; i++)
		for (int j = 0; j < atomic_load(&stage->logs[i].count) && j < 8; j++)
			tap_note("  lock %d: a %s got %d after %.1f ms%s", i,
				stage->logs[i].entries[j].slept ? "sleeper" : "newcomer",
				stage->logs[i].entries[j].result,
				(stage->logs[i].entries[j].at - since) / 1e6,
				j < point.before[i] ? ", before the death" : "");
	return false;
}

bool victim_sleeps(void)
{
	return eventually(is_parked(victim.pid));
}

static bool is_of_the_living(uint32_t slot)
{
	for (unsigned i = 0; i < SLEEPERS + 1; i++)
		if (slot == stage->slots[i])
			return true;
	return false;
}

static void say_where_passer_is(void)
{
	size_t length = strlen(point.where);

	if (!passer.pid || length + 32 > WHERE)
		return;
	strcat(point.where, ", the sleeper before ");
	length = strlen(point.where);
	victim_says_where(&passer, point.where + length, WHERE - length);
}

/* The victim stands still: only it could change that a word names it. */
static void look(void)
{
	victim_says_where(&victim, point.where, sizeof(point.where));
	say_where_passer_is();
	point.asleep = victim.asleep;
	for (int i = 0; i < 2; i++) {
		point.before[i] = atomic_load(&stage->logs[i].count);
		point.word[i] = lock_word(i ? second : lock);
		point.wait[i] = lock_wait(i ? second : lock);
		point.dead[i] = word_slot(point.word[i]) &&
				!is_of_the_living(word_slot(point.word[i]));
	}
}

static bool nobody_came_in(void)
{
	for (int i = 0; i < 2 && !(point.scenario->how & HOLDS); i++)
		if (point.dead[i] && word_slot(point.word[i]) != stage->dead &&
			atomic_load(&stage->logs[i].count) != point.before[i])
			return broken("somebody got the lock of a living owner");
	return true;
}

static bool survivors_get_it(void)
{
	pid_t newcomer;

	for (unsigned i = 0; i < sleeper_count; i++) {
		if (sleepers[i] && await_end(sleepers[i]) != 0)
			return broken("a sleeper hangs");
		sleepers[i] = 0;
	}
	newcomer = newcomer_comes();
	if (await_end(newcomer) != 0) {
		kill(newcomer, SIGKILL);
		return broken("a newcomer hangs");
	}
	return true;
}

static bool is_told_right(int which)
{
	const struct log *log = &stage->logs[which];

	for (int i = 0; i < atomic_load(&log->count); i++) {
		bool is_heir = point.scenario->how & HOLDS && !which ?
				       i == 0 :
				       i == point.before[which] && point.dead[which];

		if (is_heir && log->entries[i].result != EOWNERDEAD)
			return broken("a death was not told");
		if (!is_heir && log->entries[i].result != 0)
			return broken("a death was told that was none");
	}
	return true;
}

static void measure(void)
{
	for (int i = 0; i < 2; i++)
		for (int j = 0; j < atomic_load(&stage->logs[i].count); j++) {
			const struct entry *entry = &stage->logs[i].entries[j];

			if (entry->slept && entry->at - since > point.took)
				point.took = entry->at - since;
		}
}

static void set_stage(const struct scenario *scenario, unsigned n)
{
	static unsigned round;

	memset((void *)stage, 0, sizeof(*stage));
	lock = &pool[round++ % POOL];
	second = &pool[round++ % POOL];
	*lock = *second = (fondue_spinlock_t)FONDUE_SPINLOCK_INIT;
	passer.pid = 0;
	since = 0;
	point = (struct point){ .scenario = scenario, .n = n, .where = "its beginning" };
	sleeper_count = 0;
	if (!(scenario->how & PARENT_NEW))
		stage->slots[0] = attach_with(7);
}

static void call(void (*what)(void))
{
	if (what)
		what();
}

static bool has_ended(const struct scenario *scenario, enum step step)
{
	if (scenario->how & ENDS)
		return step == STEP_GONE;
	return step == STEP_GONE || stage->phase[0] == 2 ||
	       (step == STEP_ASLEEP && scenario->how & UNTIL_SLEEP);
}

/* To where it will die. */
static bool lead_victim(const struct scenario *scenario, unsigned n)
{
	long long end = now() + HANG;
	enum step step;

	if (!victim_begins(&victim))
		return broken("the victim does not get to its beginning");
	call(scenario->set);
	if (stage->in_vain)
		return true;
	for (unsigned i = 0; i < n && !point.ended; i++) {
		if (scenario->how & ENDS) {
			look(); /* afterwards it is too late */
			since = now();
		}
		if (n == UINT32_MAX && i < TRACED) {
			trace[i] = victim_stands_at(&victim);
			traced = i + 1;
		}
		step = victim_steps(&victim);
		if (step == STEP_LOST || now() > end) {
			look();
			return broken("the victim hangs");
		}
		point.ended = has_ended(scenario, step);
		if (point.ended)
			point.n = i + 1;
	}
	return stage->phase[0] != 2 || stage->result == scenario->result ||
	       broken("the victim got the wrong answer");
}

static bool end_all(bool good)
{
	victim_dies(&victim);
	victim_is_buried(&victim);
	for (unsigned i = 0; i < sleeper_count; i++)
		if (sleepers[i]) {
			kill(sleepers[i], SIGKILL);
			await_end(sleepers[i]);
		}
	return good;
}

static bool die_once(const struct scenario *scenario, unsigned n)
{
	set_stage(scenario, n);
	call(scenario->before);
	if (!victim_is_born(&victim, scenario))
		tap_bail_out("no victim");
	call(scenario->meanwhile);
	if (!lead_victim(scenario, n))
		return false;
	if (stage->in_vain)
		return true;
	if (!victim.gone)
		look();
	call(scenario->stopped);
	if (passer.pid && scenario->stopped == passer_comes)
		say_where_passer_is();
	if (!victim.gone && !nobody_came_in())
		return false;
	if (!victim.gone)
		since = now();
	if (!victim_dies(&victim))
		return broken("the victim does not die");
	if (passer.pid && !victim_goes_on(&passer))
		return broken("the sleeper does not go on");
	call(scenario->after);
	if (!survivors_get_it() || !is_told_right(0) || !is_told_right(1))
		return false;
	measure();
	return atomic_load(&stage->errors) == 0 || broken("a lock call failed");
}

static bool die(const struct scenario *scenario, unsigned n)
{
	bool good;

	for (int i = 0; i < 100; i++) {
		good = end_all(die_once(scenario, n));
		if (!good || !stage->in_vain)
			return good;
	}
	return broken("the race that has to be won is lost all the time");
}

/* "function+0x1c (object+0x5a3d)" without the numbers: of two places there are many pairs. */
static void name_functions_only(char *text)
{
	char *to = text;
	bool number = false;

	for (const char *from = text; *from; from++) {
		number |= *from == '+';
		if (!number)
			*to++ = *from;
		number &= *from != ')';
	}
	*to = '\0';
}

static void remember(void)
{
	struct place *place = tally.places;

	tally.left++;
	if (passer.pid)
		name_functions_only(point.where);
	while (place < tally.places + PLACES - 1 && *place->where &&
		strcmp(place->where, point.where) != 0)
		place++;
	if (!*place->where)
		place->first = point.n;
	snprintf(place->where, sizeof(place->where), "%s", point.where);
	place->count++;
}

static void count(void)
{
	tally.points++;
	tally.named += point.dead[0] || point.dead[1];
	tally.reserved += word_is_reserved(point.word[0]);
	tally.asleep += point.asleep;
	if (point.took > tally.longest)
		tally.longest = point.took;
	if (atomic_load(&stage->newest) > tally.newest)
		tally.newest = atomic_load(&stage->newest);
}

static bool is_another_round(unsigned n)
{
	unsigned rounds = 0;

	for (unsigned i = 0; n < traced && i < n; i++)
		rounds += trace[i] == trace[n];
	return rounds >= ROUNDS;
}

/* What is late twice is not the machine's doing. */
static bool die_and_count(const struct scenario *scenario, unsigned n)
{
	if (!die(scenario, n))
		return false;
	if (point.took > LEFT && !die(scenario, n))
		return false;
	if (point.took > LOST)
		return broken("a sleeper got it very late");
	if (point.took > LEFT)
		remember();
	count();
	return true;
}

static void report(const struct scenario *scenario, unsigned steps)
{
	tap_note("%s: %u deaths in %u steps; %u as owner, %u at a reserved lock, %u asleep; "
		 "longest %.1f ms, %u left to the backstop; newest slot %u",
		scenario->name, tally.points, steps, tally.named, tally.reserved,
		tally.asleep, tally.longest / 1e6, tally.left, tally.newest);
	for (const struct place *place = tally.places;
		place < tally.places + PLACES && *place->where; place++)
		tap_note("  left %u times, first at step %u: before %s", place->count,
			place->first, place->where);
}

bool scenario_plays(const struct scenario *scenario, unsigned points)
{
	unsigned stride = 1, n = 0, steps;

	stay_here();
	ticks_start();
	if (!die_and_count(scenario, UINT32_MAX))
		return false;
	steps = point.n;
	if (points && steps > points) {
		stride = steps / points;
		n = (unsigned)now() % stride;
	}
	/* how long the way is depends on where the passer is stopped, which is random */
	for (point.ended = false; !point.ended || (passer.pid && n < steps); n += stride)
		if (!(stride == 1 && is_another_round(n)) && !die_and_count(scenario, n))
			return false;
	report(scenario, steps);
	return scenario->how & LEAVES || tally.left <= 1 + tally.points / 100;
}

bool scenario_plays_once(const struct scenario *scenario, unsigned n)
{
	bool good;

	stay_here();
	ticks_start();
	good = die_and_count(scenario, n);
	tap_note("killed before %s, word %#x wait %#x; took %.1f ms", point.where,
		point.word[0], point.wait[0], point.took / 1e6);
	return good;
}
