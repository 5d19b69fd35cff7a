/* SPDX-License-Identifier: MIT */
/*
 * identity.c - giving threads an identity
 */
#include <pthread.h>
#include <signal.h>

#include "identity.h"
#include "born.h"
#include "lockword.h"
#include "log.h"
#include "park.h"
#include "registry.h"
#include "thread-state.h"

static __thread struct identity mine __attribute__((tls_model("initial-exec"))) = {
	.self.doing = FONDUE_DOING_NOBODY,
};

void (*identity_claimed)(uint32_t number);

unsigned long identity_at(void)
{
	return (uintptr_t)&mine - (uintptr_t)fondue_thread_();
}

struct identity *identity_mine(void)
{
	return &mine;
}

void identity_hold(struct identity *me, fondue_spinlock_t *lock)
{
	FONDUE_SET_(me->self.doing, (uintptr_t)lock);
	FONDUE_IN_ORDER_();
	FONDUE_SET_(me->self.holder->lock, (uintptr_t)lock);
	FONDUE_IN_ORDER_();
}

void identity_do(struct identity *me, uintptr_t doing)
{
	FONDUE_SET_(me->self.holder->lock, 0);
	FONDUE_IN_ORDER_();
	FONDUE_SET_(me->self.doing, doing);
	FONDUE_IN_ORDER_();
}

/* The holder's copy is for heirs only: a child that nobody told of may write to it, too. */
void identity_name_one_more(struct identity *me)
{
	FONDUE_SET_(me->self.holder->more, ++me->more);
	FONDUE_IN_ORDER_();
}

void identity_name_one_less(struct identity *me)
{
	FONDUE_IN_ORDER_();
	if (me->more)
		FONDUE_SET_(me->self.holder->more, --me->more);
}

static void set_site(struct fondue_site *to, const struct fondue_site *site)
{
	FONDUE_SET_(to->pc, site->pc);
	FONDUE_SET_(to->sp, site->sp);
	FONDUE_SET_(to->fp, site->fp);
	FONDUE_IN_ORDER_();
}

void identity_note_site(struct identity *me, const struct fondue_site *site)
{
	set_site(&me->self.holder->site, site);
}

/* Its place among the nested ones; that of lock 0 is one that is free. */
static struct nested *nested_place(const struct identity *me, uintptr_t lock)
{
	struct slot *slot = &registry->slots[me->number];

	for (unsigned i = 0; me->number != SLOT_ANONYMOUS && i < NESTED_MAX; i++)
		if (atomic_load_explicit(&slot->nested[i].lock, memory_order_relaxed) == lock)
			return &slot->nested[i];
	return NULL;
}

void identity_note_nested(
	struct identity *me, const fondue_spinlock_t *lock, const struct fondue_site *site)
{
	struct nested *nested = nested_place(me, 0);

	if (!nested)
		return;
	atomic_store_explicit(&nested->pc, site->pc, memory_order_relaxed);
	/* release: the place before the lock; pairs with whoever reads it for a report */
	atomic_store_explicit(&nested->lock, (uintptr_t)lock, memory_order_release);
}

void identity_forget_nested(struct identity *me, const fondue_spinlock_t *lock)
{
	struct nested *nested = nested_place(me, (uintptr_t)lock);

	if (nested)
		atomic_store_explicit(&nested->lock, 0, memory_order_relaxed);
}

static bool never_quick;

void identity_never_quick(void)
{
	never_quick = true;
}

uintptr_t identity_nothing(const struct identity *me)
{
	return me->is_quick ? FONDUE_DOING_NOTHING : FONDUE_DOING_OTHER;
}

/* <linux/futex.h>, which musl's compiler does not find */
struct robust_list_head {
	void *first; /* itself: empty */
	long futex_offset;
	void *list_op_pending;
};

/* Where it is from the thread pointer, the same in all threads; 0: not known yet. */
static _Atomic long robust_at;

static struct robust_list_head *robust_list_here(void)
{
	return (struct robust_list_head *)(fondue_thread_() + robust_at);
}

/*
 * After a raw fork the kernel knows of no robust list, and the list in memory is still the
 * parent's: its mutexes lie in shared memory and are linked with one another, so to add one
 * more would tear the parent's list.
 */
static void find_robust_list(struct identity *me)
{
	struct robust_list_head *head = NULL;
	size_t size = 0;

	if (sys_call(SYS_get_robust_list, 0, &head, &size) != 0)
		return;
	if (!head && robust_at && robust_list_here()->futex_offset) {
		head = robust_list_here();
		head->first = head;
		head->list_op_pending = NULL;
		if (sys_call(SYS_set_robust_list, head, sizeof(*head)) != 0)
			head = NULL;
	}
	me->robust = head;
	if (!head)
		return;
	robust_at = (char *)head - fondue_thread_();
	me->futex_offset = head->futex_offset;
}

void *identity_owe(struct identity *me, fondue_spinlock_t *lock)
{
	void *volatile *pending;
	void *before;

	if (!me->robust)
		return NULL;
	pending = &me->robust->list_op_pending;
	before = *pending;
	*pending = (char *)&lock->wait - me->futex_offset;
	/* the kernel looks when this thread is dead: only the compiler could be late */
	FONDUE_IN_ORDER_();
	return before;
}

bool identity_owes(const struct identity *me)
{
	return me->robust && *(void *volatile *)&me->robust->list_op_pending;
}

void identity_owe_again(struct identity *me, void *before)
{
	FONDUE_IN_ORDER_();
	if (me->robust)
		*(void *volatile *)&me->robust->list_op_pending = before;
}

void identity_cover(struct identity *me, fondue_spinlock_t *lock)
{
	if (!me->robust || me->covered)
		return;
	me->covered = lock;
	(void)identity_owe(me, lock);
}

void identity_uncover(struct identity *me, fondue_spinlock_t *lock)
{
	if (me->covered != lock)
		return;
	me->covered = NULL;
	identity_owe_again(me, NULL);
}

void identity_keep(struct identity *me, fondue_spinlock_t *lock)
{
	me->kept = lock;
	FONDUE_IN_ORDER_();
	FONDUE_SET_(me->self.doing, FONDUE_DOING_OTHER);
}

static void forget_inherited(struct identity *me)
{
	for (unsigned i = 0; i < INHERITED_MAX; i++)
		me->inherited[i].lock = NULL;
}

/* Writes only if there is something to forget: in a child the first write costs a copy. */
void identity_forget(void)
{
	if (!identity_is_valid(&mine))
		return;
	/* libc empties the list of a child, but not this */
	if (mine.covered)
		identity_owe_again(&mine, NULL);
	mine.covered = mine.kept = mine.over = NULL;
	forget_inherited(&mine);
	mine.self.doing = FONDUE_DOING_NOBODY;
}

/*
 * The number of the process where identities were made, and 0 in every child, whoever forked it,
 * until one of its threads makes one: the others' are their parent's still. The child of a
 * vfork() finds it as it was: it uses its parent's memory, and must leave the identity in it
 * alone. NULL: no such page is to be had.
 */
static _Atomic(volatile pid_t *) here;

static void be_here(void)
{
	volatile pid_t *page = here, *none = NULL;

	if (!page) {
		page = born_empty(sizeof(*page));
		if (!page)
			return;
		/* lost to another thread: a page, once */
		if (!atomic_compare_exchange_strong(&here, &none, page))
			page = none;
	}
	*page = sys_call(SYS_getpid);
}

bool identity_is_inherited(void)
{
	volatile pid_t *page = here;

	return identity_is_valid(&mine) && mine.pid != (page ? *page : sys_call(SYS_getpid));
}

bool identity_notice_fork(void)
{
	if (!identity_is_inherited())
		return false;
	identity_forget();
	return true;
}

/*
 * To ask the kernel is to look up a path, which a sandbox may forbid and which takes longer than
 * all else that a first lock costs. A child is in its parent's, unless it is made with
 * CLONE_NEWPID; then it has no parent there, or one of another number. 1 is a number that
 * the first of any namespace has, and proves nothing.
 */
static uint64_t namespace_here(pid_t pid)
{
	static uint64_t inode;
	static pid_t of;
	volatile pid_t *page = here;

	if (page && *page && of == pid)
		return inode;
	if (!(page && !*page && of > 1 && sys_call(SYS_getppid) == of))
		inode = thread_namespace();
	of = pid;
	return inode;
}

void identity_start(void)
{
	static atomic_bool started;

	if (atomic_exchange(&started, true))
		return;
	find_robust_list(&mine);
	be_here();
	if (registry)
		(void)namespace_here(sys_call(SYS_getpid));
	pthread_atfork(NULL, NULL, identity_forget);
}

static void become_anonymous(struct identity *me)
{
	static __thread struct fondue_holder nobodys __attribute__((tls_model("initial-exec")));
	static atomic_bool said;

	me->number = SLOT_ANONYMOUS;
	me->self.holder = &nobodys;
	if (!atomic_exchange(&said, true))
		log_line("locks: no slot for a thread, whose death will not be noticed; it takes "
			 "shared memory at start, robust futexes, and at most 65534 threads");
}

/* As the kernel counts the starts of processes, whatever clocks another preload makes up. */
static uint64_t boot_ns(void)
{
	struct timespec now = { 0 };

	(void)sys_call(SYS_clock_gettime, CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static void become(struct identity *me, uint32_t number)
{
	struct slot *slot = &registry->slots[number];
	pid_t pid = sys_call(SYS_getpid);

	me->number = number;
	me->self.holder = &slot->holder;
	atomic_store_explicit(&slot->pid, pid, memory_order_relaxed);
	atomic_store_explicit(&slot->tid, sys_call(SYS_gettid), memory_order_relaxed);
	atomic_store_explicit(&slot->namespace, namespace_here(pid), memory_order_relaxed);
	atomic_store_explicit(&slot->bound_at, boot_ns(), memory_order_relaxed);
	atomic_store_explicit(&slot->answers, 0, memory_order_relaxed);
	atomic_store_explicit(&slot->wants, 0, memory_order_relaxed);
	for (unsigned i = 0; i < NESTED_MAX; i++)
		atomic_store_explicit(&slot->nested[i].lock, 0, memory_order_relaxed);
}

/*
 * A word that somebody has read long ago, and found dead, should not come again so soon: it
 * changes with the incarnation.
 */
static void choose_words(struct identity *me)
{
	uint32_t incarnation = me->self.holder->incarnation;

	me->self.word = me->number | incarnation * WORD_STEP;
	me->next = me->number | WORD_RUNTIME | incarnation * 4099u * WORD_STEP;
}

static void fill(struct identity *me)
{
	uint32_t number;

	find_robust_list(me); /* before a mutex is locked */
	number = registry_claim();
	find_robust_list(me); /* musl has one from the first robust mutex on */
	if (number == SLOT_ANONYMOUS)
		become_anonymous(me);
	else
		become(me, number);
	me->pid = sys_call(SYS_getpid);
	choose_words(me);
	me->has_barrier = number != SLOT_ANONYMOUS && park_has_barrier();
	/* without membarrier every unlock is a full barrier, which the fast path is not */
	me->is_quick = me->has_barrier && !never_quick;
	me->covered = me->kept = me->over = me->reserved = NULL;
	forget_inherited(me);
	me->patience = PATIENCE_MAX;
	me->more = me->self.holder->more = 0;
	be_here();
	if (identity_claimed && number != SLOT_ANONYMOUS)
		identity_claimed(number);
	identity_do(me, identity_nothing(me));
}

/* A signal handler must find the thread with an identity or without, not half. */
static void attach(void)
{
	uint64_t all = ~0ULL, saved;

	(void)sys_call(SYS_rt_sigprocmask, SIG_SETMASK, &all, &saved, sizeof(saved));
	if (!identity_is_valid(&mine))
		fill(&mine);
	(void)sys_call(SYS_rt_sigprocmask, SIG_SETMASK, &saved, NULL, sizeof(saved));
}

struct identity *identity_get(void)
{
	int saved = errno;

	if (!identity_is_valid(&mine))
		attach();
	errno = saved;
	return &mine;
}
