/* SPDX-License-Identifier: MIT */
/*
 * plan-run.c - along every path, until nothing changes any more
 *
 * From the entry along every path, with a state for each place where paths meet, until
 * nothing changes any more; then once more over the states that were found, to note what
 * is done. A call of a function of the object goes through that one, too, with the
 * arguments as they are; so an end that is passed beside a beginning meets it there. How
 * deep, and how much in all, is bounded: what is not gone through has escaped.
 *
 * A compiler that sees a called function may keep values in any register which that does
 * not write, whatever the convention says; so it is looked up which these are.
 */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "plan-calls.h"
#include "plan-landing.h"
#include "plan-nodes.h"
#include "plan-run.h"
#include "plan-step.h"
#include "plan-uses.h"

#define DEPTH_MAX    6
#define STEPS_MAX    40000000 /* in all: some seconds */
#define STEPS_OF_ONE 400000
#define TABLE_MAX    4096
#define VISITS_MAX   200000
#define PASSED_MAX   (8 * 16) /* bytes of arguments on the stack */

/* One function with one set of arguments. */
struct run {
	struct flow *flow;
	struct nodes nodes;
	unsigned depth;
	int64_t steps_left;
	int64_t escaped;
	struct outcome outcome;
	bool is_final; /* the states are found: no new ones are made */
};

static struct outcome go_through(
	struct flow *flow, uint64_t entry, const struct value *arguments, unsigned depth);

static uint8_t *head_at(const struct flow *flow, uint64_t at)
{
	return &flow->heads[at - flow->places->bytes->code.start];
}

/* Two words come back in two registers; only the first is followed. */
static void returns(struct run *run, struct value value, struct value second)
{
	use(second, USE_RETURNED | USE_ESCAPES);
	if (value.kind == VALUE_STACK)
		value = value_unknown();
	use(value, USE_RETURNED);
	run->outcome.value =
		run->outcome.returns ? value_join(run->outcome.value, value) : value;
	run->outcome.returns = true;
}

/* Nothing is known of what comes: all that is held has escaped. */
static void lose(const struct state *state)
{
	for (unsigned i = 0; i < REGISTERS; i++)
		use(state->regs[i], USE_ODD | USE_ESCAPES);
	for (unsigned i = 0; i < state->slot_count; i++)
		use(state->slots[i].value, USE_ODD | USE_ESCAPES);
}

/* It goes on where nothing is seen, and comes back from there as well as not. */
static void give_up(struct run *run, const struct state *state)
{
	lose(state);
	returns(run, value_unknown(), value_unknown());
}

static void reach(struct run *run, uint64_t at, const struct state *state)
{
	if (!places_length(run->flow->places, at)) {
		give_up(run, state);
		return;
	}
	if (run->is_final)
		return;
	nodes_reach(&run->nodes, at, state);
	*head_at(run->flow, at) = 1;
}

/*
 * Arguments on the stack: what was put there by the stack pointer may be one, and it is not known
 * how many there are. Locals of a function with a frame pointer are none.
 */
static void pass_on_stack(const struct state *state)
{
	const struct value *top = &state->regs[RSP];

	for (unsigned i = 0; i < state->slot_count && top->kind == VALUE_STACK; i++) {
		const struct stack_slot *slot = &state->slots[i];

		if (slot->from_top && slot->offset >= top->low &&
			slot->offset < top->low + PASSED_MAX)
			use_escapes(slot->value);
	}
}

static void clobber(struct state *state, unsigned mask)
{
	for (unsigned i = 0; i < REGISTERS; i++)
		if (mask >> i & 1)
			state->regs[i] = value_unknown();
	state->compared = COMPARED_NONE;
}

static struct outcome call_inside(
	struct run *run, struct state *state, uint64_t target, unsigned *mask)
{
	const struct function *function = symbols_function(run->flow->places->symbols, target);
	struct value arguments[ARGUMENTS];

	for (unsigned i = 0; i < ARGUMENTS; i++) {
		arguments[i] = state->regs[argument_registers[i]];
		if (!value_is_rooted(arguments[i]) && !value_is_constant(arguments[i]))
			arguments[i] = value_unknown();
	}
	*mask = function ? function->writes & CALLER_SAVED : CALLER_SAVED;
	return go_through(run->flow, target, arguments, run->depth + 1);
}

/*
 * If an exception comes out of it: by then the registers that a function must restore are as they
 * were, and the stack pointer.
 */
static void land(struct run *run, const struct state *state, uint64_t at)
{
	uint64_t to = landings_of(run->flow->places, at);
	struct state landed = *state;

	if (!to)
		return;
	state_expose(&landed, run->escaped, use_escapes);
	clobber(&landed, CALLER_SAVED);
	reach(run, to, &landed);
}

static bool may_trap(const struct insn *insn)
{
	ZydisMnemonic m = insn->in.mnemonic;

	for (unsigned i = 0; i < insn->in.operand_count; i++)
		if (insn->op[i].type == ZYDIS_OPERAND_TYPE_MEMORY)
			return !insn_only_names(insn);
	return m == ZYDIS_MNEMONIC_DIV || m == ZYDIS_MNEMONIC_IDIV;
}

/* Return whether it comes back. */
static bool call(struct run *run, struct state *state, const struct insn *insn)
{
	struct places *places = run->flow->places;
	const ZydisDecodedOperand *op = insn_relative(insn);
	struct outcome outcome = { .returns = true };
	unsigned mask = CALLER_SAVED;
	const char *name = NULL;
	uint64_t target;

	pass_on_stack(state);
	if (insn_target(insn, &target)) {
		name = calls_through_plt(places, target);
		if (!name && symbols_function(places->symbols, target))
			outcome = call_inside(run, state, target, &mask);
		else
			outcome.value = calls_outside(state, name, insn->at);
	} else {
		if (op)
			name = places_import(places, insn_place(insn, op));
		outcome.value = calls_outside(state, name, insn->at);
	}
	if (calls_return_twice(name)) /* and then the stack is as it was left */
		run->escaped = INT64_MIN;
	land(run, state, insn->at);
	if (!outcome.returns || calls_never_return(name))
		return false;
	state_expose(state, run->escaped, use_escapes);
	clobber(state, mask);
	if (!(mask >> RAX & 1)) /* it returns nothing, and who calls it knows */
		return true;
	if (!value_is_rooted(outcome.value))
		outcome.value = value_loaded();
	state->regs[RAX] = outcome.value;
	return true;
}

/* In the function, or in what a compiler has split off from it: "name.cold". */
static bool is_part_of(
	const struct places *places, uint64_t at, const struct function *function)
{
	const struct function *other = symbols_function(places->symbols, at);

	return other == function || (other && other->name && function->name &&
					    !strncmp(other->name, function->name,
						    strlen(function->name)));
}

/* An entry of a jump table; what can never happen may lead to behind the last instruction. */
static bool jump_to(struct run *run, const struct state *state, uint64_t target,
	const struct function *function)
{
	const struct places *places = run->flow->places;

	if (places_length(places, target) && is_part_of(places, target, function)) {
		reach(run, target, state);
		return true;
	}
	return is_part_of(places, target - 1, function);
}

/* Offsets of 32 bits from the table itself, up to the first that leads elsewhere. */
static void jump_by_table(struct run *run, const struct state *state, uint64_t table,
	const struct function *function)
{
	const struct bytes *bytes = run->flow->places->bytes;
	uint64_t i = 0;
	int32_t offset;

	while (i < TABLE_MAX && bytes_get32(bytes, table + 4 * i, &offset) &&
		jump_to(run, state, table + (uint64_t)(int64_t)offset, function))
		i++;
	if (!i)
		give_up(run, state);
}

static void jump_by_addresses(struct run *run, const struct state *state, uint64_t table,
	const struct function *function)
{
	const struct bytes *bytes = run->flow->places->bytes;
	uint64_t i = 0, target;

	while (i < TABLE_MAX && bytes_get64(bytes, table + 8 * i, &target) &&
		jump_to(run, state, target, function))
		i++;
	if (!i)
		give_up(run, state);
}

static void jump_out(struct run *run, const struct state *state, const char *name, uint64_t at)
{
	struct value value = calls_outside(state, name, at);

	if (!calls_never_return(name))
		returns(run, value, value_unknown());
}

/* Where the jump leads by a table that is known. */
static struct value table_of(struct run *run, const struct state *state, const struct insn *insn)
{
	struct state copy = *state;
	struct step one = { .places = run->flow->places,
		.state = &copy,
		.insn = insn,
		.escaped = &run->escaped };
	struct value value = value_unknown();

	if (insn->in.operand_count_visible)
		value = operand_value(&one, 0);
	return value.kind == VALUE_TABLE ? value : value_unknown();
}

static void jump(struct run *run, const struct state *state, const struct insn *insn)
{
	struct places *places = run->flow->places;
	const struct function *function = symbols_function(places->symbols, insn->at);
	const ZydisDecodedOperand *op = insn_relative(insn);
	struct value table = table_of(run, state, insn);
	const char *name;
	uint64_t target;

	if (insn_target(insn, &target)) {
		name = calls_through_plt(places, target);
		if (name)
			jump_out(run, state, name, insn->at);
		else
			reach(run, target, state);
		return;
	}
	name = op ? places_import(places, insn_place(insn, op)) : NULL;
	if (name) {
		jump_out(run, state, name, insn->at);
	} else if (function && table.kind == VALUE_TABLE && table.root == TABLE_OF_ADDRESSES) {
		jump_by_addresses(run, state, (uint64_t)table.low, function);
	} else if (function && table.kind == VALUE_TABLE && insn_register(insn, 0) >= 0) {
		jump_by_table(run, state, (uint64_t)table.low, function);
	} else {
		give_up(run, state);
	}
}

static void branch(struct run *run, const struct state *state, const struct insn *insn)
{
	int decided = state_decides(state, insn, use_address);
	uint64_t target;

	if (!insn_target(insn, &target)) {
		give_up(run, state);
		return;
	}
	if (decided != 0)
		reach(run, target, state);
	if (decided != 1)
		reach(run, insn->next, state);
}

/* From a place where paths meet to the next. */
static void go_straight(struct run *run, const struct node *node)
{
	struct places *places = run->flow->places;
	struct state state = node->state;
	struct insn insn = { .next = node->at };
	const struct function *function = symbols_function(places->symbols, node->at);
	struct step one = {
		.places = places, .state = &state, .insn = &insn, .escaped = &run->escaped
	};

	for (bool is_first = true;; is_first = false) {
		uint64_t at = insn.next;
		unsigned len = places_length(places, at);

		if (!is_first && len && *head_at(run->flow, at) &&
			(!run->is_final || nodes_find(&run->nodes, at))) {
			reach(run, at, &state);
			return;
		}
		if (!len || !decode(places->bytes, at, at + len, &insn)) {
			give_up(run, &state);
			return;
		}
		/* behind the last call of a function, which does not come back */
		if (function && !extent_holds(function->at, at)) {
			lose(&state);
			return;
		}
		if (--run->steps_left < 0 || --run->flow->steps_left < 0) {
			lose(&state);
			return;
		}
		if (uses_are_recorded() && places_root(places, at))
			places_root(places, at)->is_visited = true;
		switch (insn_ending(&insn)) {
		case ENDING_NONE:
			if (may_trap(&insn)) /* -fnon-call-exceptions */
				land(run, &state, at);
			step(&one);
			break;
		case ENDING_CALL:
			if (!call(run, &state, &insn))
				return;
			break;
		case ENDING_JUMP:
			jump(run, &state, &insn);
			return;
		case ENDING_BRANCH:
			branch(run, &state, &insn);
			return;
		case ENDING_RETURN:
			returns(run, state.regs[RAX], state.regs[RDX]);
			return;
		case ENDING_TRAP:
			return;
		}
	}
}

static void drain(struct run *run)
{
	struct node *node;

	while ((node = nodes_next(&run->nodes)))
		go_straight(run, node);
}

/* Once more over what was found; nested calls note theirs on the way. */
static void record(struct run *run)
{
	bool was = uses_are_recorded();

	run->is_final = true;
	uses_record(true);
	for (unsigned i = 0; i < NODES_BUCKETS; i++)
		for (struct node *node = run->nodes.buckets[i]; node; node = node->next)
			go_straight(run, node);
	uses_record(was);
	run->is_final = false;
}

static struct run new_run(struct flow *flow, unsigned depth)
{
	return (struct run){
		.flow = flow, .depth = depth, .steps_left = STEPS_OF_ONE, .escaped = INT64_MAX
	};
}

static void start(struct run *run, uint64_t at, const struct value *arguments)
{
	struct state state;

	state_begin(&state);
	for (unsigned i = 0; arguments && i < ARGUMENTS; i++)
		state.regs[argument_registers[i]] = arguments[i];
	reach(run, at, &state);
	drain(run);
}

static struct outcome not_gone_through(const struct value *arguments)
{
	for (unsigned i = 0; i < ARGUMENTS; i++)
		use(arguments[i], USE_ESCAPES | USE_ODD);
	return (struct outcome){ .returns = true, .value = value_unknown() };
}

static struct outcome go_through(
	struct flow *flow, uint64_t entry, const struct value *arguments, unsigned depth)
{
	struct visit *visit = visits_find(&flow->visits, entry, arguments);
	bool is_recorded = uses_are_recorded();
	struct run run;

	if (visit && visit->is_busy)
		return not_gone_through(arguments);
	if (visit && (visit->is_recorded || !is_recorded))
		return visit->outcome;
	if (depth > DEPTH_MAX || flow->visits.count > VISITS_MAX || flow->steps_left < 0)
		return not_gone_through(arguments);
	if (!visit)
		visit = visits_add(&flow->visits, entry, arguments);
	visit->is_busy = true;
	run = new_run(flow, depth);
	uses_record(false);
	start(&run, entry, arguments);
	uses_record(is_recorded);
	if (is_recorded) {
		record(&run);
		visit->is_recorded = true;
	}
	visit->outcome = run.outcome;
	if (run.steps_left < 0)
		visit->outcome = not_gone_through(arguments);
	visit->is_busy = false;
	nodes_free(&run.nodes);
	return visit->outcome;
}

/*
 * From the entry; then from whatever root was not reached: behind a jump that is not
 * understood, or where exceptions land. What was held on the way there has been lost, and
 * that was noted.
 */
void run_function(struct flow *flow, uint64_t entry, size_t first, size_t end)
{
	struct run run = new_run(flow, 0);

	start(&run, entry, NULL);
	record(&run);
	for (size_t i = first; i < end; i++) {
		struct root *root = &flow->places->roots[i];

		if (root->is_visited)
			continue;
		start(&run, root->at, NULL);
		record(&run);
	}
	nodes_free(&run.nodes);
}

static void mark_heads(struct flow *flow)
{
	struct places *places = flow->places;

	flow->heads = memory_get(places->bytes->code.end - places->bytes->code.start);
	for (size_t i = 0; i < places->branch_count; i++)
		if (!places->branches[i].is_call &&
			extent_holds(places->bytes->code, places->branches[i].to))
			*head_at(flow, places->branches[i].to) = 1;
	for (size_t i = 0; i < places->landing_count; i++)
		*head_at(flow, places->landings[i].to) = 1;
}

void run_begin(struct flow *flow, struct places *places)
{
	*flow = (struct flow){ .places = places, .steps_left = STEPS_MAX };
	uses_of(places);
	mark_heads(flow);
}
