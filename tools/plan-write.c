/* SPDX-License-Identifier: MIT */
/*
 * plan-write.c - what was proved, in the order of plan.h
 */
#include <stdlib.h>

#include "plan-output.h"
#include "plan-result.h"

static void put_variables(
	const struct result *result, struct plan_output *plan, struct plan_output *strings)
{
	for (size_t i = 0; i < result->variable_count; i++) {
		const struct datum *datum = result->variables[i];
		struct plan_variable variable = { .address = datum->at.start,
			.size = datum->at.end - datum->at.start,
			.name = output_string(strings, datum_name(datum)),
			.is_exported = datum->is_exported };

		output_put(plan, &variable, sizeof(variable));
	}
}

static void put_places(const struct result *result, struct plan_output *plan)
{
	for (size_t i = 0; i < result->reference_count; i++) {
		const struct reference *from = &result->references[i];
		struct plan_reference reference = { .at = from->field,
			.displacement = from->displacement,
			.variable = result_number(result, from->owner) };

		output_put(plan, &reference, sizeof(reference));
	}
	for (size_t i = 0; i < result->pointer_count; i++) {
		const struct reference *from = &result->pointers[i];
		struct plan_pointer pointer = { .at = from->field,
			.value = from->address,
			.variable = result_number(result, from->owner) };

		output_put(plan, &pointer, sizeof(pointer));
	}
}

const char *result_write(const struct result *result, const char *path)
{
	struct plan_output plan = { 0 }, strings = { 0 };
	struct plan_header header = output_begin(result->places->bytes, PLAN_VERSION, &strings);
	const char *why;

	header.variables = (uint32_t)result->variable_count;
	header.references = (uint32_t)result->reference_count;
	header.pointers = (uint32_t)result->pointer_count;
	output_put(&plan, &header, sizeof(header));
	put_variables(result, &plan, &strings);
	put_places(result, &plan);
	why = output_write(&plan, &strings, path);
	free(plan.bytes);
	free(strings.bytes);
	return why;
}
