/* SPDX-License-Identifier: MIT */
/*
 * identity.h - what the calling thread is to the locks of the family
 *
 * The private half of a slot, thread-local. A forked child has a copy of its parent's, which
 * is thrown away by an atfork handler, and by the hooks of _Fork() and clone(): the child
 * gets a slot of its own with the first lock that it takes. Of a bare system call nobody
 * tells: such a child signs its locks as its parent, until it has to wait for one; then it
 * is looked whether this is the memory that the identity was made in.
 */
#pragma once

#include "layout.h"

/*
 * Pauses that a thread spins at most before it sleeps, 25 ns each on the machines of today:
 * 10 us, for falling asleep and being woken cost 25 to 50 us on an idle processor.
 */
#define PATIENCE_MAX 400

/* A lock that a thread has from a dead one, to be told when it is released; and whose. */
struct inheritance {
	fondue_spinlock_t *lock; /* NULL: none */
	pid_t pid, tid;
	uint64_t namespace;
	uint64_t bound_at; /* ns, CLOCK_BOOTTIME: when it was alive */
	uintptr_t pc; /* where that one took it; 0: not known */
	uint32_t word;
};
#define INHERITED_MAX 4 /* more are not told */

struct identity {
	struct fondue_self self; /* what the header knows; first */
	uint32_t number;	 /* of the slot */
	uint32_t next;		 /* what the runtime's next acquisition stores */
	uint32_t more;		 /* so many locks it holds that the holder does not name */
	pid_t pid;		 /* of the process that it was given in */
	bool has_barrier;	 /* membarrier(2) reaches this process: unlocking needs none */
	bool is_quick;		 /* the fast path may take and release locks for it */
	/* the thread's robust_list_head, what the kernel adds to entries; NULL: none */
	struct robust_list_head *robust;
	long futex_offset;
	fondue_spinlock_t *kept;    /* named by the holder, but not for the fast path to release */
	fondue_spinlock_t *covered; /* for as long as it is held, the kernel knows of it */
	struct inheritance inherited[INHERITED_MAX];
	/* The lock of which it has told that it was held for long; it is released now. */
	fondue_spinlock_t *over;
	uint32_t over_word;
	uint64_t over_at; /* ns */
	/* how it waits: see spinlock.c */
	int patience;		     /* pauses to spin before it sleeps */
	int stride, left;	     /* releases between two looks at the clock; until the next */
	uint64_t looked;	     /* ns: at the last look */
	fondue_spinlock_t *reserved; /* the lock whose turn it has ended, and woken its heir */
};

/* Offset of the calling thread's identity from the thread pointer, the same for all. */
unsigned long identity_at(void);

/* The calling thread's, as it is. Async-signal-safe. */
struct identity *identity_mine(void);

/* Has it one? */
static inline bool identity_is_valid(const struct identity *me)
{
	return me->self.doing != FONDUE_DOING_NOBODY;
}

/* May the fast path take a lock for it? So its holder is free to name one. */
static inline bool identity_is_idle(const struct identity *me)
{
	return me->self.doing == FONDUE_DOING_NOTHING || me->self.doing == FONDUE_DOING_WARY;
}

/* Does it hold a lock, or is it about to? */
static inline bool identity_is_busy(const struct identity *me)
{
	return me->self.doing > FONDUE_DOING_NOBODY || me->kept || me->more;
}

/* The calling thread's, valid. Without a slot to be had it is anonymous. Keeps errno. */
struct identity *identity_get(void);

/* Whenever a thread has got the slot @number, with all signals blocked; set by a room above. */
extern void (*identity_claimed)(uint32_t number);

/* At start: before the program registers atfork handlers, which may take locks. */
void identity_start(void);

/* From now on no thread that gets an identity is quick: every lock call comes to the runtime. */
void identity_never_quick(void);

/* In a child: what there is, is the parent's. */
void identity_forget(void);
/* Is it the parent's, though nobody has said so? */
bool identity_is_inherited(void);
/* The same; then it is forgotten. */
bool identity_notice_fork(void);

/* What is to be told of @lock, NULL: nothing; of lock NULL: a place that is free. */
static inline struct inheritance *identity_inheritance(
	struct identity *me, const fondue_spinlock_t *lock)
{
	for (unsigned i = 0; i < INHERITED_MAX; i++)
		if (me->inherited[i].lock == lock)
			return &me->inherited[i];
	return NULL;
}

/* Say that the thread holds @lock or is about to take it; or what else it does. */
void identity_hold(struct identity *me, fondue_spinlock_t *lock);
void identity_do(struct identity *me, uintptr_t doing);
/* Its slot is named by one lock more that its holder does not know; by one less. */
void identity_name_one_more(struct identity *me);
void identity_name_one_less(struct identity *me);
/* For who is to be told: where the lock is taken that the holder names next; or a nested one. */
void identity_note_site(struct identity *me, const struct fondue_site *site);
void identity_note_nested(
	struct identity *me, const fondue_spinlock_t *lock, const struct fondue_site *site);
void identity_forget_nested(struct identity *me, const fondue_spinlock_t *lock);
/* What it does when it does nothing: may the fast path take a lock, in this process? */
uintptr_t identity_nothing(const struct identity *me);

/*
 * "If I die now, wake one of its sleepers": the thread's list_op_pending. identity_owe()
 * returns what was there before, for identity_owe_again(): a signal handler may be inside
 * libc's own use of it. Must not stay set when the thread has nothing to do with the lock any
 * more: should its memory be used for something else, the kernel could take a word in it
 * for a mutex.
 */
void *identity_owe(struct identity *me, fondue_spinlock_t *lock);
bool identity_owes(const struct identity *me);
void identity_owe_again(struct identity *me, void *before);

/*
 * The thread holds @lock, and somebody sleeps who perhaps watches another owner: let the
 * kernel wake him if we die. Until uncovered. One lock at a time, and not while it waits for
 * another, or releases it.
 */
void identity_cover(struct identity *me, fondue_spinlock_t *lock);
void identity_uncover(struct identity *me, fondue_spinlock_t *lock);

/* The runtime has to release it. It stays named by the holder, which the fast path fills. */
void identity_keep(struct identity *me, fondue_spinlock_t *lock);
