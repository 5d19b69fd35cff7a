/* SPDX-License-Identifier: MIT */
/* keyword.c - the keyword `shared` wherever it may stand */
#include <fondue/short.h>

extern int pot_declared;
int use_keyword(void);

shared int pot_declared;
shared int pot_global = 1;
shared static int pot_static = 2;
static shared int pot_static_after = 3;
int shared pot_behind_type = 4;
shared int pot_several, pot_declarators = 5, *pot_pointer, pot_array[3];
shared const char *pot_text = "text";
shared struct {
	int number;
} pot_struct = { 6 };
#ifdef SHARED_EXTERN
shared extern int pot_extern;
shared int pot_extern = 7;
#endif

int use_keyword(void)
{
	shared static int pot_local = 8;

	return pot_local++ + pot_static++ + pot_static_after++ + pot_array[0]++;
}
