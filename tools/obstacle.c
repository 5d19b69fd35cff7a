/* SPDX-License-Identifier: MIT */
/*
 * obstacle.c - the ways in which a preload does nothing, and says nothing
 *
 * LD_PRELOAD is a request to the program's own loader. A static program has none; one of
 * another machine or libc has a loader that cannot use our library, and musl's ends the
 * program over it; for a program that gains rights the loader ignores the request. In
 * each case the program would run with private variables and nobody would know.
 *
 * Of the sanitizers only AddressSanitizer as a shared library is in the way: it ends a
 * program in which it is not the first library. ThreadSanitizer and the others are
 * content, as is AddressSanitizer when it is part of the program.
 */
#include "libraries.h"
#include "memory.h"
#include "obstacle.h"
#include "preload.h"
#include "program.h"

static bool needs_first_place(const struct object *object)
{
	if (!object_needs(object, "libasan.so") &&
		!object_needs(object, "libclang_rt.asan"))
		return false;
	return !preload_begins_with("libasan.so") &&
	       !preload_begins_with("libclang_rt.asan");
}

enum obstacle obstacle_of(const struct object *object)
{
	enum libc libc = object_libc(object);

	if (!object_is_native(object))
		return OBSTACLE_MACHINE;
	if (object_is_static(object))
		return OBSTACLE_STATIC;
	if (libc == LIBC_MUSL || libc == LIBC_UNKNOWN)
		return OBSTACLE_LIBC;
	if (needs_first_place(object))
		return OBSTACLE_SANITIZER;
	return program_is_secure(object->path) ? OBSTACLE_SECURE : OBSTACLE_NONE;
}

bool obstacle_not_annotated(const struct object *object)
{
	struct libraries libraries;
	struct object library;
	bool annotated = false;

	if (object->is_annotated || object_needs(object, "libfondue.so"))
		return false;
	if (libraries_list(object, &libraries))
		return false;
	for (size_t i = 0; i < libraries.count && !annotated; i++) {
		if (object_open(&library, libraries.paths[i]))
			continue;
		annotated = library.is_annotated;
		object_close(&library);
	}
	return !annotated;
}

static const char *const codes[] = {
	[OBSTACLE_NONE] = "none",
	[OBSTACLE_MACHINE] = "other-machine",
	[OBSTACLE_LIBC] = "other-libc",
	[OBSTACLE_SANITIZER] = "sanitizer",
	[OBSTACLE_STATIC] = "static",
	[OBSTACLE_SECURE] = "setuid",
	[OBSTACLE_NOT_ANNOTATED] = "not-annotated",
};

const char *obstacle_code(enum obstacle obstacle)
{
	return codes[obstacle];
}

const char *obstacle_cause(enum obstacle obstacle, const struct object *object)
{
	switch (obstacle) {
	case OBSTACLE_MACHINE:
		return memory_format("it is for %s, which libfondue.so is not",
			object_machine(object));
	case OBSTACLE_LIBC:
		return memory_format("it uses %s, and libfondue.so was built for glibc",
			libc_name(object_libc(object)));
	case OBSTACLE_SANITIZER:
		return "AddressSanitizer lets no library be loaded before its own";
	case OBSTACLE_STATIC:
		return "it is a static program, which no preload reaches";
	case OBSTACLE_SECURE:
		return "it runs with more rights than its caller (set-user-ID, set-group-ID or "
		       "capabilities), so that the loader ignores LD_PRELOAD";
	case OBSTACLE_NOT_ANNOTATED:
		return "nothing in it or in the libraries it is linked with is annotated";
	default:
		return "nothing";
	}
}

const char *obstacle_cure(enum obstacle obstacle, const struct object *object)
{
	switch (obstacle) {
	case OBSTACLE_MACHINE:
		return object->image.word == 8 ?
			       "build fondue for that machine and preload that library" :
			       "build it for 64 bits; there is no runtime for others";
	case OBSTACLE_LIBC:
		return object_libc(object) == LIBC_MUSL ?
			       "build fondue with CC=musl-gcc and preload that library" :
			       "build fondue for that libc and preload that library";
	case OBSTACLE_SANITIZER:
		return "link it with -lfondue";
	case OBSTACLE_STATIC:
		return "link it with libfondue.a (-Wl,-u,fondue_runtime -lfondue), see fondue(7)";
	case OBSTACLE_SECURE:
		return "link it with -lfondue, see fondue(1)";
	case OBSTACLE_NOT_ANNOTATED:
		return "put FONDUE_SHARED before a variable, see fondue(7)";
	default:
		return "nothing";
	}
}
