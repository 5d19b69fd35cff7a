/* SPDX-License-Identifier: MIT */
/* quiet.c - a file that includes the header and annotates nothing */
#include <fondue/shared.h>

#include "subject.h"

int own_quiet = 3;
static char own_quiet_page[4096];
static short own_quiet_last = 4;

int subject_active(void)
{
	return fondue_active();
}

static const char *wrong(void)
{
	EXPECT(own_quiet == 3 && own_quiet_last == 4);
	EXPECT(!own_quiet_page[0] && !own_quiet_page[4095]);
	return 0;
}

static const struct item items[] = {
	OWN(own_quiet),
	OWN(own_quiet_page),
	OWN(own_quiet_last),
};

const struct part *part_quiet(void)
{
	static const struct part part = PART(items, wrong);

	return &part;
}
