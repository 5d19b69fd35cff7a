/* SPDX-License-Identifier: MIT */
/*
 * plan-output.h - a plan as bytes, on its way into a file
 */
#pragma once

#include "plan-bytes.h"

struct plan_output {
	uint8_t *bytes;
	size_t size;
	size_t room;
};

void output_put(struct plan_output *plan, const void *bytes, size_t size);
/* Return: the number that the plan knows it by. */
uint32_t output_string(struct plan_output *strings, const char *text);

/*
 * output_begin() - the first strings, and the header: all of it but counts, sizes and the sum
 * @bytes: of the object that it is for
 */
struct plan_header output_begin(
	const struct bytes *bytes, uint32_t version, struct plan_output *strings);

/*
 * output_write() - the plan, which begins with its header, and its strings into the file @path
 *
 * Return: NULL, or why not.
 */
const char *output_write(
	struct plan_output *plan, const struct plan_output *strings, const char *path);
