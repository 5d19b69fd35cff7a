/* SPDX-License-Identifier: MIT */
/*
 * cfi.h - is the unwind information for an address fit to be worked with?
 */
#pragma once

#include "binary.h"

/* Changes of how return addresses are signed, in one function; one for each way out. */
#define CFI_SIGNS_MAX 32

struct cfi {
	uintptr_t table; /* the sorted pairs of .eh_frame_hdr */
	size_t pairs;
	uintptr_t record; /* what is said of the function: of each another one */
	/*
	 * Where the function's program has DW_CFA_AARCH64_negate_ra_state. libunwind 1.6 does
	 * not know it, and who strips signatures can do without: a nop in its place will do.
	 */
	unsigned signs;
	uintptr_t sign_at[CFI_SIGNS_MAX];
};

/*
 * cfi_check() - find what @binary says of @pc, and judge it
 *
 * Return: 0; -ENODATA: the object has no table, or it says nothing of @pc; -EBADMSG: what
 * it says is damaged, or of a kind that no compiler emits.
 */
int cfi_check(struct target *target, const struct binary *binary, uintptr_t pc,
	struct cfi *ret);
