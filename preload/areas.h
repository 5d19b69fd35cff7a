/* SPDX-License-Identifier: MIT */
/*
 * areas.h - does an address lie in memory that the family shares because of us?
 *
 * Asked at every call that locks something, so it is answered by comparing numbers. For the
 * same reason nothing is ever taken out: where an object has been unloaded, something
 * private may lie now. Whoever acts on the answer must do no harm to that.
 */
#pragma once

#include <stdatomic.h>

#include "base.h"

struct area {
	uintptr_t start;
	size_t size;
};

struct areas {
	_Atomic uint32_t count;
	struct area *_Atomic list; /* entries are constant once they are counted */
};

extern FONDUE_INSIDE struct areas areas;

/*
 * [start, end) is shared from now on. By one thread at a time: under the loader's lock,
 * say.
 */
void areas_add(uintptr_t start, uintptr_t end);

static inline bool areas_are_there(void)
{
	return atomic_load_explicit(&areas.count, memory_order_relaxed) != 0;
}

static inline bool areas_hold(const volatile void *object)
{
	/* acquire: the entries that are counted; pairs with the release in areas_add() */
	uint32_t count = atomic_load_explicit(&areas.count, memory_order_acquire);
	/* relaxed: the list that has so many entries, or a later one, which has them, too */
	const struct area *list = atomic_load_explicit(&areas.list, memory_order_relaxed);

	for (uint32_t i = 0; i < count; i++)
		if ((uintptr_t)object - list[i].start < list[i].size)
			return true;
	return false;
}
