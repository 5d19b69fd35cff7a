/* SPDX-License-Identifier: MIT */
/*
 * pages.h - the contents of a range of pages
 */
#pragma once

#include "proof.h"

/*
 * pages_copy() - copy the contents of @range to @to, a zero mapping of the same size
 *
 * Pages that hold only zeros are not written, and those the process never touched are
 * not even read where the kernel tells (pagemap): they stay unpopulated on both sides.
 */
void pages_copy(const struct range *range, void *to, size_t page_size);
