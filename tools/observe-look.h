/* SPDX-License-Identifier: MIT */
/*
 * observe-look.h - when a process is looked at, and what it is compared with
 */
#pragma once

#include "observe-kin.h"

/* A process is born, and waits. */
void look_at_birth(struct observation *observation, struct member *member);

/* @pid borrows its parent's memory: what has been found out of it is void. */
void look_at_borrower(struct observation *observation, pid_t pid);

/* @member against its own birth. */
void look_at(struct observation *observation, struct member *member, enum seen_when when);

/* The parent of @child against the birth of that. */
void look_at_parent(struct observation *observation, struct member *child, enum seen_when when);

/* @member is about to end, its memory is there still. */
void look_at_end(struct observation *observation, struct member *member);

/* Somebody is about to be told to end: everybody, before any of them begins to tidy up. */
void look_at_family(struct observation *observation);

/* Whoever is due to be looked at while it runs; says when the next one is. */
void look_around(struct observation *observation);
