/* SPDX-License-Identifier: MIT */
/* judge-facts.h - what is true of a variable in numbers; rules refer to nothing else */
#pragma once

#include "judge-evidence.h"
#include "judge-names.h"

struct facts {
	const struct kin *kin;
	const struct evidence *evidence;
	const struct seen_variable *variable;
	enum names_trap trap;

	size_t children; /* that changed it */
	/* words, over all children; the parent's, if no child's */
	size_t classes[WORD_CLASSES];
	size_t words;		 /* all of them */
	size_t widest;		 /* words in the child that changed most */
	size_t totals;		 /* members that have grown and are named for a total */
	size_t offsets;		 /* different words, over all children */
	long double least, most; /* of the values after */

	bool is_record;	       /* words have names: a struct, or an array of such */
	bool is_array;	       /* of plain elements */
	bool is_many;	       /* by its type, an array of anything */
	bool is_from_zero;     /* every word was 0 at birth */
	bool is_same;	       /* several children, all with the very same values */
	bool is_apart;	       /* several children, and no two changed the same word */
	bool is_one_more;      /* every word is by 1 more than at birth */
	bool is_a_little_more; /* every word by less than a tenth of a large number */
	bool is_numbered;      /* one word: 0, 1, 2.. in the order of birth */
	bool is_few_values;    /* one word: many children share few small values */
	bool is_set_once;      /* the first look had what the last one has */
	bool is_moving;	       /* the first look had less */
	bool is_back;	       /* in the end it was as at birth */
	bool is_from_extreme;  /* before it was the largest of its kind, or near */
	bool is_parents_own;   /* the parent has changed it otherwise */
	bool is_crash;	       /* the parent had set it, and a child crashed without */
	bool is_system;	       /* in a library of the system */
};

/* Of a child: a member that counts and is named for a total, else any that counts, else any. */
const struct word *facts_main_word(const struct witness *witness);

void facts_gather(const struct kin *kin, const struct evidence *evidence, struct facts *ret);
