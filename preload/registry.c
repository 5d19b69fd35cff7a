/* SPDX-License-Identifier: MIT */
/*
 * registry.c - claiming slots with the kernel's help
 *
 * A slot's life is a robust mutex, and claiming it is locking it: whoever is killed in the
 * middle of a claim leaves a dead slot behind, not a half-claimed one. So there is no
 * list of free slots that could be torn. Where to look for a dead one is a shared cursor
 * that goes round; a few looks are enough, since otherwise a fresh slot is taken.
 */
#include <sys/mman.h>

#include "registry.h"

/* Looks at used slots before a fresh one is taken: keeps the table dense, costs little. */
#define LOOKS 8

struct registry *registry;

/* Which int of a life the kernel marks; of a process, for registry->life has busy neighbours. */
static unsigned life_int;

static bool make_life(pthread_mutex_t *life)
{
	pthread_mutexattr_t robust;

	return !pthread_mutexattr_init(&robust) &&
	       !pthread_mutexattr_setpshared(&robust, PTHREAD_PROCESS_SHARED) &&
	       !pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST) &&
	       !pthread_mutex_init(life, &robust);
}

/* Which one is the futex is libc's business: the first that locking changes. */
static bool find_life(void)
{
	pthread_mutex_t life, unlocked;
	const uint32_t *before = (const uint32_t *)&unlocked, *after = (const uint32_t *)&life;
	unsigned i = 0;

	if (!make_life(&life))
		return false;
	unlocked = life;
	if (pthread_mutex_lock(&life))
		return false;
	while (i < sizeof(life) / sizeof(*after) && after[i] == before[i])
		i++;
	pthread_mutex_unlock(&life);
	if (i == sizeof(life) / sizeof(*after))
		return false;
	life_int = i;
	registry->life = i;
	return true;
}

bool registry_create(void)
{
	long at;

	if (registry)
		return true;
	at = sys_call(SYS_mmap, 0, sizeof(*registry), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (sys_failed(at))
		return false;
	registry = (struct registry *)at;
	registry->magic = REGISTRY_MAGIC;
	registry->version = REGISTRY_VERSION;
	atomic_store_explicit(&registry->used, SLOT_FIRST, memory_order_relaxed);
	return true;
}

_Atomic uint32_t *registry_life(uint32_t number)
{
	return (_Atomic uint32_t *)&registry->slots[number].life + life_int;
}

bool registry_is_dead(uint32_t number)
{
	/* acquire: what it wrote last; the kernel's marking is a full barrier */
	return registry && number < SLOT_ANONYMOUS &&
	       (atomic_load_explicit(registry_life(number), memory_order_acquire) & LIFE_ENDED);
}

static bool is_named(const struct slot *slot)
{
	return __atomic_load_n(&slot->holder.lock, __ATOMIC_ACQUIRE) ||
	       __atomic_load_n(&slot->holder.more, __ATOMIC_ACQUIRE);
}

/*
 * libc locks with the thread's number as it remembers it, which in the child of a clone() is
 * the parent's: the kernel would never mark such a life.
 */
static void sign_life(uint32_t number)
{
	_Atomic uint32_t *life = registry_life(number);
	uint32_t value = atomic_load(life), tid = sys_call(SYS_gettid);

	while ((value & LIFE_OWNER) != tid &&
		!atomic_compare_exchange_weak(life, &value, (value & LIFE_WATCHED) | tid))
		;
}

/* Somebody may have had it, and died with a lock, since we looked: let it be dead again. */
static bool leave_if_named(uint32_t number)
{
	struct slot *slot = &registry->slots[number];
	uint32_t unlocked = 0;

	if (!is_named(slot))
		return false;
	pthread_mutex_unlock(&slot->life);
	(void)atomic_compare_exchange_strong(registry_life(number), &unlocked, LIFE_ENDED);
	return true;
}

static bool claim_again(uint32_t number)
{
	struct slot *slot = &registry->slots[number];
	int result;

	if (!registry_is_dead(number) || is_named(slot))
		return false;
	result = pthread_mutex_trylock(&slot->life);
	if (result == EOWNERDEAD)
		pthread_mutex_consistent(&slot->life);
	else if (result)
		return false;
	if (leave_if_named(number))
		return false;
	sign_life(number);
	slot->holder.incarnation++;
	return true;
}

static uint32_t find_dead(uint32_t looks)
{
	uint32_t used = atomic_load_explicit(&registry->used, memory_order_relaxed);

	if (used == SLOT_FIRST)
		return 0;
	for (uint32_t i = 0; i < looks && i < used - SLOT_FIRST; i++) {
		uint32_t at = atomic_fetch_add_explicit(
			&registry->cursor, 1, memory_order_relaxed);
		uint32_t number = SLOT_FIRST + at % (used - SLOT_FIRST);

		if (claim_again(number))
			return number;
	}
	return 0;
}

/* Killed before its life is locked, a fresh slot is lost: one of many, for an instant. */
static uint32_t claim_fresh(void)
{
	uint32_t number = atomic_load_explicit(&registry->used, memory_order_relaxed);

	do
		if (number >= SLOT_ANONYMOUS)
			return 0;
	while (!atomic_compare_exchange_weak_explicit(&registry->used, &number, number + 1,
		memory_order_relaxed, memory_order_relaxed));
	if (!make_life(&registry->slots[number].life) ||
		pthread_mutex_lock(&registry->slots[number].life))
		return 0;
	sign_life(number);
	return number;
}

/* Not at start: a sanitizer's mutexes are not ready then. Twice at worst, and no harm. */
static bool is_life_known(void)
{
	static _Atomic int known; /* 1, or -1: there are no robust mutexes */

	if (!known)
		known = find_life() ? 1 : -1;
	return known > 0;
}

uint32_t registry_claim(void)
{
	uint32_t number;

	if (!registry || !is_life_known())
		return SLOT_ANONYMOUS;
	number = find_dead(LOOKS);
	if (!number)
		number = claim_fresh();
	if (!number)
		number = find_dead(SLOTS);
	return number ? number : SLOT_ANONYMOUS;
}

/* It is dead, and the lock named it until just now: nobody has claimed it, nobody else will. */
void registry_inherited(uint32_t number, const fondue_spinlock_t *lock)
{
	struct fondue_holder *holder = &registry->slots[number].holder;

	if (__atomic_load_n(&holder->lock, __ATOMIC_RELAXED) == (uintptr_t)lock)
		__atomic_store_n(&holder->lock, 0, __ATOMIC_RELEASE);
	else if (__atomic_load_n(&holder->more, __ATOMIC_RELAXED))
		__atomic_fetch_sub(&holder->more, 1, __ATOMIC_RELEASE);
}

static uintptr_t nested_site(struct slot *slot, uintptr_t lock)
{
	for (unsigned i = 0; i < NESTED_MAX; i++)
		/* acquire: the place is of this lock; pairs with the store in identity.c */
		if (atomic_load_explicit(&slot->nested[i].lock, memory_order_acquire) == lock)
			return atomic_load_explicit(&slot->nested[i].pc, memory_order_relaxed);
	return 0;
}

struct fondue_site registry_site(uint32_t number, uintptr_t lock)
{
	struct slot *slot = &registry->slots[number];
	const struct fondue_holder *holder = &slot->holder;
	struct fondue_site site = { .pc = 0 };

	if (__atomic_load_n(&holder->lock, __ATOMIC_ACQUIRE) == lock) {
		site.pc = __atomic_load_n(&holder->site.pc, __ATOMIC_RELAXED);
		site.sp = __atomic_load_n(&holder->site.sp, __ATOMIC_RELAXED);
		site.fp = __atomic_load_n(&holder->site.fp, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&holder->lock, __ATOMIC_RELAXED) == lock)
			return site;
	}
	return (struct fondue_site){ .pc = nested_site(slot, lock) };
}
