/* SPDX-License-Identifier: MIT */
/* judge-kin.h - which of the processes seen are children whose changes somebody may miss */
#pragma once

#include "seen.h"

struct kin {
	const struct seen *seen;
	bool *is_child;	  /* by index of the process */
	bool *has_early;  /* likewise: it had changed something soon after birth */
	bool *has_signal; /* likewise: and when the family was told to end */
	size_t *births;	  /* likewise: how many children it had */
	uint64_t *pids;	  /* of all, in order */
	size_t children;  /* that were looked at */
	size_t workers;	  /* of those, without children of their own */
	size_t spawned;	  /* forked, and then executed another program */
	size_t unseen;	  /* could not be looked at */
};

void kin_find(const struct seen *seen, struct kin *ret);

/* Is @elder the parent of @process, or that one's, and so on? */
bool kin_is_ancestor(const struct seen *seen, size_t elder, size_t process);

/* Is @number the id of a process that was seen? */
bool kin_is_pid(const struct kin *kin, uint64_t number);

/* How long it has lived at @at_us. */
uint64_t kin_age(const struct seen *seen, size_t process, uint64_t at_us);
