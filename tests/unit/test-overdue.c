/* SPDX-License-Identifier: MIT */
/*
 * Description: when a lock has been held too long, and how often that is told
 */
#include "overdue.h"
#include "unit.h"

#define MS 1000000ULL

int main(void)
{
	unsigned told = 0;

	test("at the limit, and within the clock's grain, it is not overdue",
		!overdue_is(10 * MS, 60 * MS, 50 * MS, 0) &&
			!overdue_is(10 * MS, 64 * MS, 50 * MS, 4 * MS));
	test("beyond it is", overdue_is(10 * MS, 60 * MS + 1, 50 * MS, 0) &&
				     overdue_is(10 * MS, 64 * MS + 1, 50 * MS, 4 * MS));
	test("not if nobody knows since when", !overdue_is(0, 1000 * MS, 50 * MS, 0));
	test("nor if the clock has gone back", !overdue_is(100 * MS, 10 * MS, 50 * MS, 0));
	for (uint32_t i = 0; i <= 1000; i++)
		told += overdue_is_told(i);
	test("of a thousand times ten are told", told == 10 && overdue_is_told(1) &&
			!overdue_is_told(3) && overdue_is_told(512));
	return tap_done();
}
