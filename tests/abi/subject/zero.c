/* SPDX-License-Identifier: MIT */
/* zero.c - annotated variables without contents only, one of them large */
#include <fondue/shared.h>

#include "subject.h"

long own_sum;
FONDUE_SHARED_ZERO char pot_table[8 << 20];
static int own_seven[7];
FONDUE_SHARED_ZERO static long pot_counters[3];
FONDUE_SHARED_ZERO int pot_flag;
int own_common;

static const char *wrong(void)
{
	unsigned long i;

	for (i = 0; i < sizeof(pot_table); i += 4093)
		EXPECT(!pot_table[i]);
	EXPECT(!pot_table[sizeof(pot_table) - 1]);
	EXPECT(!pot_counters[0] && !pot_counters[1] && !pot_counters[2] && !pot_flag);
	EXPECT(!own_sum && !own_seven[0] && !own_seven[6] && !own_common);
	return 0;
}

static const struct item items[] = {
	SHARED(pot_table),
	SHARED(pot_counters),
	SHARED(pot_flag),
	OWN(own_sum),
	OWN(own_seven),
	OWN(own_common),
};

const struct part *part_zero(void)
{
	static const struct part part = PART(items, wrong);

	return &part;
}
