/* SPDX-License-Identifier: MIT */
/*
 * real.c - dlsym(RTLD_NEXT), once
 *
 * "Next", not "libc's": another preload that hooks the same function comes behind us and
 * gets its turn. dlsym() must not be called from a signal handler or in the middle of a
 * fork, so the constructor resolves everything; the lazy path is for libraries whose
 * constructors run before ours, which happens only when we are loaded late.
 */
#include <dlfcn.h>
#include <stdatomic.h>

#include "real.h"

static struct real table;
static struct real_rare rare;
static atomic_bool resolved, rare_resolved;

static void resolve(const char *name, void *ret_function)
{
	*(void **)ret_function = dlsym(RTLD_NEXT, name);
	if (!*(void **)ret_function)
		(void)dlerror(); /* a message that the host did not ask for */
}

const struct real *real(void)
{
	/* acquire: the table before its use; pairs with the release below */
	if (!atomic_load_explicit(&resolved, memory_order_acquire)) {
		/* two threads may both come here: they store the same values */
		resolve("fork", &table.fork);
		resolve("_Fork", &table._Fork);
		resolve("vfork", &table.vfork);
		resolve("clone", &table.clone);
		resolve("dl_iterate_phdr", &table.dl_iterate_phdr);
		resolve("__libc_start_main", &table.libc_start_main);
		resolve("sigaction", &table.sigaction);
		resolve("signal", &table.signal);
		resolve("sigaltstack", &table.sigaltstack);
		atomic_store_explicit(&resolved, true, memory_order_release);
	}
	return &table;
}

const struct real_rare *real_rare(void)
{
	/* acquire: as above */
	if (!atomic_load_explicit(&rare_resolved, memory_order_acquire)) {
		resolve("mlockall", &rare.mlockall);
		resolve("__sysv_signal", &rare.__sysv_signal);
		resolve("sigset", &rare.sigset);
		resolve("sigignore", &rare.sigignore);
		resolve("siginterrupt", &rare.siginterrupt);
		atomic_store_explicit(&rare_resolved, true, memory_order_release);
	}
	return &rare;
}

void *real_bound(const char *name, bool behind)
{
	void *found = dlsym(behind ? RTLD_NEXT : RTLD_DEFAULT, name);

	if (!found)
		(void)dlerror(); /* a message that the host did not ask for */
	return found;
}

long real_rseq_at(void)
{
	const ptrdiff_t *offset = dlsym(RTLD_DEFAULT, "__rseq_offset");
	const unsigned *size = dlsym(RTLD_DEFAULT, "__rseq_size");

	if (!offset || !size)
		(void)dlerror(); /* a message that the host did not ask for */
	return offset && size && *size ? *offset : 0;
}

/* At a program's start we run before glibc's own constructor sets environ; musl's loader does. */
bool real_is_late(void)
{
#ifdef __GLIBC__
	return environ != NULL;
#else
	return false;
#endif
}
