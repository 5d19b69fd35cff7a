/* SPDX-License-Identifier: MIT */
/*
 * judge.h - which of the globals that children changed look lost
 *
 *	judge(&seen, &judgement);
 *	judge_pick(&judgement, &options);	for a second run, in which they are watched
 *	judge_again(&judgement, &seen_again);
 */
#pragma once

#include "judge-interpreter.h"
#include "judge-rules.h"
#include "observe.h"

enum opinion { OPINION_LEFT, OPINION_PERHAPS, OPINION_SHARE };

/* From the second run: who read it behind a child's back, and what a child did first. */
struct trial {
	bool is_watched, was_touched;
	const struct seen_access *written; /* by a child; or NULL */
	const struct seen_access *read;	   /* by its parent, later; or NULL */
	const struct seen_access *cleared; /* set to 0 by a child; or NULL */
};

struct finding {
	struct facts facts;
	struct ruling ruling;
	enum opinion opinion;
	struct trial trial;
	char *pattern;		  /* of a family, of which this is the first */
	struct finding **members; /* of it, this one included */
	size_t member_count, wiped_count;
	const char *spelling; /* as --share= takes it; filled in by who can */
	const char *refusal;  /* why --share= does not take it; likewise */
	const char *lock;     /* beside it; likewise */
};

struct judgement {
	const struct seen *seen;
	struct kin kin;
	struct finding *findings; /* the best first */
	size_t count;
	const char *interpreter;
};

void judge(const struct seen *seen, struct judgement *ret);

/* Those of which it would be good to know who reads them. */
void judge_pick(const struct judgement *judgement, struct observe_options *options);

/* A second run of the same program has watched them: judge again. */
void judge_again(struct judgement *judgement, const struct seen *again);

/* The list in its order, and an opinion by points; after points have changed. */
void judge_sort(struct judgement *judgement);
