/* SPDX-License-Identifier: MIT */
/*
 * observe-look.c - at birth, soon after, now and then, before the end, and at it
 *
 * A child waits at its birth for us, so what it has then is what its parent had at fork. At
 * its end it waits once more, its memory still there, whatever ended it. But that is late:
 * a server that ends well clears its tables first, and unloads its modules. So when one
 * member is about to get a signal that means the end, all of them are looked at: the
 * others learn of it from the first one, by whatever means.
 *
 * Soon after birth: what is set by then and never again is the mark of a role, no count.
 * Processes that run are read as they are, without stopping them.
 */
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "observe-compare.h"
#include "observe-heap.h"
#include "observe-look.h"

/* A role is taken within a few ms; what a busy child counts goes on for longer. */
#define EARLY_US 20000

/* One that was just looked at for a signal is not again for the next: they come in rows. */
#define SIGNALS_APART_US 1000000

/* Of the parent every one of the first looks is kept, of later ones each whose number is a
 * power of two: of 10,000 children they would tell the same. */
#define PARENT_LOOKS 16

/* Copies for children that live at the same time; more of them are not looked at. */
#define BYTES_MAX (UINT64_C(2) << 30)

static bool is_power_of_two(unsigned number)
{
	return !(number & (number - 1));
}

/* A container may forbid to ask. */
static bool shares_memory(pid_t one, pid_t other)
{
	return syscall(SYS_kcmp, one, other, KCMP_VM, 0, 0) == 0;
}

void look_at_birth(struct observation *observation, struct member *member)
{
	struct member *parent = kin_by_index(observation, member->parent);

	if (!parent)
		return;
	if (member->pid == observation->borrower || shares_memory(member->pid, parent->pid)) {
		kin_seen(observation, member)->is_borrower = true;
		return;
	}
	observation->seen->has_forked = true;
	observation->borrower = 0;
	parent->children++;
	member->birth_number = parent->children;
	if (picture_bytes_in_use() < BYTES_MAX)
		member->birth = picture_take(member->pid);
	kin_set_due(observation, kin_now(observation) + EARLY_US);
}

/* It stops in vfork before its child has run, so all of this is in time. */
void look_at_borrower(struct observation *observation, pid_t pid)
{
	struct member *member = kin_member(observation, pid);

	observation->borrower = member ? 0 : pid;
	if (!member || !member->birth || member->has_executed)
		return;
	kin_seen(observation, member)->is_borrower = true;
	picture_free(member->birth);
	member->birth = NULL;
}

/* Return: could it be read? */
static bool compare(struct observation *observation, const struct member *child,
	const struct member *member, enum seen_when when)
{
	struct comparison comparison = {
		.process = child->index,
		.when = when,
		.at_us = kin_now(observation),
		.program = member->program,
	};
	pid_t reader = kin_reader(observation, member);
	struct picture *now = reader ? picture_take(reader) : NULL;

	if (!now)
		return false;
	compare_pictures(observation->seen, &comparison, child->birth, now);
	picture_free(now);
	return true;
}

void look_at(struct observation *observation, struct member *member, enum seen_when when)
{
	if (!member->birth || member->is_over)
		return;
	if (compare(observation, member, member, when))
		kin_seen(observation, member)->is_looked_at = true;
}

void look_at_parent(struct observation *observation, struct member *child, enum seen_when when)
{
	struct member *parent = kin_by_index(observation, child->parent);

	/* another program has other variables */
	if (!parent || !child->birth || parent->is_over || parent->program != child->program)
		return;
	compare(observation, child, parent, when);
}

static bool is_parent_due(const struct member *member)
{
	return member->birth_number <= PARENT_LOOKS || is_power_of_two(member->birth_number);
}

void look_at_end(struct observation *observation, struct member *member)
{
	struct seen *seen = observation->seen;
	pid_t reader = kin_reader(observation, member);

	look_at(observation, member, SEEN_END);
	if (member->birth && is_parent_due(member))
		look_at_parent(observation, member, SEEN_PARENT);
	if (member->birth && reader && !seen->has_dirty_heap && is_parent_due(member))
		seen->has_dirty_heap = heap_is_dirty(reader);
	kin_seen(observation, member)->end_us = kin_now(observation);
	member->is_over = true;
	picture_free(member->birth);
	member->birth = NULL;
}

void look_at_family(struct observation *observation)
{
	uint64_t now = kin_now(observation);

	for (struct member *member = observation->members; member; member = member->next) {
		if (member->signalled_us && now - member->signalled_us < SIGNALS_APART_US)
			continue;
		member->signalled_us = now;
		look_at(observation, member, SEEN_SIGNAL);
	}
}

static void look_early(struct observation *observation, struct member *member, uint64_t now)
{
	uint64_t due = kin_seen(observation, member)->born_us + EARLY_US;

	if (now < due) {
		kin_set_due(observation, due);
		return;
	}
	member->had_early_look = true;
	look_at(observation, member, SEEN_EARLY);
}

/* The longer it goes on the fewer are kept: sample number 1, 2, 4, 8. */
static void sample(struct observation *observation, struct member *member, uint64_t now)
{
	uint64_t period = 1000 * (uint64_t)observation->options->sample_ms;

	if (!member->sampled_us)
		member->sampled_us = now;
	if (now - member->sampled_us >= period) {
		member->sampled_us = now;
		if (is_power_of_two(++member->samples))
			look_at(observation, member, SEEN_SAMPLE);
	}
	kin_set_due(observation, member->sampled_us + period);
}

void look_around(struct observation *observation)
{
	uint64_t now = kin_now(observation);

	for (struct member *member = observation->members; member; member = member->next) {
		if (!member->birth || member->is_over)
			continue;
		if (!member->had_early_look)
			look_early(observation, member, now);
		if (observation->options->sample_ms)
			sample(observation, member, now);
	}
}
