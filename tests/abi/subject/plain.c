/* SPDX-License-Identifier: MIT */
/*
 * plain.c - knows nothing of fondue, and owns sections that linkers like to put next to
 * `shared`: they place sections unknown to them by first encounter or by name.
 */
#include "subject.h"

#define IN(name) __attribute__((section(name)))

int own_plain = 21;
static int own_plain_zero;
IN("aother") int own_aother = 22;
IN("mother") static char own_mother[33] = "beside";
IN("zother") int own_zother = 23;
IN("share") int own_share = 24;
IN("sharee") static long own_sharee = 25;
IN("shared_other") int own_shared_other = 26;
IN("shared_zero_other") static int own_shared_zero_other = 27;
__attribute__((aligned(4096))) static int own_aligned = 28;
static char own_plain_large[70000];

static const char *wrong(void)
{
	EXPECT(own_plain == 21 && !own_plain_zero && own_aligned == 28);
	EXPECT(own_aother == 22 && own_mother[5] == 'e' && own_zother == 23);
	EXPECT(own_share == 24 && own_sharee == 25);
	EXPECT(own_shared_other == 26 && own_shared_zero_other == 27);
	EXPECT(!own_plain_large[0] && !own_plain_large[69999]);
	return 0;
}

static const struct item items[] = {
	OWN(own_plain),
	OWN(own_plain_zero),
	OWN(own_aother),
	OWN(own_mother),
	OWN(own_zother),
	OWN(own_share),
	OWN(own_sharee),
	OWN(own_shared_other),
	OWN(own_shared_zero_other),
	OWN(own_aligned),
	OWN(own_plain_large),
};

const struct part *part_plain(void)
{
	static const struct part part = PART(items, wrong);

	return &part;
}
