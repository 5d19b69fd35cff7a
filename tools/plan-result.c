/* SPDX-License-Identifier: MIT */
/*
 * plan-result.c - the steps to a plan, one after the other
 *
 * The loader's tables come first, for they tell of functions that nothing else names; then
 * all code, then where addresses go, then whose they are.
 */
#include <stdlib.h>

#include "memory.h"
#include "plan-flow.h"
#include "plan-landing.h"
#include "plan-owner.h"
#include "plan-relocs.h"
#include "plan-result.h"
#include "plan-sweep.h"

static int by_field(const void *a, const void *b)
{
	const struct reference *x = a, *y = b;

	return (x->field > y->field) - (x->field < y->field);
}

/* Sorted; what two relocations set is one pointer. */
static size_t tidy(struct reference *list, size_t count)
{
	size_t kept = 0;

	if (count)
		qsort(list, count, sizeof(*list), by_field);
	for (size_t i = 0; i < count; i++)
		if (!kept || list[kept - 1].field != list[i].field)
			list[kept++] = list[i];
	return kept;
}

static void add(struct reference **list, size_t *count, struct reference reference)
{
	*list = memory_grow(*list, *count, sizeof(**list));
	(*list)[(*count)++] = reference;
}

static void add_root(struct result *result, const struct root *root)
{
	struct reference reference = { .at = root->at,
		.field = root->field ? root->field : root->at,
		.displacement = root->displacement,
		.address = root->address,
		.owner = root->owner,
		.reason = root->reason };

	if (!root->owner)
		return;
	if (root->field)
		add(&result->references, &result->reference_count, reference);
	else
		add(&result->pointers, &result->pointer_count, reference);
}

static void collect_variables(struct result *result)
{
	const struct symbols *symbols = result->places->symbols;

	for (size_t i = 0; i < symbols->datum_count; i++) {
		if (!symbols->data[i].is_chosen)
			continue;
		result->variables = memory_grow(result->variables, result->variable_count,
			sizeof(*result->variables));
		result->variables[result->variable_count++] = &symbols->data[i];
	}
}

void result_make(struct result *result, struct places *places)
{
	*result = (struct result){ .places = places };
	symbols_fill_gaps(places->symbols);
	relocs_read(places);
	landings_read(places);
	sweep(places);
	relocs_make_roots(places);
	flow_follow(places);
	owner_decide(places);
	collect_variables(result);
	for (size_t i = 0; i < places->reference_count; i++) {
		add(&result->references, &result->reference_count, places->references[i]);
		result->references[i].reason = "it touches it";
	}
	for (size_t i = 0; i < places->root_count; i++)
		add_root(result, &places->roots[i]);
	result->reference_count = tidy(result->references, result->reference_count);
	result->pointer_count = tidy(result->pointers, result->pointer_count);
}

uint32_t result_number(const struct result *result, const struct datum *datum)
{
	uint32_t i = 0;

	while (result->variables[i] != datum)
		i++;
	return i;
}
