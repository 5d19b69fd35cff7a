/* SPDX-License-Identifier: MIT */
/*
 * processors.c - two processors, and who runs on which
 *
 * Two are enough for processes that disturb one another, and few enough for more processes
 * than processors, which is how programs that fork mostly run. Whoever measures something
 * short stays on one of them: a move costs more than what is measured.
 */
#include <sched.h>

#include "children.h"
#include "samples.h"

int processors[2];
unsigned processor_count;

void processors_find(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		bench_fail("sched_getaffinity");
	for (int i = 0; i < CPU_SETSIZE && processor_count < 2; i++)
		if (CPU_ISSET(i, &set))
			processors[processor_count++] = i;
}

static void use(unsigned first, unsigned count)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (unsigned i = 0; i < count; i++)
		CPU_SET(processors[(first + i) % processor_count], &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		bench_fail("sched_setaffinity");
}

void processor_use(unsigned index)
{
	use(index, 1);
}

void processors_use_all(void)
{
	use(0, processor_count);
}
