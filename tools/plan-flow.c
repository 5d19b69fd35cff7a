/* SPDX-License-Identifier: MIT */
/*
 * plan-flow.c - each function that forms an address of interest is gone through
 *
 * Of interest is what is near something that will be shared; all other addresses can be
 * left where they are. But in a function that forms one of interest the others are
 * followed, too: they may be compared with it.
 */
#include "memory.h"
#include "plan-decode.h"
#include "plan-flow.h"
#include "plan-run.h"

static void follow_code(struct flow *flow)
{
	struct places *places = flow->places;

	for (size_t i = 0, end; i < places->code_root_count; i = end) {
		const struct function *function =
			symbols_function(places->symbols, places->roots[i].at);
		bool is_wanted = false;

		for (end = i; end < places->code_root_count; end++) {
			if (end > i && (!function || !extent_holds(function->at,
							     places->roots[end].at)))
				break;
			is_wanted |= places_are_near_shared(places, places->roots[end].address);
		}
		if (is_wanted)
			run_function(flow, function ? function->at.start : places->roots[i].at,
				i, end);
	}
}

static bool is_slot_of_interest(const struct places *places, uint64_t address)
{
	const struct root *root = places_slot(places, address);

	return root && places_are_near_shared(places, root->address);
}

/* Functions that only load an address of interest from where the loader has put it. */
static void follow_loads(struct flow *flow)
{
	struct places *places = flow->places;
	const struct function *last = NULL;
	struct insn insn;

	for (uint64_t at = places->bytes->code.start; at < places->bytes->code.end;) {
		unsigned len = places_length(places, at);
		const ZydisDecodedOperand *op = NULL;
		const struct function *function;

		if (!len || !decode(places->bytes, at, at + len, &insn)) {
			at++;
			continue;
		}
		op = insn_relative(&insn);
		function = op ? symbols_function(places->symbols, at) : NULL;
		if (function && function != last &&
			is_slot_of_interest(places, insn_place(&insn, op))) {
			run_function(flow, function->at.start, 0, 0);
			last = function;
		}
		at = insn.next;
	}
}

void flow_follow(struct places *places)
{
	struct flow *flow = memory_get(sizeof(*flow));

	run_begin(flow, places);
	follow_code(flow);
	follow_loads(flow);
	for (size_t i = 0; i < places->code_root_count; i++)
		if (!places->roots[i].is_visited &&
			places_are_near_shared(places, places->roots[i].address))
			places->roots[i].uses |= USE_NOT_SEEN;
}
