/* SPDX-License-Identifier: MIT */
/*
 * show-suggest-json.c - the same for machines; names of fields are a promise, kept in fondue.1
 */
#include "json.h"
#include "memory.h"
#include "show-suggest.h"

static void put_word(struct json *json, const struct word *word)
{
	json_open(json, NULL, '{');
	json_put_number(json, "offset", word->offset);
	json_put_number(json, "width", word->width);
	json_put_string(json, "member", word->member);
	json_put_string(json, "before", show_suggest_number(word, word->before));
	json_put_string(json, "after", show_suggest_number(word, word->after));
	json_put_string(json, "class", words_class_name(word->class));
	json_close(json, '}');
}

static void put_witness(
	struct json *json, const struct seen *seen, const struct witness *witness)
{
	json_open(json, NULL, '{');
	json_put_number(json, "pid", (uint64_t)seen->processes[witness->process].pid);
	json_put_number(json, "bytes", witness->last->changed);
	json_open(json, "words", '[');
	for (size_t i = 0; i < witness->word_count; i++)
		put_word(json, &witness->words[i]);
	json_close(json, ']');
	json_close(json, '}');
}

static void put_access(struct json *json, const char *key, const struct seen_access *access)
{
	if (!access) {
		json_put_string(json, key, NULL);
		return;
	}
	json_open(json, key, '{');
	json_put_string(json, "where", access->where);
	json_put_number(json, "value", access->value);
	json_close(json, '}');
}

static void put_trial(struct json *json, const struct trial *trial)
{
	if (!trial->is_watched) {
		json_put_string(json, "watched", NULL);
		return;
	}
	json_open(json, "watched", '{');
	put_access(json, "written", trial->written);
	put_access(json, "read", trial->read);
	put_access(json, "cleared", trial->cleared);
	json_close(json, '}');
}

static void put_arguments(struct json *json, const struct ruling *ruling)
{
	json_open(json, "reasons", '[');
	for (size_t i = 0; i < ruling->argument_count; i++) {
		json_open(json, NULL, '{');
		/* json has no negative numbers */
		json_put_string(
			json, "points", memory_format("%+d", ruling->arguments[i].points));
		json_put_string(json, "reason", ruling->arguments[i].text);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_source(struct json *json, const struct seen_variable *variable)
{
	json_put_string(json, "type", variable->type);
	json_put_string(json, "file", variable->file);
	if (variable->file)
		json_put_number(json, "line", variable->line);
	else
		json_put_string(json, "line", NULL);
}

static void put_finding(
	struct json *json, const struct judgement *judgement, const struct finding *finding)
{
	static const char *const opinions[] = { "left", "perhaps", "share" };
	const struct seen *seen = judgement->seen;
	const struct seen_variable *variable = finding->facts.variable;

	json_open(json, NULL, '{');
	json_put_string(json, "opinion", opinions[finding->opinion]);
	json_put_string(json, "points", memory_format("%d", finding->ruling.points));
	json_put_string(json, "name", finding->pattern ? finding->pattern : variable->name);
	json_put_number(json, "variables", finding->pattern ? finding->member_count : 1);
	json_put_string(json, "object", seen->objects[variable->object].path);
	json_put_number(json, "address", variable->address);
	json_put_number(json, "size", variable->size);
	put_source(json, variable);
	json_put_string(json, "looks", show_suggest_looks(finding));
	json_put_string(json, "share", finding->spelling);
	json_put_string(json, "refusal", finding->refusal);
	json_put_string(json, "annotation", show_suggest_annotation(finding));
	json_put_string(json, "lock", finding->lock);
	put_arguments(json, &finding->ruling);
	put_trial(json, &finding->trial);
	json_open(json, "children", '[');
	for (size_t i = 0; i < finding->facts.evidence->witness_count; i++)
		put_witness(json, seen, &finding->facts.evidence->witnesses[i]);
	json_close(json, ']');
	json_close(json, '}');
}

static void put_unnamed(struct json *json, const struct seen *seen)
{
	json_open(json, "unnamed", '[');
	for (size_t i = 0; i < seen->object_count; i++) {
		if (!seen->objects[i].unnamed)
			continue;
		json_open(json, NULL, '{');
		json_put_string(json, "object", seen->objects[i].path);
		json_put_number(json, "bytes", seen->objects[i].unnamed);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_processes(struct json *json, const struct judgement *judgement)
{
	const struct seen *seen = judgement->seen;

	json_put_string(json, "program", seen->program);
	json_put_number(json, "status", (uint64_t)seen->status);
	json_put_number(json, "ended_by", (uint64_t)seen->ended_by);
	json_put_number(json, "left", seen->left);
	json_put_bool(json, "forked", seen->has_forked);
	json_put_number(json, "children", judgement->kin.children);
	json_put_number(json, "executed", judgement->kin.spawned);
	json_put_number(json, "unseen", judgement->kin.unseen);
	json_put_string(json, "interpreter", judgement->interpreter);
	json_put_bool(json, "heap", seen->has_dirty_heap);
}

void show_suggest_json(FILE *file, const struct suggestion *it)
{
	const struct judgement *judgement = it->judgement;
	struct json json = { .file = file };

	json_open(&json, NULL, '{');
	put_processes(&json, judgement);
	json_put_string(&json, "share", show_suggest_list(judgement, OPINION_SHARE));
	json_open(&json, "variables", '[');
	for (size_t i = 0; i < judgement->count; i++)
		if (it->wants_all || judgement->findings[i].opinion != OPINION_LEFT)
			put_finding(&json, judgement, &judgement->findings[i]);
	json_close(&json, ']');
	put_unnamed(&json, judgement->seen);
	json_close(&json, '}');
}
