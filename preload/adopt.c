/* SPDX-License-Identifier: MIT */
/*
 * adopt.c - from proof to shared pages, object by object
 *
 * The record of what was done is in the object itself: its struct fondue_binding is zero
 * when the loader has just mapped it and is filled in here. So there is no table that
 * could go stale when a library is unloaded and another one takes its place. Objects whose
 * notes are not to be trusted have no such place; they are looked at again each time, and
 * complained of once.
 *
 * One lock is taken by whoever shares an object and by whoever forks: a child sees every
 * object shared or private, not in between, and who shares knows of every fork. The first
 * has all signals blocked, so a handler that forks never meets a half-shared object of its
 * own thread. Nothing is waited for under the lock: no other lock, no message being written.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include "adopt.h"
#include "areas.h"
#include "audit.h"
#include "born.h"
#include "config.h"
#include "family.h"
#include "heap-create.h"
#include "identity.h"
#include "lock.h"
#include "log.h"
#include "modules.h"
#include "registry.h"
#include "remap.h"
#include "symbols.h"
#include "text.h"

/* What annotated objects are given. */
static const struct fondue_runtime *runtime;
static enum reason refuse_all;

void adopt_start(const struct fondue_runtime *table)
{
	runtime = table;
}

bool adopt_is_started(void)
{
	return runtime != NULL;
}

void adopt_refuse_all(enum reason reason)
{
	refuse_all = reason;
}

struct hold {
	struct lock lock;
	unsigned nested; /* how often the holder has taken it once more */
};

/* born_empty(); NULL: nothing has been adopted yet */
static struct hold *_Atomic whole;

static void free_in_child(void)
{
	*atomic_load(&whole) = (struct hold){ .nested = 0 };
}

/* An old kernel: then a child by a raw system call may find it held. */
static struct hold *make_ordinary(void)
{
	static struct hold ordinary;
	static atomic_bool told;

	if (!atomic_exchange(&told, true))
		pthread_atfork(NULL, NULL, free_in_child);
	return &ordinary;
}

/* Before the first object is adopted. Other threads may fork meanwhile, and see none. */
static void make_lock(void)
{
	struct hold *made, *there = NULL;

	if (atomic_load(&whole))
		return;
	/*
	 * Locks that relatives use already are not to be signed from another registry. Without
	 * one they work, but nobody sees an owner's death, which is said when one is used.
	 */
	if (family_alone() && registry_create())
		audit_create();
	identity_start();
	made = born_empty(sizeof(*made));
	if (!made)
		made = make_ordinary();
	atomic_compare_exchange_strong(&whole, &there, made); /* lost: a page, once */
}

/* A fork within a fork, by a signal handler: whatever it interrupts, it ends as it began. */
void adopt_hold(void)
{
	struct hold *hold = atomic_load(&whole);

	if (!hold)
		return;
	if (lock_is_mine(&hold->lock))
		hold->nested++;
	else
		lock_take(&hold->lock);
}

void adopt_release(void)
{
	struct hold *hold = atomic_load(&whole);

	if (!hold || !lock_is_mine(&hold->lock))
		return;
	if (hold->nested)
		hold->nested--;
	else
		lock_release(&hold->lock);
}

/*
 * What has been said already, by hash: a program may load and unload a plugin for each
 * request. When it is full, further messages are not remembered and may be said again. In
 * memory of its own, which most processes need none of.
 */
#define SAID_MAX 64
static uint64_t *said;

static bool has_said(void)
{
	long at;

	if (said)
		return true;
	at = sys_call(SYS_mmap, 0, SAID_MAX * sizeof(*said), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!sys_failed(at))
		said = (uint64_t *)at;
	return said != NULL;
}

/* FNV-1a, 64 bits */
static uint64_t hash(const char *name, enum reason reason)
{
	uint64_t value = 0xcbf29ce484222325 ^ reason;

	for (; *name; name++)
		value = (value ^ (uint8_t)*name) * 0x100000001b3;
	return value ? value : 1; /* 0 is an empty place */
}

static bool is_said(const char *name, enum reason reason, bool remember)
{
	uint64_t wanted = hash(name, reason);

	if (!said && (!remember || !has_said()))
		return false;
	for (unsigned i = 0; i < SAID_MAX; i++) {
		if (said[i] == wanted)
			return true;
		if (!said[i]) {
			said[i] = remember ? wanted : 0;
			return false;
		}
	}
	return false;
}

/* May the address in the note be written to? */
static bool binding_is_sound(const struct proof *proof)
{
	switch (proof->refusal.reason) {
	case REASON_NOTE_DAMAGED:
	case REASON_NOTE_VERSION:
	case REASON_NOTES_DISAGREE:
	case REASON_TOO_MANY_SEGMENTS:
	case REASON_BINDING:
		return false;
	default:
		return proof->notes > 0 && proof_binding_is_private(proof);
	}
}

static int find_shared(const struct module *module, void *arg)
{
	uintptr_t *address = arg;
	struct image image;
	struct proof proof;

	if (!module_prove(module, &image, &proof) || proof.refusal.reason)
		return 0;
	if (((struct fondue_binding *)proof.binding)->state != FONDUE_STATE_SHARED)
		return 0;
	return proof_holds(&proof, *address, *address + 1);
}

static bool is_shared(uintptr_t address)
{
	return modules_visit(find_shared, &address) != 0;
}

static bool may_be_late(struct proof *proof)
{
	if (refuse_all)
		return proof_refuse(proof, refuse_all, NULL, 0);
	if (!config.late && !family_alone())
		return proof_refuse(proof, REASON_AFTER_FORK, NULL, 0);
	return true;
}

static void report(const char *name, const struct refusal *r)
{
	char cause[LOG_LINE_MAX / 2];

	/* to who runs a program with more rights than his own, its addresses are a secret */
	log_format(cause, sizeof(cause), refusal_cause(r->reason),
		config.secure && text_contains(refusal_cause(r->reason), "%lx") ?
			0UL : (unsigned long)r->value);
	log_line("%s: annotated variables stay private: %s%s%s%s; %s", name,
		r->kind ? "section " : "", r->kind ? r->kind : r->symbol ? r->symbol : "",
		r->kind || r->symbol ? ": " : "", cause, refusal_cure(r->reason));
}

static void announce(const char *name, const struct proof *proof)
{
	for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
		const struct range *range = &proof->ranges[kind];

		/* the last is set for all memory by prctl(), and nobody misses it */
		if (range->lost && (config.verbose || !text_equals(range->lost, "MADV_MERGEABLE")))
			log_line("%s: section %s: %s is lost by sharing its pages; set it again, "
				 "or do not share them",
				name, kind_name[kind], range->lost);
		if (config.verbose && range->start != range->stop)
			log_line("%s: section %s: %lu bytes at 0x%lx are shared", name,
				kind_name[kind], (unsigned long)(range->stop - range->start),
				(unsigned long)range->start);
	}
}

static void bind(const struct proof *proof, unsigned long state)
{
	struct fondue_binding *binding = (struct fondue_binding *)proof->binding;

	binding->runtime = runtime;
	binding->heap = runtime->heap;
	binding->self = identity_at();
	binding->state = state;
}

static bool share(struct proof *proof)
{
	if (proof->refusal.reason || (proof_has_variables(proof) && !may_be_late(proof)))
		return false;
	return remap_shared(proof);
}

/* One object at a time, so that what there is to say needs no memory. */
struct pass {
	unsigned next, index; /* objects before `next` have been dealt with */
	bool found;
	bool shared;
	bool lacks_heap; /* which it uses */
	const char *name;
	struct proof proof; /* of which `image` is gone by the time it is said */
};

static bool is_new(const struct module *module, const struct proof *proof)
{
	if (!binding_is_sound(proof))
		return !is_said(module->name, proof->refusal.reason, false);
	return !((const struct fondue_binding *)proof->binding)->runtime;
}

static void remember_areas(const struct proof *proof)
{
	for (unsigned kind = 0; kind < KIND_COUNT; kind++)
		areas_add(proof->ranges[kind].start, proof->ranges[kind].stop);
}

/* In one piece for forks, for other threads, and for signal handlers. */
static void decide(const struct module *module, struct pass *pass)
{
	uint64_t all = ~0ULL, saved;

	(void)sys_call(SYS_rt_sigprocmask, SIG_SETMASK, &all, &saved, sizeof(saved));
	lock_take(&atomic_load(&whole)->lock);
	pass->found = is_new(module, &pass->proof); /* still */
	if (pass->found) {
		pass->shared = share(&pass->proof);
		if (pass->shared)
			remember_areas(&pass->proof);
		if (binding_is_sound(&pass->proof))
			bind(&pass->proof,
				pass->shared ? FONDUE_STATE_SHARED : FONDUE_STATE_PRIVATE);
	}
	lock_release(&atomic_load(&whole)->lock);
	(void)sys_call(SYS_rt_sigprocmask, SIG_SETMASK, &saved, NULL, sizeof(saved));
}

static bool has_locks;

bool adopt_has_locks(void)
{
	return has_locks;
}

/* Relatives that are there already would not have it. */
static bool has_heap(void)
{
	if (!heap_map.heap && family_alone() && heap_create(config.heap_size))
		areas_add((uintptr_t)heap_map.blocks,
			(uintptr_t)heap_map.blocks + heap_map.blocks_size);
	return heap_map.heap != NULL;
}

static int visit(const struct module *module, void *arg)
{
	struct pass *pass = arg;
	struct image image;

	if (pass->index++ < pass->next || !module_prove(module, &image, &pass->proof) ||
		!is_new(module, &pass->proof))
		return 0;
	pass->next = pass->index;
	pass->name = module->name;
	has_locks |= module_has_locks(module);
	pass->lacks_heap = module_has_heap(module) && !has_heap();
	if (!pass->proof.refusal.reason && proof_has_variables(&pass->proof))
		(void)symbols_check(module, &pass->proof, is_shared);
	decide(module, pass);
	return pass->found;
}

static bool adopt_next(struct pass *pass)
{
	pass->index = 0;
	pass->found = false;
	modules_visit(visit, pass);
	return pass->found;
}

/* Once: it is the same for all objects. */
static void say_no_heap(const char *name)
{
	static atomic_bool is_told;

	if (!atomic_exchange(&is_told, true))
		log_line("%s: no shared heap: %s; what fondue_malloc() gives is shared only with "
			 "processes that are forked afterwards",
			name,
			family_alone() ? "there are not enough addresses for it (ulimit -v)" :
					 "it is loaded after a fork; load it before");
}

static unsigned say(const struct pass *pass)
{
	config_complain();
	if (pass->lacks_heap)
		say_no_heap(pass->name);
	if (pass->shared)
		announce(pass->name, &pass->proof);
	else if (!is_said(pass->name, pass->proof.refusal.reason, true))
		report(pass->name, &pass->proof.refusal);
	return !pass->shared || pass->lacks_heap;
}

unsigned adopt_new_objects(void)
{
	struct pass pass = { .next = 0 };
	unsigned refused = 0;
	int saved = errno;

	make_lock();
	while (adopt_next(&pass))
		refused += say(&pass);
	errno = saved;
	return refused;
}

static int is_annotated(const struct module *module, void *arg)
{
	struct image image;
	struct proof proof;

	(void)arg;
	return module_prove(module, &image, &proof);
}

bool adopt_is_wanted(void)
{
	return modules_visit(is_annotated, NULL);
}
