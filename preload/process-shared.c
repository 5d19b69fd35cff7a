/* SPDX-License-Identifier: MIT */
/*
 * process-shared.c - the difference between private and process-shared, learned from libc
 *
 * A lock of libc works between the threads of one process, unless it is initialised for
 * more: who waits for it sleeps on a futex of the process, which another process cannot
 * wake. Its static initialiser knows nothing else. What tells the two apart is somewhere in
 * the object, and where is libc's own business. But it can be learned: an object is
 * initialised as process-shared, and compared with the static initialiser. All that differs
 * are some bits of one word, which are set in one of them: so they may be set in any other
 * that is not in use. If that were not so we would know of no way, and say so.
 *
 * Whoever uses an object sets the bits before, in its own process: at first use it is
 * process-shared, whoever uses it first, and however many do at the same time, since to set
 * a bit twice is to set it once. So nobody ever sleeps on the private futex, nor has to be
 * woken there; and who only wakes, or unlocks, finds the bits set by those who sleep.
 *
 * An object that is in use and has not been made so has come there by a call that we have
 * not seen. Somebody may sleep: it is left as it is.
 */
#include "process-shared.h"
#include "config.h"
#include "marks.h"
#include "remark.h"

struct sync_change sync_changes[SYNC_KINDS];

/* Larger than any of them, and aligned as strictly. */
struct scratch {
	union {
		uint64_t words[16];
		pthread_mutex_t mutex;
		pthread_cond_t cond;
		pthread_rwlock_t rwlock;
	};
};

/* What each is when it is new and private. */
static const struct scratch fresh[SYNC_KINDS] = {
	[SYNC_MUTEX].mutex = PTHREAD_MUTEX_INITIALIZER,
	[SYNC_COND].cond = PTHREAD_COND_INITIALIZER,
	[SYNC_RWLOCK].rwlock = PTHREAD_RWLOCK_INITIALIZER,
};

/* Or this, of the only one whose static initialisers differ in another field. */
static const struct scratch fresh_for_writers = {
#ifdef PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP
	.rwlock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP,
#else
	.rwlock = PTHREAD_RWLOCK_INITIALIZER,
#endif
};

static const size_t sizes[SYNC_KINDS] = { sizeof(pthread_mutex_t), sizeof(pthread_cond_t),
	sizeof(pthread_rwlock_t) };
static const char *const names[SYNC_KINDS] = { "pthread_mutex_t", "pthread_cond_t",
	"pthread_rwlock_t" };

_Static_assert(sizeof(pthread_mutex_t) % 8 == 0 && sizeof(pthread_cond_t) % 8 == 0 &&
		       sizeof(pthread_rwlock_t) % 8 == 0,
	"they are made of words");
_Static_assert(sizeof(pthread_mutex_t) <= sizeof(struct scratch) &&
		       sizeof(pthread_cond_t) <= sizeof(struct scratch) &&
		       sizeof(pthread_rwlock_t) <= sizeof(struct scratch),
	"there is room for them");

struct sync_calls sync_calls;

/*
 * Learning. Each makes one, in which there is nothing that had to be taken back. Return:
 * could it?
 */

static bool make_mutex(bool robust, struct scratch *object)
{
	pthread_mutexattr_t attributes;

	return pthread_mutexattr_init(&attributes) == 0 &&
	       pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0 &&
	       (!robust ||
		       pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0) &&
	       pthread_mutex_init(&object->mutex, &attributes) == 0;
}

static bool make_cond(struct scratch *object)
{
	pthread_condattr_t attributes;

	return sync_calls.condattr_init(&attributes) == 0 &&
	       sync_calls.condattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0 &&
	       sync_calls.cond_init(&object->cond, &attributes) == 0;
}

static bool make_rwlock(struct scratch *object)
{
	pthread_rwlockattr_t attributes;

	return sync_calls.rwlockattr_init(&attributes) == 0 &&
	       sync_calls.rwlockattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0 &&
	       sync_calls.rwlock_init(&object->rwlock, &attributes) == 0;
}

/* Are some bits of one word, which are set in @b, all that differs? */
static bool compare(
	const struct scratch *a, const struct scratch *b, size_t *ret_word, uint64_t *ret_bits)
{
	size_t differing = 0;

	for (size_t i = 0; i < FONDUE_COUNT(a->words); i++) {
		if (a->words[i] == b->words[i])
			continue;
		differing++;
		*ret_word = i;
		*ret_bits = a->words[i] ^ b->words[i];
	}
	return differing == 1 && (a->words[*ret_word] & *ret_bits) == 0;
}

struct learned {
	size_t word;
	uint64_t bits, robust;
};

static bool learn_mutex(struct learned *ret)
{
	struct scratch shared = fresh[SYNC_MUTEX], robust = fresh[SYNC_MUTEX];
	uint64_t all;
	size_t word;

	if (!make_mutex(false, &shared) || !make_mutex(true, &robust) ||
		!compare(&fresh[SYNC_MUTEX], &shared, &ret->word, &ret->bits) ||
		!compare(&fresh[SYNC_MUTEX], &robust, &word, &all) || word != ret->word)
		return false;
	ret->robust = all & ~ret->bits;
	return true;
}

static bool learn_kind(enum sync kind, struct learned *ret)
{
	struct scratch shared = fresh[kind];

	switch (kind) {
	case SYNC_MUTEX:
		return learn_mutex(ret);
	case SYNC_COND:
		return make_cond(&shared) &&
		       compare(&fresh[kind], &shared, &ret->word, &ret->bits);
	default:
		return make_rwlock(&shared) &&
		       compare(&fresh[kind], &shared, &ret->word, &ret->bits);
	}
}

/* Several threads may come here: they find the same. */
static bool learn(enum sync kind)
{
	struct sync_change *change = &sync_changes[kind];
	struct learned learned = { .robust = 0 };

	if (atomic_load_explicit(&change->bits, memory_order_acquire))
		return true;
	if (!learn_kind(kind, &learned))
		return false;
	change->word = learned.word;
	change->robust = learned.robust;
	/*
	 * release: the rest before it; pairs with the acquire above and in
	 * process_shared_is()
	 */
	atomic_store_explicit(&change->bits, learned.bits, memory_order_release);
	return true;
}

/* Telling */

struct refusal_of_one {
	uintptr_t object;
	const char *what, *cause, *cure;
};

static void say(struct remark *remark, const void *facts)
{
	const struct refusal_of_one *refusal = facts;

	remark_add_variable(remark, refusal->object);
	log_add(&remark->text, ": this %s is not process-shared: %s; %s", refusal->what,
		refusal->cause, refusal->cure);
}

static const struct remark_form form = { .say = say };

void process_shared_cannot(
	const void *object, const char *what, const char *cause, const char *cure)
{
	struct refusal_of_one refusal = { (uintptr_t)object, what, cause, cure };

	/* to who runs a program with more rights than his own, its addresses are a secret */
	if (!config.secure && marks_add(MARKS_TOLD, object))
		remark_make(&form, &refusal);
}

/* Changing */

/* Of @bits those halves of the word in which one is set: fields are of 32 bits, or of 64. */
static uint64_t halves(uint64_t bits)
{
	return (bits & UINT32_MAX ? UINT32_MAX : 0) |
	       (bits >> 32 ? (uint64_t)UINT32_MAX << 32 : 0);
}

/* But for the field that tells private from shared, and the type of a mutex. */
static bool is_as(const struct scratch *new, enum sync kind, void *object)
{
	const struct sync_change *change = &sync_changes[kind];
	uint64_t field = halves(atomic_load_explicit(&change->bits, memory_order_relaxed));

	for (size_t i = 0; i < sizes[kind] / sizeof(uint64_t); i++) {
		uint64_t now = atomic_load_explicit(
			(_Atomic uint64_t *)object + i, memory_order_relaxed);

		if ((now ^ new->words[i]) & ~(i == change->word ? field : 0))
			return false;
	}
	return true;
}

static bool is_unused(enum sync kind, void *object)
{
	return is_as(&fresh[kind], kind, object) ||
	       (kind == SYNC_RWLOCK && is_as(&fresh_for_writers, kind, object));
}

static bool can_change(enum sync kind, void *object)
{
	if (!learn(kind))
		process_shared_cannot(object, names[kind],
			"this libc tells in a way that is not known",
			"initialise it with PTHREAD_PROCESS_SHARED");
	else if (!is_aligned((uintptr_t)object, sizeof(uint64_t)))
		process_shared_cannot(object, names[kind], "it is not aligned as its type is",
			"align it, or initialise it with PTHREAD_PROCESS_SHARED");
	else
		return true;
	return false;
}

static void set_bits(enum sync kind, void *object, bool robust)
{
	const struct sync_change *change = &sync_changes[kind];
	uint64_t bits = atomic_load_explicit(&change->bits, memory_order_relaxed);

	/* relaxed: this word alone is what libc goes by, too */
	(void)atomic_fetch_or_explicit(sync_word(change, object),
		bits | (robust ? change->robust : 0), memory_order_relaxed);
}

void process_shared_make(enum sync kind, void *object)
{
	if (!can_change(kind, object) || process_shared_is(kind, object))
		return;
	if (!is_unused(kind, object)) {
		/* by somebody who has made it so, and locked it, since we looked? */
		if (!process_shared_is(kind, object))
			process_shared_cannot(object, names[kind],
				"it has been used by a call that was not seen",
				"initialise it with PTHREAD_PROCESS_SHARED");
		return;
	}
	if (config.robust && kind == SYNC_MUTEX)
		marks_remove(MARKS_ASKED, object); /* that was another, in the same place */
	set_bits(kind, object, config.robust);
}

void process_shared_fresh(enum sync kind, void *object, bool robust)
{
	if (can_change(kind, object))
		set_bits(kind, object, robust);
}
