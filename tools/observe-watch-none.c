/* SPDX-License-Identifier: MIT */
/* observe-watch-none.c - this machine's debug registers are not known here */
#include "observe-watch.h"

void watch_arm(struct observation *observation, struct tracee *tracee)
{
	(void)observation;
	(void)tracee;
}

void watch_parent(struct observation *observation, const struct member *child)
{
	(void)observation;
	(void)child;
}

bool watch_fired(struct observation *observation, struct tracee *tracee)
{
	(void)observation;
	(void)tracee;
	return false;
}
