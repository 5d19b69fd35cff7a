/* SPDX-License-Identifier: MIT */
/*
 * plans.c - to each plan its object
 *
 * A preload and its environment reach every program that is executed: shells, wrappers, and
 * whatever the program itself starts. So a plan finds its object by build-id, and one whose
 * object is not there is nobody's fault and says nothing; but when there is an object of its
 * name, the program has been built anew since, which somebody wants to know.
 */
#include <link.h>
#include <signal.h>

#include "plans.h"
#include "config.h"
#include "exact.h"
#include "log.h"
#include "text.h"

struct search {
	const struct plan *plan;
	struct module found, namesake; /* name NULL: none */
};

static bool is_its_id(const struct plan *plan, const struct module *module)
{
	uint32_t size;
	const uint8_t *id = module_build_id(module, &size);

	if (!id || size != plan->header->id_size)
		return false;
	for (uint32_t i = 0; i < size; i++)
		if (id[i] != plan->header->id[i])
			return false;
	return true;
}

static int look_at(const struct module *module, void *arg)
{
	struct search *search = arg;

	if (is_its_id(search->plan, module)) {
		search->found = *module;
		return 1;
	}
	if (text_equals(text_base_name(module->name),
		    plan_string(search->plan, search->plan->header->name)))
		search->namesake = *module;
	return 0;
}

static void say_refused(const char *path, const char *object, const struct plan_refusal *refusal)
{
	char cause[LOG_LINE_MAX / 2];

	log_format(cause, sizeof(cause), refusal->cause, (unsigned long)refusal->value);
	log_line("plan %s%s%s: not carried out, its variables stay private: %s; %s", path,
		object ? " of " : "", object ? object : "", cause, refusal->cure);
}

static void say_shared(const struct plan *plan, const struct module *module, intptr_t delta)
{
	const struct plan_variable *v = plan->variables;

	for (uint32_t i = 0; config.verbose && i < plan->header->variables; i++)
		log_line("%s: %s: %lu bytes are shared, at 0x%lx (plan)", module->name,
			plan_string(plan, v[i].name), (unsigned long)v[i].size,
			(unsigned long)(module->base + v[i].address + delta));
}

/* The code of these has run already, and all that we do is done with it. */
static bool has_run(const struct module *module)
{
	uintptr_t used[] = { (uintptr_t)getpid, (uintptr_t)dl_iterate_phdr,
		(uintptr_t)plans_apply };

	for (unsigned i = 0; i < module->phnum; i++)
		for (unsigned k = 0; k < FONDUE_COUNT(used); k++)
			if (module->phdr[i].p_type == PT_LOAD &&
				used[k] - module->base - module->phdr[i].p_vaddr <
					module->phdr[i].p_memsz)
				return true;
	return text_begins(text_base_name(module->name), "ld-");
}

/* In one piece for signal handlers; threads there are none yet. */
static bool share(const struct plan *plan, const struct module *module,
	struct plan_refusal *ret_refusal)
{
	uint64_t all = ~0ULL, saved;
	intptr_t delta;
	bool good;

	(void)sys_call(SYS_rt_sigprocmask, SIG_SETMASK, &all, &saved, sizeof(saved));
	good = exact_share(plan, module, &delta, ret_refusal);
	(void)sys_call(SYS_rt_sigprocmask, SIG_SETMASK, &saved, NULL, sizeof(saved));
	if (good)
		say_shared(plan, module, delta);
	return good;
}

/* Return: false when it is refused. */
static bool carry_out(const char *path, const struct plan *plan, const char *why_not)
{
	struct search search = { .plan = plan };
	struct plan_refusal refusal;

	modules_visit(look_at, &search);
	if (!search.found.name && !search.namesake.name)
		return true;
	if (!search.found.name)
		refusal = (struct plan_refusal){ .cause = "it was made for another build of it",
			.cure = "make it again, with fondue plan" };
	else if (why_not)
		refusal = (struct plan_refusal){ .cause = why_not,
			.cure = "preload libfondue.so before the program starts" };
	else if (has_run(&search.found))
		refusal = (struct plan_refusal){ .cause = "its object has run before any preload",
			.cure = "variables of libc and of the loader cannot be shared" };
	else if (share(plan, &search.found, &refusal))
		return true;
	say_refused(path, search.found.name ? search.found.name : search.namesake.name, &refusal);
	return false;
}

static bool apply(const char *path, const char *why_not)
{
	struct plan_refusal refusal;
	struct plan plan;
	bool good;

	if (!plan_read(path, &plan, &refusal)) {
		say_refused(path, NULL, &refusal);
		return false;
	}
	good = carry_out(path, &plan, why_not);
	plan_close(&plan);
	return good;
}

/* "FILE:FILE": as a PATH. */
unsigned plans_apply(const char *why_not)
{
	const char *at = config.plan;
	unsigned refused = 0;

	while (at && *at) {
		char path[4096];
		size_t len = 0;

		while (at[len] && at[len] != ':')
			len++;
		if (len && len < sizeof(path)) {
			log_format(path, len + 1, "%s", at);
			refused += !apply(path, why_not);
		}
		at += len + (at[len] == ':');
	}
	return refused;
}
