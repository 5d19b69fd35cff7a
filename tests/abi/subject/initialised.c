/* SPDX-License-Identifier: MIT */
/* initialised.c - annotated variables with initial values only, pointers among them */
#include <string.h>

#include <fondue/shared.h>

#include "subject.h"

long own_before = 11;
FONDUE_SHARED int pot_count = 1;
static FONDUE_SHARED char pot_text[5000] = "shared from the start";
long own_between = 12;
static int own_zero_between;
FONDUE_SHARED static const char *pot_word = "word";
FONDUE_SHARED int *pot_to_pot = &pot_count;
FONDUE_SHARED long *pot_to_own = &own_between;
FONDUE_SHARED int (*pot_function)(void) = subject_active;
FONDUE_SHARED double pot_unreferenced = 1.5; /* nobody's: may be collected, not misplaced */
static char own_after[100] = "private";

static const char *wrong(void)
{
	EXPECT(pot_count == 1);
	EXPECT(!strcmp(pot_text, "shared from the start") && !pot_text[4999]);
	EXPECT(!strcmp(pot_word, "word"));
	EXPECT(pot_to_pot == &pot_count && *pot_to_pot == 1);
	EXPECT(pot_to_own == &own_between && *pot_to_own == 12);
	EXPECT(pot_function == subject_active && pot_function() == subject_active());
	EXPECT(own_before == 11 && own_between == 12 && !own_zero_between);
	EXPECT(!strcmp(own_after, "private"));
	return 0;
}

static const struct item items[] = {
	SHARED(pot_count),
	SHARED(pot_text),
	SHARED(pot_word),
	SHARED(pot_to_pot),
	SHARED(pot_to_own),
	SHARED(pot_function),
	OWN(own_before),
	OWN(own_between),
	OWN(own_zero_between),
	OWN(own_after),
};

const struct part *part_initialised(void)
{
	static const struct part part = PART(items, wrong);

	return &part;
}
