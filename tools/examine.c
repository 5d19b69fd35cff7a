/* SPDX-License-Identifier: MIT */
/*
 * examine.c - the program, its libraries, each alone, then together
 */
#include <string.h>

#include "examine.h"
#include "libraries.h"
#include "memory.h"
#include "obstacle.h"

/* The page sizes that Linux machines have. */
#define PAGE_SIZE_MIN 4096
#define PAGE_SIZE_MAX 65536

const char *verdict_name(enum verdict verdict)
{
	return verdict == VERDICT_SHARED  ? "shared" :
	       verdict == VERDICT_PRIVATE ? "private" :
					    "none";
}

static uint64_t largest_page_size(struct object *object)
{
	uint64_t largest = 0;

	for (uint64_t size = PAGE_SIZE_MIN; size <= PAGE_SIZE_MAX; size *= 2)
		if (object_prove(object, size))
			largest = size;
	object_prove(object, object_page_size(object));
	return largest;
}

static void judge(struct subject *subject)
{
	if (problem_is_there(&subject->problems))
		subject->verdict = VERDICT_PRIVATE;
	else if (subject->object.is_annotated && proof_has_variables(&subject->object.proof))
		subject->verdict = VERDICT_SHARED;
	else
		subject->verdict = VERDICT_NONE;
}

static const char *add_subject(struct examination *examination, const char *path)
{
	struct subject subject = { 0 };
	const char *why = object_open(&subject.object, path);

	if (why)
		return why;
	examination->subjects = memory_grow(examination->subjects, examination->count,
		sizeof(*examination->subjects));
	examination->subjects[examination->count++] = subject;
	return NULL;
}

static void note(struct subject *subject, bool is_note, const char *code,
	const char *cause, const char *cure)
{
	problem_add(&subject->problems,
		(struct problem){
			.is_note = is_note, .code = code, .cause = cause, .cure = cure });
}

/* Only what is so for any caller and any build of the runtime is more than a note. */
static void check_obstacle(struct subject *program)
{
	const struct object *object = &program->object;
	enum obstacle obstacle = obstacle_of(object);
	bool is_note = obstacle == OBSTACLE_SECURE || obstacle == OBSTACLE_LIBC ||
		       (obstacle == OBSTACLE_MACHINE && object->image.word == 8);
	bool is_library = !object->interpreter && !object_is_static(object);

	if (!obstacle || (is_library && obstacle != OBSTACLE_MACHINE))
		return;
	if (object_has_runtime(object))
		return;
	note(program, is_note, obstacle_code(obstacle), obstacle_cause(obstacle, object),
		obstacle_cure(obstacle, object));
}

static void add_libraries(struct examination *examination)
{
	struct subject *program = &examination->subjects[0];
	struct libraries libraries;
	const char *why = libraries_list(&program->object, &libraries);

	if (why)
		note(program, true, "libraries-unknown",
			memory_format("its libraries are not known: %s", why),
			"check each by its path");
	for (size_t i = 0; i < libraries.missing_count; i++)
		note(program, false, "library-not-found",
			memory_format(
				"it needs %s, which is not found", libraries.missing[i]),
			"install it, or set LD_LIBRARY_PATH");
	for (size_t i = 0; i < libraries.count; i++) {
		const char *path = libraries.paths[i];

		why = add_subject(examination, path);
		if (why)
			note(&examination->subjects[0], true, "library-unknown",
				memory_format("%s cannot be examined: %s", path, why),
				"look at the file");
	}
}

static void judge_all(struct examination *examination)
{
	for (size_t i = 0; i < examination->count; i++) {
		enum verdict verdict = examination->subjects[i].verdict;

		if (verdict > examination->verdict)
			examination->verdict = verdict;
	}
}

const char *examine(struct examination *examination, const char *path)
{
	const char *why;

	*examination = (struct examination){ 0 };
	why = add_subject(examination, path);
	if (why)
		return why;
	check_obstacle(&examination->subjects[0]);
	add_libraries(examination);
	for (size_t i = 0; i < examination->count; i++) {
		struct subject *subject = &examination->subjects[i];

		subject->object.proof.image = &subject->object.image; /* it has moved */
		if (subject->object.is_annotated)
			subject->page_size_max = largest_page_size(&subject->object);
		contents_read(&subject->contents, &subject->object);
		layout_check(subject);
		judge(subject);
	}
	linkage_check(examination);
	for (size_t i = 0; i < examination->count; i++)
		judge(&examination->subjects[i]);
	judge_all(examination);
	return NULL;
}
