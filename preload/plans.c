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
#include <sys/mman.h>

#include "plans.h"
#include "config.h"
#include "exact.h"
#include "family.h"
#include "log.h"
#include "moved.h"
#include "paged.h"
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
		log_line("%s: %s: %lu bytes are shared, at 0x%lx (plan%s)", module->name,
			plan_string(plan, v[i].name), (unsigned long)v[i].size,
			(unsigned long)(module->base + v[i].address + delta),
			plan_is_of_pages(plan) ? " of whole pages" : "");
}

/* Of a plan whose object may still come. */
struct pending {
	const char *path; /* in config.plan */
	uint32_t id_size;
	uint8_t id[PLAN_ID_MAX];
	char name[64]; /* of the object, without directory; cut */
	uintptr_t base; /* of the object that came; 0: none yet */
	bool is_shared; /* its variables are, by `exact` */
	struct exact exact;
};

/* More than one for each object of a large server that is loaded later. */
#define PENDING_MAX 64

/* Memory of its own: most processes need none. */
static struct pending *pending;
static unsigned pending_count;

static void remember(const char *path, const struct plan *plan)
{
	struct pending *p;
	long at = (long)pending;

	if (!pending)
		at = sys_call(SYS_mmap, 0, PENDING_MAX * sizeof(*pending),
			PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (sys_failed(at) || pending_count == PENDING_MAX)
		return;
	pending = (struct pending *)at;
	p = &pending[pending_count++];
	p->path = path;
	log_format(p->name, sizeof(p->name), "%s", plan_string(plan, plan->header->name));
	p->id_size = plan->header->id_size;
	for (uint32_t i = 0; i < p->id_size; i++)
		p->id[i] = plan->header->id[i];
}

/* In one piece for signal handlers. */
static bool share(const struct plan *plan, const struct module *module, bool is_late,
	struct exact *ret, struct plan_refusal *ret_refusal)
{
	uint64_t all = ~0ULL, saved;
	bool good;

	*ret = (struct exact){ 0 }; /* pages stay where they are */

	(void)sys_call(SYS_rt_sigprocmask, SIG_SETMASK, &all, &saved, sizeof(saved));
	if (plan_is_of_pages(plan))
		good = paged_share(plan, module, ret_refusal);
	else
		good = exact_share(plan, module, is_late, ret, ret_refusal);
	(void)sys_call(SYS_rt_sigprocmask, SIG_SETMASK, &saved, NULL, sizeof(saved));
	if (good)
		say_shared(plan, module, ret->delta);
	return good;
}

/* @object: the one that it is for. Return: false when it is refused. */
static bool carry_out(const char *path, const struct plan *plan, const struct module *object,
	bool is_late, const char *why_not, struct exact *ret)
{
	struct plan_refusal refusal;

	if (why_not)
		refusal = (struct plan_refusal){ .cause = why_not,
			.cure = "preload libfondue.so, and load it before the first fork" };
	else if (module_is_underneath(object)) /* all that we do is done with it */
		refusal = (struct plan_refusal){ .cause = "its object has run before any preload",
			.cure = "variables of libc and of the loader cannot be shared" };
	else if (share(plan, object, is_late, ret, &refusal))
		return true;
	say_refused(path, object->name, &refusal);
	return false;
}

static const struct plan_refusal stale = { .cause = "it was made for another build of it",
	.cure = "make it again, with fondue plan" };

static bool find_object(const char *at, const char *path, const struct plan *plan,
	const char *why_not)
{
	struct search search = { .plan = plan };
	struct exact exact;

	modules_visit(look_at, &search);
	if (search.found.name)
		return carry_out(path, plan, &search.found, false, why_not, &exact);
	if (!search.namesake.name) {
		remember(at, plan);
		return true;
	}
	say_refused(path, search.namesake.name, &stale);
	return false;
}

struct path {
	char text[4096]; /* as long as FONDUE_PLAN may be */
};

/* The first of "FILE:FILE", as in a PATH. Return: what comes behind it. */
static const char *first_path(const char *at, struct path *ret)
{
	size_t len = 0;

	for (; at[len] && at[len] != ':' && len < sizeof(ret->text) - 1; len++)
		ret->text[len] = at[len];
	ret->text[len] = '\0';
	return at + len + (at[len] == ':');
}

static bool apply(const char *at, const char *path, const char *why_not)
{
	struct plan_refusal refusal;
	struct plan plan;
	bool good;

	if (!plan_read(path, &plan, &refusal)) {
		say_refused(path, NULL, &refusal);
		return false;
	}
	good = find_object(at, path, &plan, why_not);
	plan_close(&plan);
	return good;
}

unsigned plans_apply(const char *why_not)
{
	const char *at = config.plan, *next;
	unsigned refused = 0;
	struct path path;

	for (; at && *at; at = next) {
		next = first_path(at, &path);
		if (*path.text)
			refused += !apply(at, path.text, why_not);
	}
	return refused;
}

/* Objects that come later */

struct arrival {
	uintptr_t code;	      /* of it */
	struct module module; /* name NULL: not found */
};

static int find_arrival(const struct module *module, void *arg)
{
	struct arrival *arrival = arg;

	if (module_segment(module, PT_LOAD, arrival->code, 1))
		arrival->module = *module;
	return arrival->module.name != NULL;
}

static int is_at(const struct module *module, void *arg)
{
	return module->base == *(uintptr_t *)arg;
}

/* What it was carried out for may be no more, and nobody refers to its variables then. */
static void clear(struct pending *p, const struct module *newest)
{
	if (!p->is_shared || (p->base != newest->base && modules_visit(is_at, &p->base)))
		return;
	span_release(&p->exact.span, p->exact.delta);
	moved_forget(p->base, p->exact.delta);
	p->is_shared = false;
}

static bool is_for(const struct pending *p, const struct module *module)
{
	uint32_t size;
	const uint8_t *id = module_build_id(module, &size);

	if (!id || size != p->id_size)
		return false;
	for (uint32_t i = 0; i < size; i++)
		if (id[i] != p->id[i])
			return false;
	return true;
}

static const char *why_not_now(void)
{
	return config.late || family_alone() ? NULL : "it was loaded after the process had forked";
}

static void receive(struct pending *p, const struct module *module)
{
	struct plan_refusal refusal;
	struct path path;
	struct plan plan;

	p->base = module->base;
	(void)first_path(p->path, &path);
	if (!plan_read(path.text, &plan, &refusal)) {
		say_refused(path.text, module->name, &refusal);
		return;
	}
	/* the file may have been replaced since */
	p->is_shared = is_its_id(&plan, module) &&
		       carry_out(path.text, &plan, module, true, why_not_now(), &p->exact) &&
		       !plan_is_of_pages(&plan); /* which the loader unmaps with the object */
	plan_close(&plan);
}

static void complain_of_stale(const struct module *module)
{
	struct path path;

	for (unsigned i = 0; i < pending_count; i++) {
		struct pending *p = &pending[i];

		if (p->base || !text_equals(p->name, text_base_name(module->name)))
			continue;
		(void)first_path(p->path, &path);
		say_refused(path.text, module->name, &stale);
		p->base = module->base; /* once */
	}
}

static void take_in(const struct module *module)
{
	bool is_known = false;

	for (unsigned i = 0; i < pending_count; i++)
		clear(&pending[i], module);
	for (unsigned i = 0; i < pending_count; i++)
		if (is_for(&pending[i], module)) {
			receive(&pending[i], module);
			is_known = true;
		}
	if (!is_known)
		complain_of_stale(module);
}

void plans_object_arrives(uintptr_t code)
{
	struct arrival arrival = { .code = code };
	int saved = errno;

	if (!pending_count)
		return;
	modules_visit(find_arrival, &arrival);
	if (arrival.module.name)
		take_in(&arrival.module);
	errno = saved;
}

static int complain_of_missed(const struct module *module, void *arg)
{
	const struct plan_refusal missed = {
		.cause = "its object came without a word before its constructors ran",
		.cure = "link it with the compiler's start files, or before the program starts" };
	struct path path;

	(void)arg;
	for (unsigned i = 0; i < pending_count; i++) {
		struct pending *p = &pending[i];

		if (p->base || !is_for(p, module))
			continue;
		(void)first_path(p->path, &path);
		say_refused(path.text, module->name, &missed);
		p->base = module->base; /* once */
	}
	return 0;
}

void plans_before_fork(void)
{
	int saved = errno;

	if (pending_count)
		modules_visit(complain_of_missed, NULL);
	errno = saved;
}
