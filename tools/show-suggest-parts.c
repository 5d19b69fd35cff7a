/* SPDX-License-Identifier: MIT */
/*
 * show-suggest-parts.c - a variable in a few words: its values, its name, its line to paste
 *
 * The values are what a reader recognises: he knows that there were 1270 requests, and here
 * they are, in four parts. So each child's value is shown, and what they come to together. Of a
 * struct it is the first member that counts; of a table, how much of it was changed.
 */
#include <inttypes.h>
#include <string.h>

#include "memory.h"
#include "say.h"
#include "show-suggest.h"

/* A row has room for as many. */
#define VALUES_SHOWN 5

const char *show_suggest_number(const struct word *word, uint64_t bits)
{
	if (word->class == WORD_SHARED || word->class == WORD_PRIVATE ||
		word->class == WORD_POINTER)
		return memory_format(bits ? "0x%" PRIx64 : "0", bits);
	if (word->encoding == SEEN_REAL)
		return memory_format("%.6Lg", words_value(word, bits));
	return memory_format("%.0Lf", words_value(word, bits));
}

const char *show_suggest_name(const struct judgement *judgement, const struct finding *finding)
{
	const struct seen_variable *variable = finding->facts.variable;

	if (finding->pattern)
		return finding->pattern;
	if (variable->name)
		return variable->name;
	return memory_format("%s+0x%" PRIx64,
		say_base_name(judgement->seen->objects[variable->object].path),
		variable->address);
}

static const struct word *word_at(const struct witness *witness, uint64_t offset)
{
	for (size_t i = 0; i < witness->word_count; i++)
		if (witness->words[i].offset == offset)
			return &witness->words[i];
	return NULL;
}

bool show_suggest_sum(const struct finding *finding, long double *ret)
{
	enum looks_kind kind = finding->ruling.looks.kind;

	*ret = 0;
	if (finding->facts.children < 2 || finding->facts.offsets != 1 ||
		(kind != LOOKS_COUNTER && kind != LOOKS_RESULT && kind != LOOKS_SUM))
		return false;
	for (size_t i = 0; i < finding->facts.children; i++) {
		const struct word *word = finding->facts.evidence->witnesses[i].words;

		*ret += words_value(word, word->after) - words_value(word, word->before);
	}
	return true;
}

static const char *list_values(const struct finding *finding, const struct word *main)
{
	const struct evidence *evidence = finding->facts.evidence;
	const char *text = memory_format("%s%s%s ->", main->member ? main->member : "",
		main->member ? " " : "", show_suggest_number(main, main->before));
	size_t shown = 0;
	long double sum;

	for (size_t i = 0; i < evidence->witness_count; i++) {
		const struct word *word = word_at(&evidence->witnesses[i], main->offset);

		if (word && shown++ < VALUES_SHOWN)
			text = memory_format(
				"%s %s", text, show_suggest_number(word, word->after));
	}
	if (shown > VALUES_SHOWN)
		text = memory_format("%s ..", text);
	if (show_suggest_sum(finding, &sum))
		text = memory_format("%s (sum %.6Lg)", text, sum);
	return text;
}

/* Each child its own element: the first of each. */
static const char *list_parts(const struct finding *finding)
{
	const struct evidence *evidence = finding->facts.evidence;
	const char *text = "";
	size_t i;

	for (i = 0; i < evidence->witness_count && i < VALUES_SHOWN - 1; i++) {
		const struct word *word = facts_main_word(&evidence->witnesses[i]);

		text = memory_format("%s%s%s %s -> %s", text, i ? ", " : "",
			word->member ? word->member : memory_format("+%" PRIu64, word->offset),
			show_suggest_number(word, word->before),
			show_suggest_number(word, word->after));
	}
	return i < evidence->witness_count ? memory_format("%s ..", text) : text;
}

static const char *parents_value(const struct finding *finding)
{
	const struct seen_change *change = finding->facts.evidence->crashes[0];
	struct word *words;

	if (!words_judge(finding->facts.kin, change, &words))
		return "";
	return memory_format("%s -> %s in the parent",
		show_suggest_number(words, words->before),
		show_suggest_number(words, words->after));
}

const char *show_suggest_values(const struct finding *finding)
{
	const struct facts *facts = &finding->facts;

	if (finding->pattern)
		return memory_format("%zu variables", finding->member_count);
	if (!facts->children)
		return parents_value(finding);
	if (finding->ruling.looks.kind == LOOKS_TEXT)
		return memory_format("%zu bytes changed", facts->widest);
	if (facts->is_apart && facts->widest == 1)
		return list_parts(finding);
	if (facts->offsets > 1 && !facts->is_record)
		return memory_format("%zu elements changed", facts->offsets);
	return list_values(finding, facts_main_word(facts->evidence->witnesses));
}

const char *show_suggest_looks(const struct finding *finding)
{
	const struct facts *facts = &finding->facts;
	size_t counters = facts->widest;

	if (finding->ruling.looks.kind == LOOKS_COUNTER && counters > 1)
		return memory_format("%zu counters", counters);
	if (finding->ruling.looks.kind == LOOKS_TABLE && facts->is_record)
		return memory_format("%zu counters", counters);
	return finding->ruling.looks.name;
}

const char *show_suggest_annotation(const struct finding *finding)
{
	const struct seen_variable *variable = finding->facts.variable;
	const char *bracket = variable->type ? strchr(variable->type, '[') : NULL;
	const char *kind =
		variable->is_global || strstr(variable->name ? variable->name : "", "::") ?
			"" :
			"static ";
	const char *name = variable->name, *end = name ? strrchr(name, '.') : NULL;

	if (finding->pattern || !name || !variable->type || strstr(variable->type, "(*"))
		return NULL;
	if (end && end[1] && !end[1 + strspn(end + 1, "0123456789")])
		name = memory_format("%.*s", (int)(end - name), name);
	/* written once more, a type without a name would be another one */
	if (strstr(variable->type, "{..}"))
		return memory_format("FONDUE_SHARED before the declaration of %s", name);
	if (!bracket)
		return memory_format("FONDUE_SHARED %s%s %s;", kind, variable->type, name);
	return memory_format("FONDUE_SHARED %s%.*s %s%s;", kind,
		(int)(bracket - variable->type), variable->type, name, bracket);
}

const char *show_suggest_list(const struct judgement *judgement, enum opinion opinion)
{
	const char *list = NULL;

	for (size_t i = 0; i < judgement->count; i++) {
		const struct finding *finding = &judgement->findings[i];

		if (finding->opinion != opinion || !finding->spelling)
			continue;
		list = list ? memory_format("%s,%s", list, finding->spelling) :
			      finding->spelling;
	}
	return list;
}

const char *show_suggest_objection(const struct finding *finding)
{
	const struct argument *worst = NULL;

	for (size_t i = 1; i < finding->ruling.argument_count; i++) {
		const struct argument *argument = &finding->ruling.arguments[i];

		if (argument->points < 0 && (!worst || argument->points < worst->points))
			worst = argument;
	}
	return worst ? worst->text : NULL;
}

size_t show_suggest_count(const struct judgement *judgement, enum opinion opinion)
{
	size_t count = 0;

	for (size_t i = 0; i < judgement->count; i++)
		count += judgement->findings[i].opinion == opinion;
	return count;
}
