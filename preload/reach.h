/* SPDX-License-Identifier: MIT */
/*
 * reach.h - a place for pages, not too far from what refers to them
 */
#pragma once

#include "modules.h"

/* Pages that are to have a second place, and what of it is known. */
struct span {
	uintptr_t start, end;
	int32_t least, most; /* of the displacements that refer to them */
};

void span_begin(struct span *span);
void span_add(struct span *span, uintptr_t start, uintptr_t end);
void span_reach(struct span *span, int32_t displacement);

/*
 * span_reserve() - addresses of the size of @span that all displacements reach
 *
 * They are taken and not accessible, with a page before and behind them. Return: false: there are
 * none; else *ret_delta is how far they are from the span.
 */
bool span_reserve(const struct span *span, const struct module *module, intptr_t *ret_delta);

/* Give them back. */
void span_release(const struct span *span, intptr_t delta);
