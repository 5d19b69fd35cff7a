/* SPDX-License-Identifier: MIT */
/* judge-evidence.h - per variable: what each child made of it */
#pragma once

#include "judge-kin.h"
#include "judge-words.h"

/* A child that changed the variable. */
struct witness {
	size_t process;
	const struct seen_change *last;	 /* the look at it that counts */
	const struct seen_change *early; /* the first, soon after birth; or NULL */
	bool is_back; /* in the end it was as at birth: it went up and down again */
	struct word *words;
	size_t word_count;
};

struct evidence {
	size_t variable;
	struct witness *witnesses;
	size_t witness_count;
	const struct seen_change **parents; /* by the parent, during the life of a witness */
	size_t parent_count;
	const struct seen_change **crashes; /* by the parent, before a child crashed */
	size_t crash_count;
};

/* evidence_gather() - one for each variable that was changed; return: how many */
size_t evidence_gather(const struct kin *kin, struct evidence **ret);
