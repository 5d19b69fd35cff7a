/* SPDX-License-Identifier: MIT */
/*
 * fondue/short.h - the short names of the lecture, for programs that want them
 *
 *	#include <stdio.h>
 *	#include <fondue/short.h>
 *	shared int hits;
 *	shared fondue_spinlock_t lock;
 *
 *	scoped_shared_lock(&lock);		C: held until the end of the block
 *	scoped_shared_lock guard(&lock);	C++: likewise
 *
 *	double *piece = shared_malloc(len);	from any process, for any process
 *	shared_free(piece, len);
 *
 * Must be the last header included: hundreds of system headers use the word `shared` for
 * something of their own, and it is a macro from here on. Where it cannot be used (local
 * variables, parameters, members, typedefs) the compiler says so. `shared int f(void)`
 * is the one trap without a message: the code of a function does not belong there.
 */
#ifndef FONDUE_SHORT_H
#define FONDUE_SHORT_H

#include <fondue/heap.h>
#include <fondue/shared.h>
#include <fondue/spinlock.h>

/* The lecture's: memory that is shared with all children, and given back with its length. */
#define shared_malloc(len)  fondue_malloc(len)
#define shared_free(p, len) fondue_free_sized(p, len)

#ifdef __cplusplus
class scoped_shared_lock
{
      public:
	explicit scoped_shared_lock(fondue_spinlock_t *lock) : lock_(fondue_scoped_lock_(lock))
	{
	}
	~scoped_shared_lock()
	{
		fondue_scoped_unlock_(&lock_);
	}
	scoped_shared_lock(const scoped_shared_lock &) = delete;
	scoped_shared_lock &operator=(const scoped_shared_lock &) = delete;

      private:
	fondue_spinlock_t *lock_;
};
#else
#define scoped_shared_lock(lock) FONDUE_SCOPED_LOCK(lock)
#endif

#define shared FONDUE_SHARED

#endif
