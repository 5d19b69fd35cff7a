/* SPDX-License-Identifier: MIT */
/*
 * hook-dl.c - dlopen, without coming between it and its caller
 *
 * glibc's dlopen() looks at its return address: the caller's DT_RUNPATH or DT_RPATH is
 * searched for a name without a slash, and $ORIGIN means the caller's directory. From a
 * frame of ours it would search on our behalf and miss the host's plugins. So a call for
 * which the caller matters is passed on by a jump, which leaves the host's return address
 * where it was, and the new object is looked at later (lifecycle.c). For all others, a
 * path with a slash first of all, we may come back and look at once.
 *
 * The jump is the compiler's sibling call: this file is optimized in every build, and
 * tests/integration/test-dlopen.c loads a plugin through its caller's RUNPATH.
 */
#include <dlfcn.h>
#include <string.h>

#include "lifecycle.h"
#include "modules.h"
#include "real.h"

struct search {
	uintptr_t caller;
	bool matters;
};

static bool holds(const struct module *module, uintptr_t address)
{
	for (unsigned i = 0; i < module->phnum; i++)
		if (module->phdr[i].p_type == PT_LOAD &&
			address - module->base - module->phdr[i].p_vaddr <
				module->phdr[i].p_memsz)
			return true;
	return false;
}

static bool has_entry(const struct module *module, int64_t tag)
{
	return module_dynamic_value(module, tag) != 0;
}

/*
 * The program's own DT_RPATH is searched for everybody's sake, any other library's for
 * those it loaded; who loaded whom is not to be seen, so any other DT_RPATH counts.
 */
static int visit(const struct module *module, void *arg)
{
	struct search *search = arg;

	if (has_entry(module, DT_RPATH) && !module->is_program)
		search->matters = true;
	else if (has_entry(module, DT_RUNPATH) && holds(module, search->caller))
		search->matters = true;
	return search->matters;
}

static bool caller_matters(const char *file, const void *caller)
{
	struct search search = { .caller = (uintptr_t)caller };

	if (!file)
		return false;
	if (strchr(file, '$'))
		return true;
	if (strchr(file, '/'))
		return false;
	modules_visit(visit, &search);
	return search.matters;
}

FONDUE_EXPORT void *dlopen(const char *file, int mode)
{
	void *handle;

	if (caller_matters(file, __builtin_return_address(0))) {
		lifecycle_unseen_loading();
		return real()->dlopen(file, mode); /* a jump: see above */
	}
	lifecycle_enter_loading();
	handle = real()->dlopen(file, mode);
	lifecycle_leave_loading();
	return handle;
}
