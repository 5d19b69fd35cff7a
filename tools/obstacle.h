/* SPDX-License-Identifier: MIT */
/*
 * obstacle.h - what keeps a preloaded libfondue.so from sharing anything in a program
 */
#pragma once

#include "object.h"

enum obstacle {
	OBSTACLE_NONE,
	/* it would not start, or not without complaints, with the library preloaded */
	OBSTACLE_MACHINE,
	OBSTACLE_LIBC,
	OBSTACLE_SANITIZER,
	/* the library would not be loaded */
	OBSTACLE_STATIC,
	OBSTACLE_SECURE,
	/* it would be loaded for nothing */
	OBSTACLE_NOT_ANNOTATED,
};

/* Must LD_PRELOAD be left as it is? */
static inline bool obstacle_forbids_preload(enum obstacle obstacle)
{
	return obstacle >= OBSTACLE_MACHINE && obstacle <= OBSTACLE_SANITIZER;
}

/* The first of machine, static, libc, sanitizer and rights that is in the way. */
enum obstacle obstacle_of(const struct object *object);

/* Is it clear that neither the program nor a library of its has a note? */
bool obstacle_not_annotated(const struct object *object);

/* Name for machines, as "other-libc"; what is so, as "it is ..."; what can be done. */
const char *obstacle_code(enum obstacle obstacle);
const char *obstacle_cause(enum obstacle obstacle, const struct object *object);
const char *obstacle_cure(enum obstacle obstacle, const struct object *object);
