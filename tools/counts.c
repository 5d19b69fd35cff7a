/* SPDX-License-Identifier: MIT */
/*
 * counts.c - looking a lock up in the family's table, where it has one
 *
 * The registry tells where the table is, in all processes of the family. What is read there
 * counts only if it stands under the lock's own key.
 */
#include <sys/sysmacros.h>

#include "../preload/counts.h"
#include "../preload/instance.h"
#include "counts.h"

static bool read_at(const struct family *family, uint64_t at, void *ret, size_t size)
{
	return process_read(&family->process, at, ret, size) == 0;
}

static uint64_t key_of(const struct lock *lock)
{
	uint64_t device = (uint64_t)major(lock->key.device) << 32 | minor(lock->key.device);

	return instance_shared(device, lock->key.inode, lock->key.offset);
}

bool counts_find(const struct family *family, const struct lock *lock,
	uint64_t *ret_acquisitions, uint64_t *ret_contended)
{
	uint64_t audit, key;

	if (lock->key.device == KEY_PRIVATE ||
		!read_at(family, family->at + offsetof(struct registry, audit), &audit,
			sizeof(audit)) ||
		!audit)
		return false;
	key = key_of(lock);
	for (unsigned i = 0; i < COUNTS_PROBES; i++) {
		struct count count;
		uint64_t at = audit + offsetof(struct audit, counts) +
			      counts_place(key, i) * sizeof(count);

		if (!read_at(family, at, &count, sizeof(count)) || !count.key)
			return false;
		if (count.key != key)
			continue;
		*ret_acquisitions = count.acquisitions;
		*ret_contended = count.contended;
		return true;
	}
	return false;
}
