/* SPDX-License-Identifier: MIT */
/*
 * layout.h - everything that lives in memory of the whole family, and nothing else
 *
 * One mapping, MAP_SHARED and anonymous, made before the first fork, so at one address in
 * every process of the family:
 *
 *	0		struct registry: magic, version, slots used
 *	64		TURNS entries of struct turn, 64 bytes each
 *	16640		SLOTS entries of struct slot, 256 bytes each; 0 is never used
 *	behind them	LIMITS entries of struct limit, 16 bytes each
 *	after them	QUESTIONS entries of struct question, in pages of their own
 *	at the end	TOLDS entries of struct told, 32 bytes each
 *
 * A thread that takes a lock for the first time gets a slot, and its number is what the
 * lock's word says of its owner. The slot is the thread's until it ends, and nobody else's
 * before no lock can name it any more:
 *
 *	slot->holder names no lock, and slot->life is marked by the kernel as its owner's death
 *
 * The kernel marks it whatever way the thread ends: by returning, by exec, by kill -9.
 * The holder tells of the locks whose word names the slot: one by its address, others by
 * their number. It is written before the word, and again after; so killed in between, a
 * thread leaves a trace of a lock that does not name it, and the slot is never used again,
 * which costs 256 bytes.
 *
 * Whoever maps this from outside (tools) checks magic and version first. Fields are added
 * at the end of a structure's spare room, never moved; a change of what is there raises
 * the version.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include <fondue/spinlock.h>

#include "base.h"

#define REGISTRY_MAGIC	 0x65756466646e6f66ULL /* "fondufue", read as bytes on x86 */
#define REGISTRY_VERSION 8

/* What 16 bits of a lock's word can name. */
#define SLOTS 65536
/* Slot 0 means RESERVED in a word. */
#define SLOT_FIRST 1
/* For threads that found no slot: it has no owner whose death could be seen. */
#define SLOT_ANONYMOUS (SLOTS - 1)

/* Hints beside a lock of eight bytes: more than the locks that are fought over at once. */
#define TURNS 256

/* Locks beside the first that a thread holds, and tells where it took them; more it does not. */
#define NESTED_MAX 4

/* A lock that the holder does not name. By the thread: first the place, then the lock. */
struct nested {
	_Atomic uintptr_t lock; /* 0: unused */
	_Atomic uintptr_t pc;	/* where it was taken; as in struct fondue_site */
};

/*
 * One thread. The first cache line is written with every acquisition, the second is read by
 * all who find a lock taken: together, each of them would take the line from the other. The
 * third is written by who waits, for others to read; the fourth by who holds several.
 */
struct slot {
	struct fondue_holder holder; /* written by the thread; when it is dead, by its heirs */
	_Atomic uint32_t pid;	     /* in the thread's own pid namespace; by the thread */
	_Atomic uint32_t tid;	     /* as pid */
	_Atomic uint64_t bound_at; /* ns, CLOCK_BOOTTIME: since then it is the thread's; as pid */
	uint64_t spare_here;
	pthread_mutex_t life;	    /* robust; locked by the thread from claim to end */
	_Atomic uint64_t namespace; /* inode of the thread's pid namespace; 0: not known */
	_Atomic uint32_t answers; /* the signal by which it can be asked; 0: none; by the thread */
	uint8_t spare_there[52 - sizeof(pthread_mutex_t)];
	/* What it waits for; written when it is about to sleep. */
	_Atomic uintptr_t wants;      /* the lock; 0: it does not wait */
	_Atomic uint64_t wants_since; /* ns, CLOCK_MONOTONIC, as below */
	_Atomic uint64_t seen_since;  /* the lock has had this owner at least since then ... */
	_Atomic uint64_t looked_at;   /* ... and when it last saw that it has it still */
	_Atomic uint32_t seen;	      /* who holds it under this word */
	uint32_t spare;
	struct fondue_site wants_site; /* where it asks for it; written before `wants` */
	struct nested nested[NESTED_MAX];
} __attribute__((aligned(256)));

_Static_assert(sizeof(struct slot) == 256 && offsetof(struct slot, life) == 64 &&
		       offsetof(struct slot, wants) == 128 && offsetof(struct slot, nested) == 192,
	"a slot is four cache lines");
_Static_assert(offsetof(struct fondue_holder, site) == 16, "fondue_note_site_() counts on it");

/*
 * The clock of a lock's turns: see spinlock.c. Found by hashing the lock's address; locks
 * that share an entry lengthen each other's turns, and nothing worse. All relaxed: hints.
 */
struct turn {
	_Atomic uint64_t next_at;     /* ns, CLOCK_MONOTONIC: the turn ends */
	_Atomic uint64_t reserved_at; /* ns: the lock was reserved */
	_Atomic uint64_t flight_at;   /* ns: somebody was woken */
	_Atomic uint64_t flight_ns;   /* how long he is waited for */
	_Atomic uint32_t due;	      /* enum due: what the next release should do */
	_Atomic uint32_t busy;	      /* somebody took the lock at once in this turn */
	_Atomic uint32_t sequence;    /* tells reservations apart */
	uint8_t spare[20];
};

_Static_assert(sizeof(struct turn) == 64, "a turn is one cache line");

/* Locks that have a limit of their own for being held: see limit.c. */
#define LIMITS 256

struct limit {
	_Atomic uintptr_t lock; /* 0: unused; never changed again */
	_Atomic uint64_t ms;	/* + 1; 0: none */
};

/*
 * One thread asks another for its registers and its stack: see question.h. Who may write, the
 * state says; it changes by compare-and-swap of the whole, and its low half is a futex.
 *
 *	phase (2 bits), generation (14), slot of the asker (16), its incarnation (32)
 *
 * Whoever takes a place makes it the next generation. What is written in phase MINE is the
 * asker's, before it asks; in phase WRITING the answer is written by the thread that is asked,
 * and read by the asker when the phase is MINE again. Pages that are never used are none.
 */
#define QUESTIONS	   4 /* reports at once; who finds no place does without an answer */
#define QUESTION_REGISTERS 40
#define QUESTION_STACK	   (64 * 1024) /* some 500 frames */
#define QUESTION_EARLIER   (16 * 1024)

enum question_phase {
	QUESTION_FREE,	  /* all zero at first */
	QUESTION_MINE,	  /* the asker's */
	QUESTION_ASKED,	  /* nobody's: the signal is on its way */
	QUESTION_WRITING, /* the asked thread's; asker 0: nobody waits for the answer any more */
};

struct question {
	_Atomic uint64_t state;
	_Atomic uint32_t asked; /* slot of the thread; by the asker, like the next three */
	_Atomic uint32_t asked_incarnation;
	_Atomic uint32_t tid; /* of the thread, in the pid namespace of both */
	uint32_t spare;
	_Atomic uintptr_t earlier; /* a stack pointer: what is around it is wanted as well; or 0 */
	/* The answer. */
	uint64_t known;			  /* bit N: at[N] is */
	uint64_t at[QUESTION_REGISTERS];  /* numbered as in DWARF */
	uint64_t stack_from, stack_size;  /* where the bytes of `stack` were; size 0: none */
	uint64_t earlier_from, earlier_size;
	uint8_t stack[QUESTION_STACK] __attribute__((aligned(4096)));
	uint8_t earlier_stack[QUESTION_EARLIER];
} __attribute__((aligned(4096))); /* what the registry itself is aligned to */

/*
 * What has been reported of an acquisition that lasts: see told.c. One place for each hash of
 * lock and word, and so many that two that last at once hardly ever want the same one. Pages
 * that are never used are none.
 */
#define TOLDS_BITS 16
#define TOLDS	   (1 << TOLDS_BITS)

struct told {
	_Atomic uint64_t state; /* 0: nothing; else as in told.c */
	_Atomic uint64_t since; /* ns, CLOCK_MONOTONIC: it lasts at least since then */
	_Atomic uintptr_t lock;
	_Atomic uint32_t at; /* ms, CLOCK_MONOTONIC: somebody has begun to report */
	uint32_t spare;
};

_Static_assert(sizeof(struct told) == 32, "two are a cache line");

struct registry {
	uint64_t magic;
	uint32_t version;
	_Atomic uint32_t used;	 /* slots below have been somebody's */
	_Atomic uint32_t cursor; /* where to look for one that is free again; a hint */
	uint32_t life; /* which int of a life is its futex; constant since the first claim */
	_Atomic uint32_t has_limits; /* any of `limits` has been used */
	_Atomic uint32_t has_told; /* any of `tolds` has been used; set once */
	_Atomic uint64_t audit; /* where struct audit is, in all processes; 0: there is none */
	uint8_t spare[24];
	struct turn turns[TURNS];
	struct slot slots[SLOTS]; /* aligned to the size of one */
	struct limit limits[LIMITS];
	struct question questions[QUESTIONS];
	struct told tolds[TOLDS];
};

_Static_assert(offsetof(struct registry, slots) == 16640, "as in the picture above");

/*
 * The second mapping, made beside the registry where locks are audited (audit.c), and there
 * only. As the registry it is all zeros at first, and its pages come with their use.
 */

/* Locks that a thread holds, and is known to. */
#define HELD_MAX 16

/*
 * What the thread of a slot holds; written by that thread alone. A place is free when its lock
 * is 0. A signal handler comes between any two of the writes, uses a free place, and leaves
 * it as free: so `number` is cleared before a place is taken, and everything after it was
 * left.
 */
struct held {
	_Atomic uintptr_t lock[HELD_MAX];
	_Atomic uintptr_t pc[HELD_MAX];	     /* where it was taken; 0: not known */
	_Atomic uint64_t since[HELD_MAX];    /* ns, CLOCK_MONOTONIC_COARSE; 0: not timed */
	_Atomic uint16_t number[HELD_MAX];   /* in `order`; 0: not looked up yet */
	_Atomic uint32_t incarnation;	     /* of the slot; if another: what its last owner held */
	uint8_t spare[28];
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct held) == 448, "seven cache lines");

/* In what order locks are taken: see order.c. Locks beyond, and edges, are not checked. */
#define ORDER_LOCKS_BITS 12
#define ORDER_LOCKS	 (1 << ORDER_LOCKS_BITS)
#define ORDER_WORDS_BITS 16
#define ORDER_WORDS	 (1 << ORDER_WORDS_BITS)
#define ORDER_PLACES	 (ORDER_WORDS / 2)

struct order_lock {
	_Atomic uint64_t key;	   /* 0: free; else constant: see lockorder.c */
	_Atomic uintptr_t address; /* where the first process has it that told */
};

/* Where b was taken under a. Written before it is published, then constant. */
struct order_place {
	uintptr_t held_pc, taken_pc;
	uint64_t namespace; /* inode of the pid namespace that `pid` belongs to; 0: not known */
	uint32_t pid, spare;
};

/* Matrices of bits: of a, the row, and b. */
struct order {
	_Atomic uint64_t edges[ORDER_LOCKS][ORDER_LOCKS / 64];	 /* b was taken under a */
	_Atomic uint64_t settled[ORDER_LOCKS][ORDER_LOCKS / 64]; /* nothing is to be done */
	_Atomic uint64_t told[ORDER_LOCKS][ORDER_LOCKS / 64];	 /* of an inversion; a < b */
	struct order_lock locks[ORDER_LOCKS];
	_Atomic uint64_t words[ORDER_WORDS]; /* pair and record: see order.c */
	struct order_place places[ORDER_PLACES];
	_Atomic uint32_t places_used;
	_Atomic uint32_t said_full;
};

/* How often a lock taken at a place was held too long: see overdue.c. */
#define OVERDUE_PLACES 256

struct overdue_place {
	_Atomic uintptr_t pc; /* 0: free; 1: all that are not known */
	_Atomic uint32_t count;
	uint32_t spare;
};

/* How often a lock was acquired: see counts.c. Locks beyond are not counted. */
#define COUNTS_BITS 12
#define COUNTS	    (1 << COUNTS_BITS)

struct count {
	_Atomic uint64_t key; /* 0: free; else constant: see instance.h */
	_Atomic uint64_t acquisitions;
	_Atomic uint64_t contended; /* of them: when it was asked for it was somebody else's */
	uint64_t spare;
};

struct audit {
	_Atomic uint32_t said_many; /* that a thread holds more than HELD_MAX */
	_Atomic uint32_t processes; /* so many have been told apart by instance.c */
	uint32_t spare[14];
	struct count counts[COUNTS];
	struct overdue_place overdue[OVERDUE_PLACES];
	struct held held[SLOTS];
	struct order order;
};
