/* SPDX-License-Identifier: MIT */
/*
 * instance.c - the identity of a lock
 *
 * A lock is an instance: the same variable in the same memory. In shared memory that is what
 * is mapped, and where in it, whatever its address is in this process and that; in private
 * memory it is the address and the process. What cannot be told counts as private: then two
 * that are one are taken for two, and never two for one.
 */
#include <sys/mman.h>

#include "instance.h"
#include "born.h"
#include "sharing.h"

/* Of this process alone, and empty in each child. */
static struct own {
	_Atomic uint32_t process; /* tells its private locks from those of others; 0: not yet */
	pid_t pid;		  /* where the kernel does not empty it */
	struct sharing_cache cache;
} *own;

_Static_assert(sizeof(struct own) <= 4096, "born_empty() has a page");

static bool is_born_empty;
static _Atomic uint32_t *process_count;

/* Its number in the family. Raced for by two threads it costs a number. */
static uint32_t own_process(void)
{
	uint32_t none = 0, fresh;
	pid_t pid = is_born_empty ? 0 : (pid_t)sys_call(SYS_getpid);

	if (own->pid != pid) {
		own->pid = pid;
		atomic_store(&own->process, 0);
	}
	if (atomic_load_explicit(&own->process, memory_order_relaxed))
		return own->process;
	fresh = atomic_fetch_add(process_count, 1) + 1;
	(void)atomic_compare_exchange_strong(&own->process, &none, fresh);
	return own->process;
}

uint64_t instance_key(uintptr_t lock)
{
	struct sharing sharing;
	uint64_t key;

	if (sharing_find(&own->cache, lock, &sharing) && sharing.shared)
		return instance_shared(sharing.device, sharing.inode,
			sharing.offset + (lock - sharing.start));
	key = instance_mix(instance_mix(~(uint64_t)own_process()) + lock);
	return key ? key : 1;
}

static void *ordinary_page(void)
{
	long at = sys_call(SYS_mmap, 0, sizeof(struct own), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return sys_failed(at) ? NULL : (void *)at;
}

bool instance_start(_Atomic uint32_t *processes)
{
	process_count = processes;
	own = born_empty(sizeof(*own));
	is_born_empty = own;
	if (!own)
		own = ordinary_page();
	return own;
}
