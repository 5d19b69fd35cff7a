/* SPDX-License-Identifier: MIT */
/* show-suggest.h - which globals look lost: for people and for machines */
#pragma once

#include <stdio.h>

#include "judge.h"

struct suggestion {
	const struct judgement *judgement;
	char *const *argv; /* the program and its arguments */
	bool wants_all;	   /* also what is left alone, with the reasons */
	bool is_twice;	   /* it was run a second time, to see who reads */
};

void show_suggest_text(FILE *file, const struct suggestion *suggestion);
void show_suggest_json(FILE *file, const struct suggestion *suggestion);

/* Of the text: lines to paste, and what to mind. */
void show_suggest_lines(FILE *file, const struct suggestion *suggestion);
void show_suggest_minds(FILE *file, const struct suggestion *suggestion);

/* Of the text, too: what changed without a name. */
void show_suggest_unnamed(FILE *file, const struct seen *seen);

/* Parts of both. Memory is never freed. */

/* "WorkStart (water.c:300)", or where it lies without a name: "server+0x4010" */
const char *show_suggest_name(const struct judgement *judgement, const struct finding *finding);
/* "0 -> 10.0255", "requests 0 -> 310 330 ..", "4 words of 6 changed" */
const char *show_suggest_values(const struct finding *finding);
const char *show_suggest_number(const struct word *word, uint64_t bits);
/* "counter", "2 counters" */
const char *show_suggest_looks(const struct finding *finding);
/* "FONDUE_SHARED static int hits[4];"; NULL: the type is not known */
const char *show_suggest_annotation(const struct finding *finding);
/* "hits,sum": of those with this opinion, as --share= takes it; NULL: none has a spelling */
const char *show_suggest_list(const struct judgement *judgement, enum opinion opinion);
size_t show_suggest_count(const struct judgement *judgement, enum opinion opinion);
/* What speaks most against it; NULL: nothing. */
const char *show_suggest_objection(const struct finding *finding);
/* How much all the children have added to it; false: it is no sum. */
bool show_suggest_sum(const struct finding *finding, long double *ret);
