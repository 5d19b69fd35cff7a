/* SPDX-License-Identifier: MIT */
/*
 * Description: a signal handler that uses locks may come between any two instructions
 *
 * The processor's trap flag raises SIGTRAP after each instruction of a lock or an unlock;
 * at one of them, each in its turn, the handler takes and releases a lock itself: another
 * one, or the same. Afterwards everything must be as if it had not come: the lock is held
 * and named, or free and forgotten, and the kernel is owed nothing. With somebody asleep, as
 * far as `wait` says, the way leads through the runtime.
 */
#include "locking.h"

#if defined(__x86_64__)

#include <ucontext.h>

#define TRAP_FLAG 0x100

FONDUE_SHARED static struct {
	fondue_spinlock_t lock, other, first;
} locks;

static volatile long step, at;	      /* of the instructions; where the handler acts */
static fondue_spinlock_t *volatile wanted; /* by the handler */
static volatile int got;

static void on_trap(int signal_number)
{
	(void)signal_number;
	if (step++ != at)
		return;
	got = fondue_spin_lock(wanted);
	if (got == 0 || got == EOWNERDEAD)
		fondue_spin_unlock(wanted);
}

#define STEPPED(call)                                                                    \
	__extension__({                                                                  \
		int result_;                                                             \
		__asm__ volatile("pushfq; orq %0, (%%rsp); popfq" ::"i"(TRAP_FLAG)       \
				 : "memory", "cc");                                      \
		result_ = call;                                                          \
		__asm__ volatile("pushfq; andq %0, (%%rsp); popfq" ::"i"(~TRAP_FLAG)     \
				 : "memory", "cc");                                      \
		result_;                                                                 \
	})

static __attribute__((noinline)) int lock_it(void)
{
	return fondue_spin_lock(&locks.lock);
}

static __attribute__((noinline)) int unlock_it(void)
{
	return fondue_spin_unlock(&locks.lock);
}

static struct fondue_self *self(void)
{
	return (struct fondue_self *)(fondue_thread_() + fondue_binding_.self);
}

/* What the kernel would look at if this thread died: list_op_pending. */
static void *owed(void)
{
	struct {
		void *first;
		long offset;
		void *pending;
	} *head = NULL;
	size_t size;

	syscall(SYS_get_robust_list, 0, &head, &size);
	return head ? head->pending : NULL;
}

static bool is_named(void)
{
	const struct fondue_holder *holder = self()->holder;

	return holder->lock == (uintptr_t)&locks.lock || holder->more;
}

static bool is_forgotten(void)
{
	const struct fondue_holder *holder = self()->holder;

	return !holder->lock && !holder->more && !owed() &&
	       (self()->doing == FONDUE_DOING_NOTHING || self()->doing == FONDUE_DOING_WARY);
}

static bool fail(const char *what)
{
	tap_note("handler after %ld instructions, its lock said %d: %s", at, got, what);
	return false;
}

/* Return: is all as it should be? *ret_over: the handler has not come any more. */
static bool passes(uint32_t wait, uint32_t other_wait, bool *ret_over)
{
	int result;

	memset(&locks, 0, sizeof(locks));
	if (fondue_spin_lock(&locks.first) || fondue_spin_unlock(&locks.first))
		return fail("no first lock");
	locks.lock.wait = wait;
	locks.other.wait = other_wait;
	step = 0;
	got = -1;
	result = STEPPED(lock_it());
	if (result != 0)
		return fail("lock did not get it");
	if (!is_named())
		return fail("held, and not named");
	result = step > at ? unlock_it() : STEPPED(unlock_it());
	*ret_over = step <= at;
	if (result != 0)
		return fail("unlock failed");
	if (locks.lock.word || locks.other.word)
		return fail("it is not free");
	return is_forgotten() || fail("free, and not forgotten");
}

static int play(fondue_spinlock_t *by_handler, bool asleep, bool asleep_there)
{
	struct sigaction action = { .sa_handler = on_trap };
	bool over = false;

	wanted = by_handler;
	must(sigaction(SIGTRAP, &action, NULL) == 0);
	for (at = 0; !over; at++)
		must(passes(asleep ? 1U << 31 : 0, asleep_there ? 1U << 31 : 0, &over));
	must(at > 30); /* there was something to step */
	return CHILD_GOOD;
}

static int play_another(void)
{
	return play(&locks.other, false, false);
}

static int play_same(void)
{
	return play(&locks.lock, false, false);
}

static int play_another_asleep(void)
{
	return play(&locks.other, true, false);
}

static int play_same_asleep(void)
{
	return play(&locks.lock, true, false);
}

static int play_both_asleep(void)
{
	return play(&locks.other, true, true);
}

int main(void)
{
	if (!fondue_active())
		tap_skip_all("to be preloaded");
	test("another lock, between any two instructions", unit_plays(play_another));
	test("the same lock", unit_plays(play_same));
	test("another, while somebody sleeps for the first", unit_plays(play_another_asleep));
	test("the same, while somebody sleeps for it", unit_plays(play_same_asleep));
	test("another, while somebody sleeps for both", unit_plays(play_both_asleep));
	return tap_done();
}

#else

int main(void)
{
	tap_skip_all("instructions are stepped on x86-64 only");
}

#endif
