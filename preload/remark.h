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

/* How a kind of facts is put into words: for people, and as members of a JSON object. */
struct remark_form {
	const char *event; /* what "ev" is */
	void (*say)(struct remark *remark, const void *facts);
	/* NULL: it is a message, as log_line() says them, and one line */
	void (*put)(struct remark *remark, const void *facts);
};

/*
 * remark_make() - put @facts into words, as FONDUE_REPORT_FORMAT wants it, and say them
 *
 * On a stack of its own, for names need more than a small one has.
 */
void remark_make(const struct remark_form *form, const void *facts);

/* "queue_lock (server)", "at 0x7f..." */
void remark_add_variable(struct remark *remark, uintptr_t address);

/* "lock queue_lock (server)"; if it does not lie @here, in this process: "lock at 0x7f..." */
void remark_add_lock(struct remark *remark, uintptr_t lock, bool here);

/*
 * Code where a lock was taken: "worker+0x1c (server)". @here: in this process; otherwise it is
 * named only if locks are taken there in this one, too: see place_is_site(). 0: not known.
 */
void remark_add_place(struct remark *remark, uintptr_t pc, bool here);

/* The same as members of an object; a place that is not known is left out. */
void remark_put_lock(struct remark *remark, const char *key, uintptr_t lock, bool here);
void remark_put_place(struct remark *remark, const char *key, uintptr_t pc, bool here);
