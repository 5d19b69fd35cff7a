/* SPDX-License-Identifier: MIT */
/*
 * peek.c - a page at a time
 *
 * process_vm_readv() gives up a whole piece when its last byte is not there, so a piece ends
 * where a page does. One piece a call: an array of them would not fit on the small stack of
 * a signal handler.
 */
#include <sys/uio.h>

#include "peek.h"

#define PEEK_PAGE 4096 /* at most what a page is */

static long copy_piece(long pid, uintptr_t from, void *bytes, size_t size)
{
	struct iovec local = { bytes, size }, remote = { (void *)from, size };

	return sys_call(SYS_process_vm_readv, pid, &local, 1UL, &remote, 1UL, 0UL);
}

/* The kernel reads the mask before it finds out that there is nothing it could do with it. */
static bool is_there(uintptr_t page)
{
	return sys_call(SYS_rt_sigprocmask, ~0L, page, NULL, sizeof(uint64_t)) == -EINVAL;
}

FONDUE_UNINSTRUMENTED static long read_piece(
	long pid, uintptr_t from, void *bytes, size_t size)
{
	(void)pid;
	if (!is_there(align_down(from, PEEK_PAGE)))
		return -EFAULT;
	for (size_t i = 0; i < size; i++)
		((volatile unsigned char *)bytes)[i] = ((const volatile unsigned char *)from)[i];
	return size;
}

static long by_pieces(long (*take)(long, uintptr_t, void *, size_t), uintptr_t from,
	void *bytes, size_t size)
{
	long pid = sys_call(SYS_getpid), got;
	size_t done = 0;

	while (done < size) {
		size_t piece = PEEK_PAGE - (from + done) % PEEK_PAGE;

		if (piece > size - done)
			piece = size - done;
		got = take(pid, from + done, (char *)bytes + done, piece);
		if (got <= 0)
			return done ? (long)done : got ? got : -EFAULT;
		done += got;
	}
	return done;
}

long peek(uintptr_t from, void *bytes, size_t size)
{
	return by_pieces(copy_piece, from, bytes, size);
}

long peek_stack(uintptr_t from, void *bytes, size_t size)
{
	long got = peek(from, bytes, size);

	return got < 0 && got != -EFAULT ? by_pieces(read_piece, from, bytes, size) : got;
}
