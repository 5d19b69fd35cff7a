/* SPDX-License-Identifier: MIT */
/*
 * remap.h - turn private pages into shared ones, in place
 */
#pragma once

#include "proof.h"

/*
 * remap_shared() - make the ranges of @proof shared, all or none
 *
 * The pages keep address and contents; nobody else may be writing to them, and no signal
 * handler may run in this thread. What mlock() and madvise() had set is set again; a range
 * for which that failed says so in its `lost`.
 * Return: false with proof->refusal set, and everything as before.
 */
bool remap_shared(struct proof *proof);

/* The same for @count ranges of whole pages, at least one. */
bool remap_ranges(struct range *ranges, unsigned count, size_t page_size, struct refusal *ret);
