/* SPDX-License-Identifier: MIT */
/*
 * plan-file.h - a plan in memory, whose every number has been looked at
 */
#pragma once

#include "base.h"
#include "plan.h"

struct plan {
	const struct plan_header *header;
	const struct plan_variable *variables;
	const struct plan_reference *references;
	const struct plan_pointer *pointers;
	const char *strings;
	size_t mapped;
};

/* Why a plan is not applied, and what helps; the cause may hold one %lx or %lu for `value`. */
struct plan_refusal {
	const char *cause, *cure;
	uint64_t value;
};

/*
 * plan_read() - read the file @path
 *
 * It has to be a regular file that belongs to this user and that nobody else may write to. What
 * is returned is in order within itself: whether it fits an object is another question.
 * Return: false with *ret_refusal set.
 */
bool plan_read(const char *path, struct plan *ret, struct plan_refusal *ret_refusal);

/* The same for @size bytes in memory, which plan_close() does not give back. */
bool plan_parse(const void *bytes, size_t size, struct plan *ret,
	struct plan_refusal *ret_refusal);

void plan_close(struct plan *plan);

static inline bool plan_is_of_pages(const struct plan *plan)
{
	return plan->header->version == PLAN_OF_PAGES;
}

static inline const char *plan_string(const struct plan *plan, uint32_t at)
{
	return plan->strings + at;
}
