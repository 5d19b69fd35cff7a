/* SPDX-License-Identifier: MIT */
/*
 * urgent.c - one handler, two users
 *
 * Actions are read and written as the kernel has them, by system call: what libc or a
 * sanitizer thinks of them is then right, since they see only what the host has done. All
 * state is changed by one thread at a time, with its signals blocked; the lock lies in a
 * page that is empty in every child (born.h), so that none inherits it taken, and so does
 * the number of the process whose state it is. The handler itself only reads: the host's
 * handler, in one word with the mark that it is to be called once (SA_RESETHAND).
 *
 * That one is ours to keep: the kernel would forget our handler with the first question.
 */
#include <stdatomic.h>

#include "urgent.h"
#include "born.h"
#include "lock.h"

#ifndef SA_RESTORER
#define SA_RESTORER 0x04000000 /* on both */
#endif

/* struct sigaction of rt_sigaction(2), x86-64 and aarch64 */
struct action {
	uintptr_t handler;
	unsigned long flags;
	uintptr_t restorer;
	uint64_t mask;
};

/* Of one process: pid 0 is nobody's yet. */
struct state {
	_Atomic uint32_t pid;
	struct lock lock;
};

static _Atomic(struct state *) state;
static bool (*_Atomic is_mine)(const siginfo_t *info, const ucontext_t *context);

/* The host's action: the newer of two, so that a reader without the lock finds a whole one. */
static struct action actions[2];
static _Atomic unsigned newest;
/* Its handler, for our handler. No address of a program has this bit. */
#define ONCE (1ULL << 63)
static _Atomic uint64_t hosts_handler;

static void on_urgent(int number, siginfo_t *info, void *context);

#if defined(__x86_64__)
/*
 * What a handler returns to. The bytes are those that unwinders know a signal frame by; they
 * look up the address before, too, where no other function may be.
 */
void urgent_restorer(void);
__asm__(".pushsection .text\n"
	".balign 16\n"
	"\tnop\n"
	".hidden urgent_restorer\n"
	".globl urgent_restorer\n"
	".type urgent_restorer, @function\n"
	"urgent_restorer:\n"
	"\tmovq $15, %rax\n" /* rt_sigreturn */
	"\tsyscall\n"
	".size urgent_restorer, .-urgent_restorer\n"
	".popsection\n");
#define RESTORER_FLAG SA_RESTORER
#define RESTORER      ((uintptr_t)urgent_restorer)
#else
#define RESTORER_FLAG 0
#define RESTORER      0
#endif

static long get(struct action *ret)
{
	return sys_call(SYS_rt_sigaction, SIGURG, NULL, ret, sizeof(ret->mask));
}

static long set(const struct action *action)
{
	return sys_call(SYS_rt_sigaction, SIGURG, action, NULL, sizeof(action->mask));
}

static bool is_function(uintptr_t handler)
{
	return handler != (uintptr_t)SIG_DFL && handler != (uintptr_t)SIG_IGN;
}

/* Ours, behaving as the host's would; without one, so that as little as possible is noticed. */
static long set_ours(const struct action *host)
{
	struct action ours = { .handler = (uintptr_t)on_urgent,
		.flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK | RESTORER_FLAG,
		.restorer = RESTORER };

	if (is_function(host->handler)) {
		ours.flags = (host->flags & ~(unsigned long)SA_RESETHAND) | SA_SIGINFO |
			     RESTORER_FLAG;
		ours.mask = host->mask;
	}
	return set(&ours);
}

static void remember(const struct action *host)
{
	unsigned next = !atomic_load_explicit(&newest, memory_order_relaxed);
	bool once = is_function(host->handler) && (host->flags & SA_RESETHAND);

	actions[next] = *host;
	/* release: the action before its number; pairs with recall() */
	atomic_store_explicit(&newest, next, memory_order_release);
	atomic_store_explicit(
		&hosts_handler, host->handler | (once ? ONCE : 0), memory_order_release);
}

static struct action recall(void)
{
	struct action action;
	unsigned which;

	do {
		which = atomic_load_explicit(&newest, memory_order_acquire);
		action = actions[which];
		atomic_thread_fence(memory_order_acquire);
	} while (which != atomic_load_explicit(&newest, memory_order_relaxed));
	return action;
}

/* Make ours of what the host has in the kernel. */
static bool step_in(void)
{
	struct action now;

	if (get(&now) != 0)
		return false;
	if (now.handler == (uintptr_t)on_urgent)
		return true;
	remember(&now);
	return now.handler == (uintptr_t)SIG_IGN || set_ours(&now) == 0;
}

#define SAME_MEMORY 1 /* KCMP_VM of <linux/kcmp.h>, which musl's compiler does not find */

/* As the child of a vfork() is, which must leave nothing in there. */
static bool is_in_parents_memory(uint32_t pid)
{
	long parent = sys_call(SYS_getppid);

	return sys_call(SYS_kcmp, pid, parent, SAME_MEMORY, 0, 0) == 0;
}

/* Is the state this process's, or is it a child in its parent's memory? Asks the kernel once. */
static bool is_here(struct state *here)
{
	uint32_t whose = atomic_load(&here->pid), pid = sys_call(SYS_getpid);

	if (whose || is_in_parents_memory(pid))
		return whose == pid;
	return atomic_compare_exchange_strong(&here->pid, &whose, pid) || whose == pid;
}

static void block_all(uint64_t *ret_mask)
{
	uint64_t all = ~0ULL;

	(void)sys_call(SYS_rt_sigprocmask, SIG_SETMASK, &all, ret_mask, sizeof(all));
}

static void set_mask(uint64_t mask)
{
	(void)sys_call(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
}

#if defined(__x86_64__) || defined(__aarch64__)
static struct state *make_state(void)
{
	struct state *here = atomic_load(&state), *none = NULL;

	if (here)
		return here;
	here = born_empty(sizeof(*here));
	/* lost to another thread: a page, once */
	return !here || atomic_compare_exchange_strong(&state, &none, here) ? here : none;
}
#else
static struct state *make_state(void)
{
	return NULL; /* what a signal frame looks like is not known here */
}
#endif

bool urgent_share(bool (*mine)(const siginfo_t *info, const ucontext_t *context))
{
	struct state *here;
	bool good;

	/* before a door knows of us, and may step in; a write costs a child a page */
	if (atomic_load(&is_mine) != mine)
		atomic_store(&is_mine, mine);
	here = make_state();
	if (!here || !is_here(here))
		return false;
	lock_take(&here->lock);
	good = step_in();
	lock_release(&here->lock);
	return good;
}

bool urgent_step_aside(uint64_t *ret_mask)
{
	struct state *here = atomic_load_explicit(&state, memory_order_acquire);
	struct action now, host;

	/* a sanitizer's signal() calls sigaction(): we are aside already */
	if (!here || lock_is_mine(&here->lock))
		return false;
	block_all(ret_mask);
	if (is_here(here))
		lock_take(&here->lock);
	host = recall();
	if (get(&now) == 0 && now.handler == (uintptr_t)on_urgent)
		(void)set(&host);
	return true;
}

void urgent_step_in(uint64_t mask)
{
	struct state *here = atomic_load_explicit(&state, memory_order_relaxed);

	if (is_here(here)) {
		(void)step_in();
		lock_release(&here->lock);
	}
	set_mask(mask);
}

/* A handler that is called once: who gets it sees to it that nobody else does. */
static uintptr_t take_once(void)
{
	struct state *here = atomic_load_explicit(&state, memory_order_relaxed);
	struct action host;
	uintptr_t handler;
	uint64_t mask;
	bool ours;

	block_all(&mask);
	ours = is_here(here);
	if (ours)
		lock_take(&here->lock);
	host = recall();
	handler = host.handler;
	if (is_function(handler) && (host.flags & SA_RESETHAND)) {
		host.handler = (uintptr_t)SIG_DFL;
		if (ours)
			remember(&host);
		(void)(ours ? set_ours(&host) : set(&host));
	}
	if (ours)
		lock_release(&here->lock);
	set_mask(mask);
	return handler;
}

static void on_urgent(int number, siginfo_t *info, void *context)
{
	bool (*mine)(const siginfo_t *, const ucontext_t *) = atomic_load(&is_mine);
	uint64_t handler;

	if (mine(info, context))
		return;
	handler = atomic_load_explicit(&hosts_handler, memory_order_acquire);
	if (handler & ONCE)
		handler = take_once();
	if (is_function(handler))
		((void (*)(int, siginfo_t *, void *))handler)(number, info, context);
}
