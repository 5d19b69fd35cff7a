/* SPDX-License-Identifier: MIT */
/*
 * remark.h - something short to be said of locks and places, with their names
 */
#pragma once

#include "log.h"
#include "place.h"

struct remark {
	struct log_text text;
	struct places *places; /* NULL: nothing has a name */
};

/*
 * remark_make() - have @say put @facts into words, and say them
 *
 * It is called on a stack of its own, for names need more than a small one has.
 */
void remark_make(void (*say)(struct remark *remark, const void *facts), const void *facts);

/* "lock queue_lock (server)"; if it does not lie @here, in this process: "lock at 0x7f..." */
void remark_add_lock(struct remark *remark, uintptr_t lock, bool here);

/*
 * Code where a lock was taken: "worker+0x1c (server)". @here: in this process; otherwise it is
 * named only if locks are taken there in this one, too: see place_is_site(). 0: not known.
 */
void remark_add_place(struct remark *remark, uintptr_t pc, bool here);
