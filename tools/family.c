/* SPDX-License-Identifier: MIT */
/*
 * family.c - finding the registry, and copying slots that are being written to
 *
 * The registry is one shared anonymous mapping, known by its magic. Its pages exist where
 * somebody has written; to read others would make them, in the family's memory. So no more
 * is read than what is used: the header, and the slots that have been somebody's.
 *
 * A slot is copied while its thread writes, word by word: two copies that agree are taken
 * for the truth. What it holds may be another lock each time; so it is asked of each by
 * itself, and the place where a lock was taken counts if both copies have it beside that lock.
 *
 * A slot's thread lives if its life (preload/registry.c) has an owner, the very thread whose
 * number stands in the slot; the kernel takes that away when it ends.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../preload/registry.h"
#include "family.h"
#include "maps.h"
#include "memory.h"

/* Slots read at once: 64 KiB, a few microseconds. */
#define BATCH 512
/* Looks at a slot that changes meanwhile. */
#define LOOKS 8

/* What a registry begins with: it itself is some megabytes. */
struct header {
	uint64_t magic;
	uint32_t version, used, cursor, life;
};
_Static_assert(offsetof(struct header, used) == offsetof(struct registry, used) &&
		       offsetof(struct header, life) == offsetof(struct registry, life),
	"as in layout.h");

static bool read_header(
	const struct family *family, const struct mapping *mapping, struct header *ret)
{
	return !process_read(&family->process, mapping->start, ret, sizeof(*ret)) &&
	       ret->magic == REGISTRY_MAGIC;
}

static bool fits(const struct mapping *mapping, bool exactly)
{
	uint64_t size = mapping->end - mapping->start;

	if (!mapping_is_anonymous(mapping) || mapping->offset)
		return false;
	return exactly ? size - sizeof(struct registry) < 65536 :
			 size >= sizeof(struct registry);
}

/* The right size first: the user's own memory is looked at only if it must. */
static bool find_registry(
	struct family *family, const struct maps *maps, struct header *ret_header)
{
	for (int exactly = 1; exactly >= 0; exactly--)
		for (size_t i = 0; i < maps->count; i++) {
			const struct mapping *mapping = &maps->list[i];

			if (!fits(mapping, exactly) ||
				!read_header(family, mapping, ret_header))
				continue;
			family->at = mapping->start;
			return true;
		}
	return false;
}

/* May its memory be read at all? Any of it tells. */
static char *try_read(const struct family *family, const struct maps *maps)
{
	uint64_t word;
	int error;

	if (!maps->count)
		return memory_copy("it has no memory to look at: it is a thread of the kernel, "
				   "or ending");
	error = process_read(
		&family->process, maps->list[0].start, &word, sizeof(word));
	return error && error != EFAULT ? process_refusal(&family->process, error) : NULL;
}

static bool has_runtime(const struct maps *maps)
{
	for (size_t i = 0; i < maps->count; i++) {
		const char *name = strrchr(maps->list[i].path, '/');

		if (name && !strncmp(name, "/libfondue.so", strlen("/libfondue.so")))
			return true;
	}
	return false;
}

static char *no_registry(const struct maps *maps)
{
	if (has_runtime(maps))
		return memory_copy("it runs under fondue and shares nothing, so its locks are "
				   "its own; see `fondue check` for what it has annotated");
	return memory_copy("it is no member of a family: it was not started under fondue, or "
			   "has executed another program since; see `fondue run`");
}

static char *check_header(struct family *family, const struct header *header)
{
	family->life = header->life;
	if (header->version != REGISTRY_VERSION)
		return memory_format("its runtime is another version (registry %u, here %u); "
				     "use the `fondue` that was installed with it",
			header->version, REGISTRY_VERSION);
	if (header->life >= sizeof(pthread_mutex_t) / sizeof(uint32_t) ||
		header->used < SLOT_FIRST || header->used > SLOT_ANONYMOUS)
		return memory_copy("its registry is damaged: the program has written into it");
	return NULL;
}

/* Its times mean nothing here if it was started in a time namespace. */
static bool has_our_clock(const struct family *family)
{
	char path[64];
	struct stat ours, its;

	snprintf(path, sizeof(path), "/proc/%d/ns/time", family->process.tid);
	return stat("/proc/self/ns/time", &ours) != 0 || stat(path, &its) != 0 ||
	       ours.st_ino == its.st_ino;
}

char *family_find(struct family *family, pid_t pid)
{
	struct header header;
	struct maps maps = { 0 };
	char *why;
	int error;

	*family = (struct family){ .at = 0 };
	why = process_find(&family->process, pid);
	if (!why && (error = maps_read(&maps, family->process.tid)) != 0)
		why = process_refusal(&family->process, error);
	if (!why)
		why = try_read(family, &maps);
	if (!why)
		why = find_registry(family, &maps, &header) ? check_header(family, &header) :
							     no_registry(&maps);
	family->has_our_clock = !why && has_our_clock(family);
	maps_free(&maps);
	return why;
}

uint32_t family_used(const struct family *family)
{
	uint32_t used;

	if (process_read(&family->process, family->at + offsetof(struct registry, used), &used,
		    sizeof(used)) != 0)
		return 0;
	return used < SLOT_ANONYMOUS ? used : SLOT_ANONYMOUS;
}

static int read_slots(
	const struct family *family, uint32_t first, uint32_t count, struct slot *ret)
{
	uint64_t at = family->at + offsetof(struct registry, slots) + first * sizeof(*ret);

	return process_read(&family->process, at, ret, count * sizeof(*ret));
}

static enum life life_of(const struct family *family, const struct slot *slot)
{
	uint32_t life;

	memcpy(&life, (const char *)&slot->life + family->life * sizeof(life), sizeof(life));
	if (life & LIFE_ENDED)
		return LIFE_OVER;
	/* while it is being claimed the numbers are those of who had it before */
	return slot->tid && (life & LIFE_OWNER) == slot->tid ? LIFE_GOES_ON : LIFE_NEVER;
}

static struct thread describe(
	const struct family *family, uint32_t number, const struct slot *slot)
{
	struct thread thread = {
		.number = number,
		.life = life_of(family, slot),
		.incarnation = slot->holder.incarnation,
		.pid = (pid_t)slot->pid,
		.tid = (pid_t)slot->tid,
		.namespace = slot->namespace,
		.holds = { { slot->holder.lock, slot->holder.site.pc } },
		.more = slot->holder.more,
		.wants = slot->wants,
		.wants_since = slot->wants_since,
		.wants_site = slot->wants_site,
		.seen = slot->seen,
		.seen_since = slot->seen_since,
	};

	for (unsigned i = 0; i < NESTED_MAX; i++)
		thread.holds[1 + i] = (struct hold){ slot->nested[i].lock, slot->nested[i].pc };
	return thread;
}

static void forget_doubtful(const struct thread *before, struct thread *thread)
{
	for (unsigned i = 0; i < HOLDS; i++)
		if (thread->holds[i].lock != before->holds[i].lock ||
			thread->holds[i].pc != before->holds[i].pc)
			thread->holds[i].pc = 0;
}

uint64_t thread_took_at(const struct thread *thread, uint64_t lock)
{
	for (unsigned i = 0; i < HOLDS; i++)
		if (thread->holds[i].lock == lock)
			return thread->holds[i].pc;
	return 0;
}

bool thread_is_same(const struct thread *a, const struct thread *b)
{
	return a->life == b->life && a->pid == b->pid && a->tid == b->tid &&
	       a->incarnation == b->incarnation;
}

bool thread_waits_on(const struct thread *before, const struct thread *now)
{
	return thread_is_same(before, now) && now->wants && before->wants == now->wants &&
	       before->wants_since == now->wants_since;
}

static bool agree(const struct thread *a, const struct thread *b)
{
	return thread_is_same(a, b) && a->namespace == b->namespace && a->wants == b->wants &&
	       a->wants_since == b->wants_since && a->seen == b->seen &&
	       a->seen_since == b->seen_since &&
	       !memcmp(&a->wants_site, &b->wants_site, sizeof(a->wants_site));
}

bool family_thread(const struct family *family, uint32_t number, struct thread *ret)
{
	struct thread before;
	struct slot slot;

	if (read_slots(family, number, 1, &slot) != 0)
		return false;
	*ret = describe(family, number, &slot);
	for (unsigned i = 0; i < LOOKS; i++) {
		before = *ret;
		if (read_slots(family, number, 1, &slot) != 0)
			return false;
		*ret = describe(family, number, &slot);
		if (agree(&before, ret))
			break;
	}
	if (!agree(&before, ret))
		ret->wants = 0;
	forget_doubtful(&before, ret);
	return true;
}

static bool read_batch(
	const struct family *family, struct thread *threads, uint32_t first, uint32_t count)
{
	static struct slot one[BATCH], two[BATCH];

	if (read_slots(family, first, count, one) != 0 ||
		read_slots(family, first, count, two) != 0)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		struct thread before = describe(family, first + i, &one[i]);

		threads[i] = describe(family, first + i, &two[i]);
		forget_doubtful(&before, &threads[i]);
		if (!agree(&before, &threads[i]) &&
			!family_thread(family, first + i, &threads[i]))
			return false;
	}
	return true;
}

struct thread *family_threads(const struct family *family, uint32_t used)
{
	struct thread *threads = memory_get(used * sizeof(*threads));

	for (uint32_t first = SLOT_FIRST; first < used; first += BATCH) {
		uint32_t count = used - first < BATCH ? used - first : BATCH;

		if (read_batch(family, &threads[first], first, count))
			continue;
		free(threads);
		return NULL;
	}
	return threads;
}
