/* SPDX-License-Identifier: MIT */
/*
 * fondue/spinlock.h - a lock between processes, in eight bytes
 *
 *	FONDUE_SHARED fondue_spinlock_t lock;		zeroed memory is a free lock
 *	FONDUE_SHARED int balance;
 *
 *	fondue_spin_lock(&lock);
 *	balance += 10;
 *	fondue_spin_unlock(&lock);
 *
 * Under libfondue.so the lock works between all processes and threads of a fork family,
 * wherever they share its memory: in annotated globals or in any MAP_SHARED mapping made
 * before the fork. It spins for some microseconds and then sleeps; and it survives the
 * death of its owner, by kill -9 or by forgetting: the next one gets it, with EOWNERDEAD,
 * and knows that the data may be half written. Without the runtime it works between the
 * threads of the process, and nobody watches the owner. Nothing is linked.
 *
 * The fast path is inline: one compare-and-swap to lock, one plain store to unlock. Always, for
 * where it is inlined is what reports call the place where the lock was taken. The word says
 * who holds it; all else (how to wait, whom to wake, who is dead) is in the runtime,
 * preload/spinlock.c, where the memory ordering is argued.
 *
 * What to know before using it:
 *  - The lock shares its cache line with its neighbours; what it protects is a good one.
 *  - A child holds no lock: one that is held across fork() stays the parent's.
 *  - Not recursive (EDEADLK). Not to be taken by a signal handler that may interrupt a
 *    thread which holds it: that gives EDEADLK, too.
 *  - Errors are returned, positive, as pthread_* does; errno is left alone. Whoever
 *    ignores the result of fondue_spin_lock() treats EOWNERDEAD as success, which it is.
 *  - Misaligned (in a packed structure, say) it does not work.
 *  - Unlocking looks at the lock once more after the next owner may have it. Its memory may
 *    be unmapped or used for something else when all who have released it have returned.
 *
 * C99 to C23 and C++11 to C++20, gcc and clang.
 */
#ifndef FONDUE_SPINLOCK_H
#define FONDUE_SPINLOCK_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <fondue/shared.h>

struct timespec; /* strict C99 has none: then it is only passed on */

#ifdef __cplusplus
extern "C" {
#endif

/* Zero when free; the fields are the implementation's. */
typedef struct fondue_spinlock {
	uint32_t word; /* who holds it */
	uint32_t wait; /* is anybody asleep? */
} __attribute__((aligned(8))) fondue_spinlock_t;

#define FONDUE_SPINLOCK_INIT { 0, 0 }

/*
 * struct fondue_self - the calling thread, as the lock sees it: thread-local, the runtime's
 */
struct fondue_self {
	uintptr_t reserved; /* nothing at address 0, without a runtime: see FONDUE_MINE_ */
	/*
	 * The lock that the thread holds or is about to take, or FONDUE_DOING_*. A forked child
	 * is nobody, too: it gets an identity of its own with its first lock.
	 */
	uintptr_t doing;
	struct fondue_holder *holder;
	uint32_t word; /* what the fast path stores in a lock; the same each time */
} __attribute__((aligned(16)));

#define FONDUE_DOING_NOTHING ((uintptr_t)0) /* the fast path may take a lock */
#define FONDUE_DOING_OTHER   ((uintptr_t)1) /* it may not */
#define FONDUE_DOING_WARY    ((uintptr_t)2) /* nothing, but it would not get far */
#define FONDUE_DOING_NOBODY  ((uintptr_t)3) /* the thread has no identity yet */

/*
 * struct fondue_site - where in a program a lock is taken, for those who are to be told
 *
 * A return address or what can be looked up like one; the stack pointer and the frame pointer
 * there. 0: not known.
 */
struct fondue_site {
	uintptr_t pc, sp, fp;
};

/*
 * struct fondue_holder - what of a thread outlives it, in memory of the whole family
 *
 * Written by the thread while it lives; then by those who take over its locks.
 */
struct fondue_holder {
	uintptr_t lock;	      /* the lock that names its slot, is about to, or just did; or 0 */
	uint32_t more;	      /* so many others do */
	uint32_t incarnation; /* of the slot */
	struct fondue_site site; /* where `lock` was taken, or is being; valid if that is not 0 */
};

/* What a program is told of a lock that is held for too long: see fondue_spin_on_hold(). */
struct fondue_hold {
	unsigned int size; /* of this structure, in the runtime */
	const fondue_spinlock_t *lock;
	int pid, tid;		      /* of the owner, as it is numbered itself */
	uint64_t held_ms;	      /* at least */
	unsigned int waiting;	      /* threads that wait for it, the calling one included */
};
typedef void fondue_hold_callback(const struct fondue_hold *hold, void *arg);

/* The part of the lock that is not inline; struct fondue_runtime points to it. */
struct fondue_spin_calls {
	/*
	 * The caller is doing something already, or the lock is taken, or somebody sleeps.
	 * @deadline: CLOCK_MONOTONIC; NULL: wait for ever
	 */
	int (*lock)(fondue_spinlock_t *lock, const struct timespec *deadline);
	int (*trylock)(fondue_spinlock_t *lock);
	/* It is not what the caller is doing. */
	int (*unlock)(fondue_spinlock_t *lock);
	/* It has been released, and somebody sleeps. */
	void (*released)(fondue_spinlock_t *lock);
	int (*set_hold_limit)(fondue_spinlock_t *lock, unsigned int ms);
	int (*on_hold)(fondue_hold_callback *callback, void *arg);
	/* It is made anew: what is known of it does not hold any more. */
	void (*init)(fondue_spinlock_t *lock);
	int (*may_nest)(fondue_spinlock_t *a, fondue_spinlock_t *b);
	/* As lock without a deadline, by one for whom EDEADLK is as good. */
	int (*lock_scoped)(fondue_spinlock_t *lock);
};

#define FONDUE_LIKELY_(x) __builtin_expect(!!(x), 1)
#define FONDUE_INLINE_	  static __inline__ __attribute__((always_inline))
#define FONDUE_OUTLINE_	  static __attribute__((noinline, cold, unused))

#define FONDUE_SET_(field, value) __atomic_store_n(&(field), value, __ATOMIC_RELAXED)
/* The compiler keeps what is before it before: a thread may be killed at any instruction. */
#define FONDUE_IN_ORDER_() __atomic_signal_fence(__ATOMIC_SEQ_CST)

FONDUE_INLINE_ int fondue_spin_try_word_(fondue_spinlock_t *lock, uint32_t word)
{
	uint32_t free_word = 0;

	/* acquire: what the last owner wrote; pairs with the release in fondue_spin_unlock() */
	return __atomic_compare_exchange_n(&lock->word, &free_word, word, 0, __ATOMIC_ACQUIRE,
		__ATOMIC_RELAXED);
}

/*
 * Both halves at once: free, and nobody asleep. While somebody sleeps the kernel must know
 * whom to wake should the owner die, and that is the runtime's business. Whoever goes to
 * sleep later sees this owner, and watches him. It is one transfer of the cache line, too,
 * where a look at `wait` before would be two.
 */
FONDUE_INLINE_ int fondue_spin_try_quiet_(fondue_spinlock_t *lock, uint32_t word)
{
#if defined(__LP64__)
	typedef uint64_t __attribute__((may_alias)) both_halves;
	uint64_t free_and_quiet = 0, mine = word;

	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		mine <<= 32;
	/* acquire: as above */
	return __atomic_compare_exchange_n((both_halves *)(void *)lock, &free_and_quiet, mine, 0,
		__ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
#else /* not every processor can: an owner to whom SLEEP comes in between is found late */
	return __atomic_load_n(&lock->wait, __ATOMIC_RELAXED) == 0 &&
	       fondue_spin_try_word_(lock, word);
#endif
}

#if defined(FONDUE_SELF_AT_) /* by the runtime itself: it has set the other one, too */
#elif defined(__ELF__) && defined(__GNUC__) && !defined(FONDUE_DISABLE)
/* A note of type 3, empty: this object has locks, so there may be reports to be made. */
__extension__ __asm__(".pushsection .note.fondue,\"a\",%note\n\t.balign 4\n"
	"\t.long 7, 0, 3\n\t.asciz \"fondue\"\n\t.balign 4\n.popsection\n");
#define FONDUE_SELF_AT_	   (fondue_binding_.self)
#define FONDUE_SPIN_CALLS_ (fondue_binding_.runtime->spin)
#else /* there is no runtime to be met */
#define FONDUE_NO_SELF_
#define FONDUE_SELF_AT_	   0UL
#define FONDUE_SPIN_CALLS_ ((const struct fondue_spin_calls *)0)
#endif

FONDUE_INLINE_ char *fondue_thread_(void)
{
	char *thread;

#if defined(__x86_64__)
	__asm__("movq %%fs:0, %0" : "=r"(thread));
#elif defined(__i386__)
	__asm__("movl %%gs:0, %0" : "=r"(thread));
#elif defined(__aarch64__)
	__asm__("mrs %0, tpidr_el0" : "=r"(thread));
#else
	thread = (char *)__builtin_thread_pointer();
#endif
	return thread;
}

/*
 * The runtime's thread-local variable, by its distance from the thread pointer. Where the
 * compiler has a way to say so, the processor adds the two: one cycle of the 23 of a pair.
 */
#if defined(__x86_64__) && defined(__LP64__) && defined(__clang__)
#define FONDUE_THREAD_LOCAL_ __attribute__((address_space(257)))
#elif defined(__x86_64__) && defined(__LP64__) && defined(__SEG_FS) &&                      \
	!defined(__cplusplus) && !defined(__STRICT_ANSI__) &&                            \
	!defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) &&               \
	!defined(__SANITIZE_HWADDRESS__) /* whose checks take it for a plain address */
#define FONDUE_THREAD_LOCAL_ __seg_fs
#endif
#ifdef FONDUE_THREAD_LOCAL_
#define FONDUE_SELF_() FONDUE_SELF_AT_
#else
#define FONDUE_THREAD_LOCAL_
#define FONDUE_SELF_() ((uintptr_t)fondue_thread_() + FONDUE_SELF_AT_)
#endif
/* A field of it: by its address, which is never 0, for a sanitizer looks at that. */
#define FONDUE_MINE_(self, type, field)                                                  \
	(*(type FONDUE_THREAD_LOCAL_ *)((self) + offsetof(struct fondue_self, field)))

/*
 * Without a runtime the thread pointer itself is taken for a struct fondue_self. On x86-64
 * this saves a test: `doing` is a pointer of libc's then, neither 0 nor a lock.
 */
#if defined(FONDUE_NO_SELF_)
#define FONDUE_HAS_SELF_ 0
#elif defined(__x86_64__) && defined(__LP64__)
#define FONDUE_HAS_SELF_ 1
#else
#define FONDUE_HAS_SELF_ (FONDUE_SELF_AT_ != 0)
#endif

/*
 * Without the runtime: the lock of a process, for its threads. The word is the thread, by
 * where its thread control block lies; `wait` is 1 when somebody may be asleep on it.
 */
#if defined(__LP64__)
#include <sys/syscall.h>
#define FONDUE_FUTEX_ SYS_futex
#else
#define FONDUE_FUTEX_ 0 /* two kinds of struct timespec: do without */
#endif

extern long fondue_libc_syscall_(long, ...) __asm__("syscall");
extern int fondue_libc_yield_(void) __asm__("sched_yield");

FONDUE_INLINE_ uint32_t fondue_plain_self_(void)
{
	/* aligned to 64; the top bit makes it differ from 0 */
	return (uint32_t)((uintptr_t)fondue_thread_() >> 6) | 0x80000000u;
}

/* Until it changes or @deadline (CLOCK_MONOTONIC, NULL: never) is over. 0, or an errno value. */
FONDUE_OUTLINE_ int fondue_plain_sleep_(uint32_t *wait, const struct timespec *deadline)
{
	int saved = errno, result = 0;

	if (FONDUE_FUTEX_ != 0 && deadline && *(const long *)(const void *)deadline < 0)
		return ETIMEDOUT; /* the kernel takes it for no time */
	/* FUTEX_WAIT_BITSET: its time-out is absolute */
	if (FONDUE_FUTEX_ &&
		fondue_libc_syscall_(FONDUE_FUTEX_, wait, 9, 1, deadline, NULL, -1) < 0)
		result = errno;
	else if (!FONDUE_FUTEX_)
		(void)fondue_libc_yield_();
	errno = saved;
	return result == ETIMEDOUT || result == EINVAL ? result : 0;
}

FONDUE_OUTLINE_ int fondue_plain_lock_(fondue_spinlock_t *lock, const struct timespec *deadline)
{
	uint32_t self = fondue_plain_self_();
	int result = 0, i;

	if (fondue_spin_try_word_(lock, self))
		return 0;
	if (__atomic_load_n(&lock->word, __ATOMIC_RELAXED) == self)
		return EDEADLK;
	/* about a microsecond: shorter than falling asleep and waking up */
	for (i = 0; i < 50; i++) {
		if (fondue_spin_try_word_(lock, self))
			return 0;
#if defined(__x86_64__) || defined(__i386__)
		__builtin_ia32_pause();
#endif
	}
	for (;;) {
		/*
		 * seq_cst, as the exchange in fondue_plain_unlock_(): either we see the
		 * lock released, or the owner sees that we are about to sleep.
		 */
		__atomic_store_n(&lock->wait, 1, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&lock->word, __ATOMIC_SEQ_CST) == 0 &&
			fondue_spin_try_word_(lock, self))
			return 0;
		if (result)
			return result;
		result = fondue_plain_sleep_(&lock->wait, deadline);
	}
}

FONDUE_OUTLINE_ int fondue_plain_trylock_(fondue_spinlock_t *lock)
{
	uint32_t self = fondue_plain_self_();

	if (fondue_spin_try_word_(lock, self))
		return 0;
	return __atomic_load_n(&lock->word, __ATOMIC_RELAXED) == self ? EDEADLK : EBUSY;
}

FONDUE_OUTLINE_ int fondue_plain_unlock_(fondue_spinlock_t *lock)
{
	int saved = errno;

	if (__atomic_load_n(&lock->word, __ATOMIC_RELAXED) != fondue_plain_self_())
		return EPERM;
	(void)__atomic_exchange_n(&lock->word, 0, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&lock->wait, __ATOMIC_SEQ_CST) &&
		__atomic_exchange_n(&lock->wait, 0, __ATOMIC_SEQ_CST) && FONDUE_FUTEX_ != 0)
		(void)fondue_libc_syscall_(FONDUE_FUTEX_, &lock->wait, 1, 0x7fffffff);
	errno = saved;
	return 0;
}

/*
 * Four instructions, and not measurable: they run beside the compare-and-swap. Where the
 * compiler cannot be told so, a site is not known.
 */
FONDUE_INLINE_ void fondue_note_site_(struct fondue_holder *holder)
{
#if defined(__x86_64__) && defined(__LP64__)
	uintptr_t pc;

	__asm__ volatile("leaq 0(%%rip), %0\n\tmovq %0, 16(%1)\n\t"
			 "movq %%rsp, 24(%1)\n\tmovq %%rbp, 32(%1)"
			 : "=&r"(pc)
			 : "r"(holder)
			 : "memory");
#elif defined(__aarch64__) && defined(__LP64__)
	uintptr_t pc, sp;

	__asm__ volatile("adr %0, 1f\n1:\tmov %1, sp\n\t"
			 "stp %0, %1, [%2, #16]\n\tstr x29, [%2, #32]"
			 : "=&r"(pc), "=&r"(sp)
			 : "r"(holder)
			 : "memory");
#else
	(void)holder;
#endif
}

/*
 * The fast path. The holder is written before the word, so that no slot is ever named
 * without a trace; and `doing` before the holder: a signal handler that sees it leaves the
 * holder alone. Return: 0 acquired; 1 to ask the runtime.
 */
FONDUE_INLINE_ int fondue_spin_take_(fondue_spinlock_t *lock)
{
	uintptr_t self = FONDUE_SELF_();
	struct fondue_holder *holder;
	uint32_t word;

	if (!FONDUE_HAS_SELF_ ||
		!FONDUE_LIKELY_(FONDUE_MINE_(self, uintptr_t, doing) == FONDUE_DOING_NOTHING))
		return 1;
	word = FONDUE_MINE_(self, uint32_t, word);
	holder = FONDUE_MINE_(self, struct fondue_holder *, holder);
	FONDUE_IN_ORDER_();
	FONDUE_MINE_(self, uintptr_t, doing) = (uintptr_t)lock;
	FONDUE_IN_ORDER_();
	fondue_note_site_(holder);
	FONDUE_SET_(holder->lock, (uintptr_t)lock);
	FONDUE_IN_ORDER_();
	if (FONDUE_LIKELY_(fondue_spin_try_quiet_(lock, word)))
		return 0;
	FONDUE_SET_(holder->lock, 0);
	FONDUE_IN_ORDER_();
	/* where it is, asked once more: kept, it would cost the path above an instruction */
	FONDUE_MINE_(FONDUE_SELF_(), uintptr_t, doing) = FONDUE_DOING_NOTHING;
	return 1;
}

/*
 * What the runtime does, a program's ThreadSanitizer does not see: tell it who comes after
 * whom.
 */
#if defined(__SANITIZE_THREAD__)
#define FONDUE_TSAN_ 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FONDUE_TSAN_ 1
#endif
#endif
#ifdef FONDUE_TSAN_
extern void fondue_tsan_acquire_(void *) __asm__("__tsan_acquire");
extern void fondue_tsan_release_(void *) __asm__("__tsan_release");
#define FONDUE_ACQUIRED_(lock)	fondue_tsan_acquire_(lock)
#define FONDUE_RELEASING_(lock) fondue_tsan_release_(lock)
#else
#define FONDUE_ACQUIRED_(lock)	(void)(lock)
#define FONDUE_RELEASING_(lock) (void)(lock)
#endif

/* Of a call that has become a jump the runtime would see the caller's caller: no place at all. */
#define FONDUE_NO_JUMP_(result) __asm__ volatile("" : "+r"(result))

FONDUE_INLINE_ int fondue_spin_lock_until_(
	fondue_spinlock_t *lock, const struct timespec *deadline)
{
	int result;

	if (FONDUE_LIKELY_(fondue_spin_take_(lock) == 0))
		return 0;
	if (!FONDUE_SELF_AT_)
		return fondue_plain_lock_(lock, deadline);
	result = FONDUE_SPIN_CALLS_->lock(lock, deadline);
	FONDUE_NO_JUMP_(result);
	FONDUE_ACQUIRED_(lock);
	return result;
}

/**
 * fondue_spin_init() - make @lock free
 *
 * For memory that is not zero. Must not be called while anybody uses the lock. Under
 * FONDUE_LOCKORDER=1 it also forgets what was known of a lock that was there before, so
 * call it for each lock in memory that is used again, zeroed or not.
 * Safety: thread-safe; async-signal-safe. Return: 0. Since: 0.1
 */
static __inline__ int fondue_spin_init(fondue_spinlock_t *lock)
{
	lock->word = lock->wait = 0;
	if (FONDUE_SELF_AT_)
		FONDUE_SPIN_CALLS_->init(lock);
	return 0;
}

/**
 * fondue_spin_lock() - acquire a lock between processes
 * @lock: in memory that all its users share
 *
 * Spins for some microseconds, then sleeps, until the caller owns @lock.
 *
 * Ordering: acquire; pairs with fondue_spin_unlock().
 * Safety: thread-safe; not async-signal-safe; no cancellation point.
 * Return: 0; EOWNERDEAD when the last owner has died holding it: the caller owns it now,
 * and what it protects may be half written; EDEADLK when the caller owns it already.
 * Since: 0.1
 */
FONDUE_INLINE_ int fondue_spin_lock(fondue_spinlock_t *lock)
{
	return fondue_spin_lock_until_(lock, NULL);
}

/**
 * fondue_spin_timedlock() - acquire it, or give up
 * @deadline: absolute, CLOCK_MONOTONIC; looked at only if the caller has to sleep
 *
 * Waits that are shorter than the lock's hold limit add up: it is reported by whoever waits when
 * it has been held for so long, and returns some milliseconds after its deadline then.
 *
 * Return: as fondue_spin_lock(), or ETIMEDOUT; EINVAL for a time that is none. Since: 0.1
 */
FONDUE_INLINE_ int fondue_spin_timedlock(
	fondue_spinlock_t *lock, const struct timespec *deadline)
{
	return fondue_spin_lock_until_(lock, deadline);
}

/**
 * fondue_spin_trylock() - acquire it if nobody has it
 *
 * Ordering: acquire, if it returns 0 or EOWNERDEAD.
 * Safety: thread-safe; not async-signal-safe.
 * Return: 0; EOWNERDEAD as fondue_spin_lock(); EBUSY; EDEADLK. Since: 0.1
 */
FONDUE_INLINE_ int fondue_spin_trylock(fondue_spinlock_t *lock)
{
	int result;

	if (FONDUE_LIKELY_(fondue_spin_take_(lock) == 0))
		return 0;
	if (!FONDUE_SELF_AT_)
		return fondue_plain_trylock_(lock);
	result = FONDUE_SPIN_CALLS_->trylock(lock);
	FONDUE_NO_JUMP_(result);
	FONDUE_ACQUIRED_(lock);
	return result;
}

/**
 * fondue_spin_unlock() - release it
 *
 * Ordering: release; pairs with fondue_spin_lock().
 * Safety: thread-safe; not async-signal-safe; no cancellation point.
 * Return: 0; EPERM when the caller does not own it: it is free, or another thread's, or
 * its parent's, who held it at the fork. Since: 0.1
 */
FONDUE_INLINE_ int fondue_spin_unlock(fondue_spinlock_t *lock)
{
	uintptr_t self = FONDUE_SELF_();

	FONDUE_RELEASING_(lock);
	/* volatile: to load and then compare is, on some processors, a cycle less than at once */
	if (!FONDUE_HAS_SELF_ ||
		!FONDUE_LIKELY_(FONDUE_MINE_(self, volatile uintptr_t, doing) == (uintptr_t)lock)) {
		int result = FONDUE_SELF_AT_ ? FONDUE_SPIN_CALLS_->unlock(lock) :
					       fondue_plain_unlock_(lock);

		FONDUE_NO_JUMP_(result);
		return result;
	}
	/* release: the critical section before the word; pairs with fondue_spin_try_word_() */
	__atomic_store_n(&lock->word, 0, __ATOMIC_RELEASE);
	/* only the compiler is kept from swapping these: the waiter does the rest, see the runtime */
	FONDUE_IN_ORDER_();
	if (!FONDUE_LIKELY_(__atomic_load_n(&lock->wait, __ATOMIC_RELAXED) == 0))
		FONDUE_SPIN_CALLS_->released(lock);
	FONDUE_IN_ORDER_();
	FONDUE_SET_(FONDUE_MINE_(self, struct fondue_holder *, holder)->lock, 0);
	FONDUE_IN_ORDER_();
	FONDUE_MINE_(self, uintptr_t, doing) -= (uintptr_t)lock; /* to ..._NOTHING: shorter */
	return 0;
}

/**
 * fondue_spin_set_hold_limit() - how long @lock may be held before it is reported
 * @ms: milliseconds; 0: it is never reported; FONDUE_HOLD_DEFAULT: as FONDUE_HOLD_MS says
 *
 * For the whole family, and for whoever begins to wait for it from now on. Kept by the lock's
 * address, beside the lock, for up to 256 locks; so to be reset when its memory is used for
 * something else, and of private memory the same in all processes.
 *
 * Safety: thread- and async-signal-safe.
 * Return: 0; ENOSYS without a runtime; ENOMEM when 256 locks have a limit. Since: 0.1
 */
#define FONDUE_HOLD_DEFAULT 0xffffffffu
static __inline__ int fondue_spin_set_hold_limit(fondue_spinlock_t *lock, unsigned int ms)
{
	return FONDUE_SELF_AT_ ? FONDUE_SPIN_CALLS_->set_hold_limit(lock, ms) : ENOSYS;
}

/**
 * fondue_spin_on_hold() - be told when this process has reported a lock that is held too long
 * @callback: called in a thread that waits for the lock, after the report; NULL: none any more
 *
 * The thread goes on waiting when it returns; meanwhile it does not get the lock. It must
 * return: no longjmp(), no exception. It may take other locks, and whatever else a function
 * may that waits. Of several calls the last counts, in this process and in the children
 * that it forks from then on.
 *
 * Safety: thread-safe.
 * Return: 0; ENOSYS without a runtime. Since: 0.1
 */
static __inline__ int fondue_spin_on_hold(fondue_hold_callback *callback, void *arg)
{
	return FONDUE_SELF_AT_ ? FONDUE_SPIN_CALLS_->on_hold(callback, arg) : ENOSYS;
}

/**
 * fondue_spin_may_nest() - these two may be taken in either order
 *
 * For FONDUE_LOCKORDER=1, which says nothing of the two then: because something else, a third
 * lock that is always held, keeps both orders from meeting. To be called before they are
 * used, once for the family: by who makes the locks, behind fondue_spin_init(), which
 * forgets it. Otherwise it has no effect.
 *
 * Safety: thread-safe; async-signal-safe.
 * Return: 0; ENOSPC when the runtime has no room to remember it. Since: 0.1
 */
static __inline__ int fondue_spin_may_nest(fondue_spinlock_t *a, fondue_spinlock_t *b)
{
	return FONDUE_SELF_AT_ ? FONDUE_SPIN_CALLS_->may_nest(a, b) : 0;
}

FONDUE_INLINE_ void fondue_scoped_unlock_(fondue_spinlock_t **lock)
{
	if (*lock)
		(void)fondue_spin_unlock(*lock);
}

FONDUE_INLINE_ fondue_spinlock_t *fondue_scoped_lock_(fondue_spinlock_t *lock)
{
	int result;

	if (FONDUE_LIKELY_(fondue_spin_take_(lock) == 0))
		return lock;
	result = FONDUE_SELF_AT_ ? FONDUE_SPIN_CALLS_->lock_scoped(lock) :
				   fondue_plain_lock_(lock, NULL);
	FONDUE_NO_JUMP_(result);
	FONDUE_ACQUIRED_(lock);
	return result == EDEADLK ? NULL : lock;
}

/*
 * FONDUE_SCOPED_LOCK(&lock); - hold it until the end of the block, however that is left
 *
 * Acquires like fondue_spin_lock(); with EDEADLK the block runs under the lock that its
 * caller holds already, and does not release it.
 */
#define FONDUE_SCOPED_LOCK(lock)       FONDUE_SCOPED_LOCK_2_(lock, __COUNTER__)
#define FONDUE_SCOPED_LOCK_2_(lock, n) FONDUE_SCOPED_LOCK_3_(lock, n)
#define FONDUE_SCOPED_LOCK_3_(lock, n)                                                   \
	__attribute__((cleanup(fondue_scoped_unlock_), unused))                          \
	fondue_spinlock_t *fondue_scoped_##n##_ = fondue_scoped_lock_(lock)

#ifdef __cplusplus
}

#ifdef __cpp_exceptions
#include <system_error>
#else
#include <cstdlib>
#endif

namespace fondue
{
/*
 * The lock for std::lock_guard, std::unique_lock and std::scoped_lock. Constant-initialized:
 * a global one is there before any constructor, and annotated it is shared.
 */
class spinlock
{
      public:
	constexpr spinlock() noexcept : lock_{ 0, 0 }
	{
	}
	spinlock(const spinlock &) = delete;
	spinlock &operator=(const spinlock &) = delete;

	/* Return: 0, or EOWNERDEAD. Held already: as std::mutex, an exception, or the end. */
	__attribute__((always_inline)) int lock()
	{
		int result = fondue_spin_lock(&lock_);

		if (!FONDUE_LIKELY_(result != EDEADLK))
			held_already();
		return result;
	}
	__attribute__((always_inline)) bool try_lock() noexcept
	{
		int result = fondue_spin_trylock(&lock_);

		return result == 0 || result == EOWNERDEAD;
	}
	void unlock() noexcept
	{
		(void)fondue_spin_unlock(&lock_);
	}
	fondue_spinlock_t *native_handle() noexcept
	{
		return &lock_;
	}

      private:
	/* apart, for what is large is not inlined into std::lock_guard's constructor, nor that */
	__attribute__((noinline, cold, noreturn)) static void held_already()
	{
#ifdef __cpp_exceptions
		throw std::system_error(EDEADLK, std::generic_category(), "fondue::spinlock");
#else
		std::abort();
#endif
	}

	fondue_spinlock_t lock_;
};
} /* namespace fondue */
#endif

#endif
