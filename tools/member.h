/* SPDX-License-Identifier: MIT */
/*
 * member.h - a thread of the family, as this process may call it
 */
#pragma once

#include "../preload/thread-state.h"
#include "family.h"

struct member {
	/* As this process numbers them; 0: it cannot be told who that is here. */
	pid_t pid;
	pid_t tid;
	/* As the thread numbers itself, in the pid namespace of inode @namespace. */
	pid_t pid_there;
	pid_t tid_there;
	uint64_t namespace;
	bool is_foreign;	   /* of another namespace than this process */
	bool is_dead;		   /* then the numbers may be somebody else's by now */
	struct thread_state state; /* "" and "" if it cannot be told */
};

/* What /proc knows of namespaces, read once when it is needed. */
struct census;
struct census *census_take(void);
void census_free(struct census *census);

/* Who is it? Without the state. Of the dead only the numbers there are told. */
void member_find(struct member *member, const struct thread *thread, struct census *census);

/* With the state; the slot is looked at again: what /proc tells is of this very thread. */
void member_look(struct member *member, const struct family *family,
	const struct thread *thread, struct census *census);
