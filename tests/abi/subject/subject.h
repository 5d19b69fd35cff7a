/* SPDX-License-Identifier: MIT */
/*
 * subject.h - a program made of everything that may lie beside an annotated variable
 *
 * Five files that differ in how they use the header, and main.c, which knows none of their
 * variables but is handed a list of them by each file. Annotated variables are called
 * pot_*, their private neighbours own_*: the layout is also checked from outside, by name.
 * C89 with GNU extensions, C99 and later, and C++11, so that one program serves them all.
 */
#ifndef SUBJECT_H
#define SUBJECT_H

struct item {
	const char *name;
	void *at;
	unsigned long size;
	int is_shared;
};

struct part {
	const char *file;
	const struct item *items;
	unsigned count;
	const char *(*wrong)(void); /* what is not as it was initialised; NULL: nothing */
};

#define SHARED(variable) { #variable, (void *)&variable, sizeof(variable), 1 }
#define OWN(variable)	 { #variable, (void *)&variable, sizeof(variable), 0 }

#define PART(items, wrong) { __FILE__, items, sizeof(items) / sizeof(items[0]), wrong }

#define EXPECT(condition)                                                                \
	do {                                                                             \
		if (!(condition))                                                        \
			return #condition;                                               \
	} while (0)

/* Functions, since a program's direct use of a library's data is another story (copy.c). */
const struct part *part_initialised(void);
const struct part *part_zero(void);
const struct part *part_quiet(void);
const struct part *part_mixed(void);
const struct part *part_plain(void);

int subject_active(void);

#endif
