/* SPDX-License-Identifier: MIT */
/*
 * use.c - everything that <fondue/shared.h> offers, in words that are C89 and C++11 alike
 *
 * -DHEADER=<fondue/...> names the header. Compiled with every warning there is: a user's
 * build must not hear of us.
 */
#include HEADER

extern int pot_declared;
extern int *pot_pointer;
extern int own_variable;
extern int pot_table[1 << 24];
int use_header(void);

FONDUE_SHARED int pot_declared = 1; /* an ordinary extern declaration came before */
FONDUE_SHARED int *pot_pointer = &pot_declared;
FONDUE_SHARED static int pot_static = 2;
static FONDUE_SHARED int pot_other_static;
FONDUE_SHARED_ZERO int pot_table[1 << 24]; /* 64 MiB */
FONDUE_SHARED_ZERO static long pot_static_zero;
int own_variable = 3;

#ifdef REQUIRE
FONDUE_REQUIRE_RUNTIME;
#endif

int use_header(void)
{
	static FONDUE_SHARED int pot_local = 4;
	const char *version = fondue_version();

	pot_other_static++;
	pot_static_zero++;
	pot_table[1]++;
	return ++pot_local + ++pot_static + *pot_pointer + fondue_active() +
	       (version ? version[0] : 0);
}

#ifdef MAIN
int main(void)
{
	return use_header() == 0;
}
#endif
