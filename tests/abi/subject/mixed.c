/* SPDX-License-Identifier: MIT */
/* mixed.c - all kinds of annotated variables in one file, also inside of functions */
#include <fondue/shared.h>

#include "subject.h"

struct pair {
	int number;
	void *self;
};

static unsigned char own_first = 7;
FONDUE_SHARED int pot_tentative;
FONDUE_SHARED struct pair pot_pair = { 8, &pot_pair };
FONDUE_SHARED_ZERO static struct pair pot_pairs[300];
static int own_in_the_middle = 9;
FONDUE_SHARED static char pot_odd[3] = { 'o', 'd', 'd' };
static char own_odd[3];
/* Not even its address is taken: a compiler could make a constant of it. */
FONDUE_SHARED static int pot_never_written[4] = { 1, 2, 3, 4 };

static const char *wrong(void)
{
	EXPECT(!pot_tentative);
	EXPECT(pot_pair.number == 8 && pot_pair.self == &pot_pair);
	EXPECT(!pot_pairs[0].self && !pot_pairs[299].number);
	EXPECT(pot_odd[0] == 'o' && pot_odd[2] == 'd');
	EXPECT(pot_never_written[own_in_the_middle & 3] == 2);
	EXPECT(own_first == 7 && own_in_the_middle == 9 && !own_odd[2]);
	return 0;
}

const struct part *part_mixed(void)
{
	static FONDUE_SHARED int pot_local = 10;
	FONDUE_SHARED_ZERO static long pot_local_zero;
	static int own_local = 11;
	static long own_local_zero;
	static const struct item items[] = {
		SHARED(pot_tentative),
		SHARED(pot_pair),
		SHARED(pot_pairs),
		SHARED(pot_odd),
		SHARED(pot_local),
		SHARED(pot_local_zero),
		OWN(own_first),
		OWN(own_in_the_middle),
		OWN(own_odd),
		OWN(own_local),
		OWN(own_local_zero),
	};
	static const struct part part = PART(items, wrong);

	return pot_local == 10 && !pot_local_zero && own_local == 11 ? &part : 0;
}
