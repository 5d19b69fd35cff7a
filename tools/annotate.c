/* SPDX-License-Identifier: MIT */
/*
 * annotate.c - where the addresses in a record are, and what may be said of them
 *
 * Frames and locks are known by the names of the members that hold them, wherever those
 * stand: events have them in different places, and later ones may have more. The name that
 * the runtime has given stays, unless the very file says more; a file that is not verified
 * never overrides it.
 */
#include <stdlib.h>
#include <string.h>

#include "annotate.h"
#include "aside.h"
#include "memory.h"
#include "record.h"
#include "say.h"

/* A record is no deeper than 4; the runtime has at most some hundred frames in one. */
#define DEPTH_MAX  8
#define FRAMES_MAX 4096
#define PATH_LONG  4096
/* Files of which it is said what is missing. */
#define SAID_MAX 500

static json_t *said;

/* "/lib/libfoo.so (build-id ab12): not here" */
static void say_once(const json_t *place, const char *why)
{
	const char *path = record_text(place, "obj"), *build_id = record_text(place, "bid");
	char *line = build_id ? memory_format("%s (build-id %.128s): %s", path, build_id, why) :
				memory_format("%s (no build-id): %s", path, why);

	said = said ? said : json_object();
	if (!json_object_get(said, line) && json_object_size(said) < SAID_MAX) {
		json_object_set_new(said, line, json_true());
		say("report: %s", line);
	}
	free(line);
}

static void copy_member(json_t *to, const json_t *from, const char *key)
{
	json_t *value = json_object_get(from, key);

	if (value)
		json_object_set(to, key, value);
}

/* Return: NULL: there is nothing to ask for. */
static json_t *request_for(const json_t *place, bool is_data)
{
	const char *path = record_text(place, "obj");
	json_t *request;
	uint64_t offset;

	/* code that is in no file has a name in brackets, or none */
	if (!path || *path != '/' || strlen(path) >= PATH_LONG ||
		!record_number(place, "off", &offset))
		return NULL;
	request = json_object();
	copy_member(request, place, "obj");
	copy_member(request, place, "off");
	if (record_text(place, "bid"))
		copy_member(request, place, "bid");
	if (record_flag(place, "exact"))
		json_object_set_new(request, "exact", json_true());
	if (is_data)
		json_object_set_new(request, "data", json_true());
	return request;
}

static void merge(json_t *place, const json_t *answer)
{
	bool is_verified = !json_object_get(answer, "verified");

	if (record_text(answer, "sym") && (is_verified || !record_text(place, "sym"))) {
		if (!json_object_get(answer, "symoff"))
			json_object_del(place, "symoff");
		copy_member(place, answer, "sym");
		copy_member(place, answer, "symoff");
	}
	copy_member(place, answer, "file");
	copy_member(place, answer, "line");
	copy_member(place, answer, "column");
	copy_member(place, answer, "inlined");
	copy_member(place, answer, "verified");
}

static void annotate_place(json_t *place, bool is_data, unsigned *left)
{
	json_t *request = *left ? request_for(place, is_data) : NULL;
	const json_t *answer;

	if (!request)
		return;
	(*left)--;
	answer = aside_ask(request);
	merge(place, answer);
	if (record_text(answer, "why"))
		say_once(place, record_text(answer, "why"));
	json_decref(request);
}

static bool is_one_of(const char *key, const char *const *names)
{
	while (*names && strcmp(*names, key) != 0)
		names++;
	return *names != NULL;
}

static void walk(json_t *value, const char *key, unsigned depth, unsigned *left)
{
	static const char *const frames[] = { "frames", "site", "other_site",
		"held_site", "asked", "released", NULL };
	static const char *const locks[] = { "lock", "first", "second", "holds", "wants",
		NULL };
	json_t *element;
	const char *name;
	size_t i;

	if (depth > DEPTH_MAX)
		return;
	/* the elements of a list are what its name says */
	json_array_foreach(value, i, element)
		walk(element, key, depth + 1, left);
	if (!json_is_object(value))
		return;
	if (is_one_of(key, frames) || is_one_of(key, locks)) {
		annotate_place(value, is_one_of(key, locks), left);
		return;
	}
	json_object_foreach(value, name, element)
		walk(element, name, depth + 1, left);
}

void annotate(json_t *record)
{
	unsigned left = FRAMES_MAX;

	walk(record, "", 0, &left);
}
