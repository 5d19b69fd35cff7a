/* SPDX-License-Identifier: MIT */
/*
 * Description: a library's variable that the program has taken over is not called shared
 *
 * The first definition of a name is everybody's, and a program that is not position
 * independent has its own copy of what it uses. Then the library's code works on a
 * variable outside of the section, by whatever way it gets there: through a slot of its
 * GOT or through a pointer among its data. To share the section would be a silent lie.
 */
#include "run.h"

#define SHARED	"active 7 shared, one variable\n"
#define PRIVATE "inactive 7 private, one variable\n"
#define DEFINED "another object defines the same name, not shared"
#define COPIED	"the program has a private copy of it"

static const struct {
	const char *claim, *program;
	const char *out;
	const char *cause; /* NULL: nothing is said */
} expected[] = {
	{ "a variable that the program uses position-independently is shared", "user-slot",
		SHARED, NULL },
	{ "and so when the library has it by a pointer among its data", "user-pointer", SHARED,
		NULL },
	{ "one that the program defines again, bound in the library's GOT: private, and why",
		"interposer-slot", PRIVATE, DEFINED },
	{ "bound in a pointer among the library's data: private, and why", "interposer-pointer",
		PRIVATE, DEFINED },
	{ "if the program's definition is annotated: shared", "interposer-annotated", SHARED,
		NULL },
	{ "one of which the program has a copy (COPY relocation): private, and why", "copier",
		PRIVATE, COPIED },
};

static void test_program(unsigned i)
{
	static struct run r;
	const char *cause = expected[i].cause;

	r = (struct run){ .args = { run_beside(expected[i].program) } };
	run(&r);
	test(expected[i].claim,
		run_explain(&r, run_succeeded(&r) && !strcmp(r.out, expected[i].out) &&
					run_said(&r) == (cause ? 1 : 0) &&
					(!cause || (strstr(r.err, "exported_hits: ") &&
							   strstr(r.err, cause)))));
}

int main(void)
{
	for (unsigned i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		test_program(i);
	return tap_done();
}
