/* SPDX-License-Identifier: MIT */
/* misuse.c - each -D puts the keyword where it means nothing, which must be an error */
#include <fondue/short.h>

#if defined(LOCAL_VARIABLE)
int f(void)
{
	shared int x = 1;
	return x;
}
#elif defined(PARAMETER)
int f(shared int x)
{
	return x;
}
#elif defined(MEMBER)
struct s {
	shared int x;
};
#elif defined(TYPEDEF)
typedef shared int t;
#elif defined(IDENTIFIER)
int shared = 1;
#elif defined(MEMBER_NAME)
struct s {
	int shared; /* only a warning by itself */
};
int f(struct s *s)
{
	return s->shared;
}
#elif defined(CONSTANT)
shared int pot_ordinary = 1;
shared const int pot_constant = 2;
#endif
