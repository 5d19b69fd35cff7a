/* SPDX-License-Identifier: MIT */
/*
 * adopt.c - from proof to shared pages, object by object
 *
 * The record of what was done is in the object itself: its struct fondue_binding is zero
 * when the loader has just mapped it and is filled in here. So there is no table that
 * could go stale when a library is unloaded and another one takes its place. Only objects
 * whose notes are not to be trusted have no such place; those are remembered by address,
 * to be complained of once.
 */
#include <signal.h>

#include "adopt.h"
#include "config.h"
#include "family.h"
#include "lock.h"
#include "log.h"
#include "modules.h"
#include "remap.h"
#include "symbols.h"

/* What annotated objects are given. */
static const struct fondue_runtime *runtime;

void adopt_start(const struct fondue_runtime *table)
{
	runtime = table;
}

/*
 * Taken by whoever shares an object and by whoever forks. The first has all signals
 * blocked; so a handler that forks never meets a lock that its own thread holds, unless
 * that thread is forking itself: hence the count, raised before the lock is taken, for a
 * handler in between must not wait. Nothing that can block happens under this lock.
 */
static struct lock whole;
static __thread unsigned holds __attribute__((tls_model("initial-exec")));

void adopt_hold(void)
{
	if (holds++ == 0)
		lock_take(&whole);
}

void adopt_release(void)
{
	if (--holds == 0)
		lock_release(&whole);
}

/* Damaged objects already complained of. More than these in one process: said again. */
#define DAMAGED_MAX 32
static uintptr_t damaged[DAMAGED_MAX];

static bool is_known_damaged(uintptr_t base)
{
	for (unsigned i = 0; i < DAMAGED_MAX; i++) {
		if (damaged[i] == base + 1) /* base may be 0, an empty place is */
			return true;
		if (!damaged[i]) {
			damaged[i] = base + 1;
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

static bool has_variables(const struct proof *proof)
{
	for (unsigned kind = 0; kind < KIND_COUNT; kind++)
		if (proof->ranges[kind].start != proof->ranges[kind].stop)
			return true;
	return false;
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
	for (unsigned kind = 0; kind < KIND_COUNT; kind++)
		if (proof.ranges[kind].start <= *address && *address < proof.ranges[kind].stop)
			return 1;
	return 0;
}

static bool is_shared(uintptr_t address)
{
	return modules_visit(find_shared, &address) != 0;
}

static bool may_be_late(struct proof *proof, enum adopt_when when)
{
	if (when == ADOPT_THREADS)
		return proof_refuse(proof, REASON_THREADS, NULL, 0);
	if (when == ADOPT_LOADED && !config.late && !family_alone())
		return proof_refuse(proof, REASON_AFTER_FORK, NULL, 0);
	return true;
}

static void report(const struct module *module, const struct proof *proof)
{
	const struct refusal *r = &proof->refusal;
	char cause[LOG_LINE_MAX / 2];

	log_format(cause, sizeof(cause), refusal_cause(r->reason), (unsigned long)r->value);
	log_line("%s: annotated variables stay private: %s%s%s%s; %s", module->name,
		r->kind ? "section " : "", r->kind ? r->kind : r->symbol ? r->symbol : "",
		r->kind || r->symbol ? ": " : "", cause, refusal_cure(r->reason));
}

static void announce(const struct module *module, const struct proof *proof)
{
	for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
		const struct range *range = &proof->ranges[kind];

		if (range->lost)
			log_line("%s: section %s: %s is lost by sharing its pages; set it again, "
				 "or do not share them",
				module->name, kind_name[kind], range->lost);
		if (config.verbose && range->start != range->stop)
			log_line("%s: section %s: %lu bytes at 0x%lx are shared", module->name,
				kind_name[kind], (unsigned long)(range->stop - range->start),
				(unsigned long)range->start);
	}
}

struct pass {
	enum adopt_when when;
	unsigned refused;
};

static void bind(const struct proof *proof, unsigned long state)
{
	struct fondue_binding *binding = (struct fondue_binding *)proof->binding;

	binding->runtime = runtime;
	binding->state = state;
}

/* In one piece for forks, and for signal handlers that would write to the old pages. */
static bool share(struct proof *proof)
{
	uint64_t all = ~0ULL, saved;
	bool good;

	(void)sys_call(SYS_rt_sigprocmask, SIG_SETMASK, &all, &saved, sizeof(saved));
	adopt_hold();
	good = remap_shared(proof);
	if (good)
		bind(proof, FONDUE_STATE_SHARED);
	adopt_release();
	(void)sys_call(SYS_rt_sigprocmask, SIG_SETMASK, &saved, NULL, sizeof(saved));
	return good;
}

static void adopt(const struct module *module, struct proof *proof, struct pass *pass)
{
	bool good = !proof->refusal.reason;

	if (good && has_variables(proof))
		good = symbols_check(module, proof, is_shared) &&
		       may_be_late(proof, pass->when);
	if (good && share(proof)) {
		announce(module, proof);
		return;
	}
	if (binding_is_sound(proof))
		bind(proof, FONDUE_STATE_PRIVATE);
	report(module, proof);
	pass->refused++;
}

static bool is_new(const struct module *module, const struct proof *proof)
{
	if (!binding_is_sound(proof))
		return !is_known_damaged(module->base);
	return !((const struct fondue_binding *)proof->binding)->runtime;
}

static int visit(const struct module *module, void *arg)
{
	struct image image;
	struct proof proof;

	if (!module_prove(module, &image, &proof))
		return 0;
	config_complain();
	if (is_new(module, &proof))
		adopt(module, &proof, arg);
	return 0;
}

unsigned adopt_new_objects(enum adopt_when when)
{
	struct pass pass = { .when = when };

	modules_visit(visit, &pass);
	return pass.refused;
}
