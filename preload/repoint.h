/* SPDX-License-Identifier: MIT */
/*
 * repoint.h - calls of some functions of libc go by a door of ours, in this process from
 * now on
 *
 * A hook that is exported stands in the way of every program. These stand in the way of
 * those only that have something for them to do: the slots through which an object calls
 * are changed while it runs, and a process that asks for nothing keeps what the loader has
 * put there.
 */
#pragma once

#include "base.h"

struct door {
	const char *name;
	void *function; /* ours; NULL: there is no door, but what is behind it is needed */
	void *next;	/* of void *: where the function is kept that ours goes on to */
};

struct doors {
	/*
	 * As many as *ret_count, which stay valid. Asked for when they are needed; NULL: no
	 * memory.
	 */
	const struct door *(*list)(unsigned *ret_count);
	/*
	 * What objects are bound to by this name, or, @behind, what they would be bound to
	 * without the program. NULL: nothing.
	 */
	void *(*find)(const char *name, bool behind);
	/*
	 * Does an object that needs this version (NULL: none) of the name get another
	 * function than find() does?
	 */
	bool (*is_other)(const char *name, const char *version);
	/* The first slot is about to be changed: once. */
	void (*open)(void);
};

/* At start: there are such doors. They stay closed. @doors must stay valid. */
void repoint_start(const struct doors *doors);

/*
 * repoint_all() - open them for all objects that there are
 *
 * Costs a look at the loader's counter when it has nothing new; else a walk through all
 * relocations of all objects. Must not be called while an object may vanish. Keeps errno.
 * What cannot be changed is said once.
 */
void repoint_all(void);

/*
 * The same for what has come without a word, if doors are open: before a fork, at any time.
 * Another thread may be loading something then, and wait for this one: so the loader is not
 * asked for functions.
 */
void repoint_silent(void);

/*
 * An object has arrived, @code is an address in it: the same for that one, or for all at
 * first.
 */
void repoint_arrival(uintptr_t code);
