/* SPDX-License-Identifier: MIT */
/*
 * self.c - one function that calls another, which calls what it is given
 */
#include "self.h"

#ifdef FRAMED
#define A framed_a
#define B framed_b
#else
#define A plain_a
#define B plain_b
#endif

void B(void (*leaf)(void))
{
	volatile char room[80];

	room[0] = 0;
	leaf();
	__asm__ volatile("" ::: "memory");
	room[1] = room[0];
}

void A(void (*leaf)(void))
{
	B(leaf);
	__asm__ volatile("" ::: "memory");
}
