/* SPDX-License-Identifier: MIT */
/*
 * audit.c - the doors of audited locks, and the list of those that a thread holds
 *
 * The list lies in memory of the family, at the place of the thread's slot, for others to
 * read; so a forked child, which has a slot of its own, starts with an empty one. What it
 * says may be less than what the thread holds, never more: a lock is put in when it has been
 * acquired, and taken out before it is released. A signal handler may come between any two
 * instructions and take locks itself, and what it finds must not make it say what is not
 * true. The child of a bare system call that holds its parent's locks, and signs as that, is
 * left alone: it would write into its parent's list.
 */
#include <sys/mman.h>

#include "audit.h"
#include "counts.h"
#include "instance.h"
#include "lockword.h"
#include "log.h"
#include "park.h"
#include "registry.h"
#include "spinlock.h"

struct audit *audit;
struct audit_hooks audit_hooks;

static bool is_wanted;

void audit_create(void)
{
	long at;

	if (!is_wanted || audit || !registry)
		return;
	at = sys_call(SYS_mmap, 0, sizeof(*audit), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (sys_failed(at) || !instance_start(&((struct audit *)at)->processes)) {
		log_line("locks: the kernel gave no memory to audit them in; they are not");
		return;
	}
	audit = (struct audit *)at;
	atomic_store(&registry->audit, (uint64_t)at);
}

static uintptr_t lock_in(const struct held *held, unsigned i)
{
	return atomic_load_explicit(&held->lock[i], memory_order_relaxed);
}

/* See struct held for the order. */
static void leave(struct held *held, unsigned i)
{
	atomic_store_explicit(&held->lock[i], 0, memory_order_relaxed);
	FONDUE_IN_ORDER_();
	atomic_store_explicit(&held->pc[i], 0, memory_order_relaxed);
	atomic_store_explicit(&held->since[i], 0, memory_order_relaxed);
	atomic_store_explicit(&held->number[i], 0, memory_order_relaxed);
	FONDUE_IN_ORDER_();
}

/* Of the slot's last owner. */
static void empty(struct held *held, uint32_t incarnation)
{
	for (unsigned i = 0; i < HELD_MAX; i++)
		leave(held, i);
	atomic_store_explicit(&held->incarnation, incarnation, memory_order_relaxed);
}

/* Return: the calling thread's list; NULL: nothing is kept of it. */
static struct held *held_by_me(void)
{
	struct identity *me = identity_get();
	struct held *held;

	if (!audit)
		return NULL;
	if (identity_is_inherited()) {
		if (identity_is_busy(me))
			return NULL;
		(void)identity_notice_fork();
		me = identity_get();
	}
	if (me->number == SLOT_ANONYMOUS)
		return NULL;
	held = &audit->held[me->number];
	if (atomic_load_explicit(&held->incarnation, memory_order_relaxed) !=
		me->self.holder->incarnation)
		empty(held, me->self.holder->incarnation);
	return held;
}

static int find(const struct held *held, uintptr_t lock)
{
	for (int i = 0; i < HELD_MAX; i++)
		if (lock_in(held, i) == lock)
			return i;
	return -1;
}

static void say_many(void)
{
	if (!atomic_exchange(&audit->said_many, 1))
		log_line("locks: a thread holds more than %d at a time: of those beyond it is "
			 "not checked in which order and how long they are held",
			HELD_MAX);
}

static bool has_it(int result)
{
	return result == 0 || result == EOWNERDEAD;
}

static bool is_taken(const fondue_spinlock_t *lock)
{
	return lock_word(lock) != 0;
}

static void put_in(struct held *held, const fondue_spinlock_t *lock, uintptr_t pc)
{
	int i = find(held, 0);

	if (i < 0) {
		say_many();
		return;
	}
	atomic_store_explicit(&held->number[i], 0, memory_order_relaxed);
	FONDUE_IN_ORDER_();
	atomic_store_explicit(&held->lock[i], (uintptr_t)lock, memory_order_relaxed);
	FONDUE_IN_ORDER_();
	atomic_store_explicit(&held->pc[i], pc, memory_order_relaxed);
	if (audit_hooks.clock)
		atomic_store_explicit(
			&held->since[i], audit_hooks.clock(), memory_order_relaxed);
}

static bool take_out(struct held *held, fondue_spinlock_t *lock, struct audit_release *ret)
{
	int i = find(held, (uintptr_t)lock);

	if (i < 0)
		return false;
	ret->lock = lock;
	ret->taken_pc = atomic_load_explicit(&held->pc[i], memory_order_relaxed);
	ret->since = atomic_load_explicit(&held->since[i], memory_order_relaxed);
	leave(held, i);
	return true;
}

/* It has the lock now; @contended: it was taken when it was asked for. */
static void acquired(
	struct held *held, const fondue_spinlock_t *lock, uintptr_t pc, bool contended)
{
	put_in(held, lock, pc);
	counts_add(audit->counts, instance_key((uintptr_t)lock), contended);
}

static int take(fondue_spinlock_t *lock, const struct timespec *deadline,
	const struct fondue_site *site)
{
	int saved = errno, result;
	struct held *held = held_by_me();
	bool contended;

	if (held && audit_hooks.wants)
		audit_hooks.wants(identity_mine(), held, lock, site->pc);
	contended = is_taken(lock);
	result = spinlock_take(lock, deadline, site);
	if (held && has_it(result))
		acquired(held, lock, site->pc, contended);
	errno = saved;
	return result;
}

static int audited_lock(fondue_spinlock_t *lock, const struct timespec *deadline)
{
	struct fondue_site site = spinlock_site();
	int result = take(lock, deadline, &site);

	if (result == EDEADLK)
		spinlock_tell_again(lock, &site);
	return result;
}

static int audited_lock_scoped(fondue_spinlock_t *lock)
{
	struct fondue_site site = spinlock_site();

	return take(lock, NULL, &site);
}

/* Who only tries does not wait, whatever he holds. */
static int audited_trylock(fondue_spinlock_t *lock)
{
	struct fondue_site site = spinlock_site();
	int saved = errno;
	struct held *held = held_by_me();
	int result = spinlock_try(lock, &site);

	if (held && has_it(result))
		acquired(held, lock, site.pc, false);
	errno = saved;
	return result;
}

static int audited_unlock(fondue_spinlock_t *lock)
{
	struct audit_release release = {
		.released_pc = (uintptr_t)__builtin_return_address(0) };
	int saved = errno, result;
	struct held *held = held_by_me();
	bool has_to_say = held && take_out(held, lock, &release) && audit_hooks.releases &&
			  audit_hooks.releases(&release);

	result = spin_calls.unlock(lock);
	if (has_to_say && result == 0)
		audit_hooks.released(&release);
	errno = saved;
	return result;
}

/* If the caller holds it: not any more. */
static void audited_init(fondue_spinlock_t *lock)
{
	struct audit_release release;
	int saved = errno;
	struct held *held = held_by_me();

	if (held)
		(void)take_out(held, lock, &release);
	if (held && audit_hooks.born)
		audit_hooks.born(lock);
	errno = saved;
}

static int audited_may_nest(fondue_spinlock_t *a, fondue_spinlock_t *b)
{
	int saved = errno, result = 0;

	if (held_by_me() && audit_hooks.may_nest && a != b)
		result = audit_hooks.may_nest(a, b);
	errno = saved;
	return result;
}

const struct fondue_runtime *audit_start(const struct fondue_runtime *runtime)
{
	static struct fondue_spin_calls calls;
	static struct fondue_runtime audited;

	calls = spin_calls;
	calls.lock = audited_lock;
	calls.trylock = audited_trylock;
	calls.unlock = audited_unlock;
	calls.init = audited_init;
	calls.may_nest = audited_may_nest;
	calls.lock_scoped = audited_lock_scoped;
	audited = *runtime;
	audited.spin = &calls;
	identity_never_quick();
	is_wanted = true;
	return &audited;
}
