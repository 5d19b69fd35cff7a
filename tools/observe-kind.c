/* SPDX-License-Identifier: MIT */
/*
 * observe-kind.c - libraries that a program is linked with, and those that it has loaded itself
 *
 * A module that a server loads by its configuration is another matter than the libraries it
 * cannot start without: whoever wants to share variables of it has to name it. Both are
 * mapped alike, so the dynamic sections tell: needed is what the program names, and what
 * those name in turn. What is preloaded by LD_PRELOAD is taken for a plugin.
 */
#include <string.h>

#include "memory.h"
#include "observe-kind.h"
#include "say.h"

static const char *name_of(const struct observed *observed)
{
	const char *name = object_soname(&observed->object);

	return name ? name : say_base_name(observed->path);
}

/* Circles are usual among libraries: who has been marked is not gone through again. */
static void mark_needed_by(const struct observed *by)
{
	for (struct observed *other = observed_first(); other; other = other->next) {
		if (other->is_needed || !other->is_good ||
			!object_needs(&by->object, name_of(other)))
			continue;
		other->is_needed = true;
		mark_needed_by(other);
	}
}

static void mark_needed(const char *program)
{
	for (struct observed *observed = observed_first(); observed; observed = observed->next)
		observed->is_needed = false;
	for (struct observed *observed = observed_first(); observed; observed = observed->next)
		if (observed->is_good && !strcmp(observed->path, program))
			mark_needed_by(observed);
}

static enum seen_kind kind_of(const struct observed *observed, const char *program)
{
	if (!strcmp(observed->path, program))
		return SEEN_PROGRAM;
	mark_needed(program);
	return observed->is_needed ? SEEN_NEEDED : SEEN_PLUGIN;
}

size_t kind_enter(struct observed *observed, struct seen *seen, const char *program)
{
	if (observed->seen != SEEN_NOBODY)
		return observed->seen;
	seen->objects = memory_grow(seen->objects, seen->object_count, sizeof(*seen->objects));
	seen->objects[seen->object_count] = (struct seen_object){
		.path = observed->path,
		.kind = kind_of(observed, program),
	};
	observed->seen = seen->object_count++;
	return observed->seen;
}
