/* SPDX-License-Identifier: MIT */
/*
 * Description: pieces of shared memory are known from when they are told of, to their last
 * byte
 */
#include "areas.h"
#include "log.h"
#include "said.h"
#include "unit.h"

#define AT(address) ((void *)(uintptr_t)(address))

static int play_none(void)
{
	must(!areas_are_there());
	must(!areas_hold(AT(0)) && !areas_hold(AT(4096)) && !areas_hold(AT(UINTPTR_MAX)));
	areas_add(4096, 4096);
	must(!areas_are_there());
	return CHILD_GOOD;
}

static int play_edges(void)
{
	areas_add(0x5000, 0x6000);
	areas_add(0x9000, 0xb000);
	must(areas_are_there());
	must(!areas_hold(AT(0x4fff)) && areas_hold(AT(0x5000)) && areas_hold(AT(0x5fff)));
	must(!areas_hold(AT(0x6000)) && !areas_hold(AT(0x8fff)));
	must(areas_hold(AT(0x9000)) && areas_hold(AT(0xafff)) && !areas_hold(AT(0xb000)));
	must(!areas_hold(NULL));
	return CHILD_GOOD;
}

/* A library that comes and goes, at the same place. */
static int play_again(void)
{
	said_start();
	log_start();
	for (unsigned i = 0; i < 1000; i++)
		areas_add(0x5000, 0x6000);
	must(atomic_load(&areas.count) == 1 && said_lines() == 0);
	return CHILD_GOOD;
}

/* As many are known as there is room for, and that there is no more is said once. */
static int play_full(void)
{
	unsigned known = 0;

	said_start();
	log_start();
	for (uintptr_t i = 1; i <= 1000; i++)
		areas_add(i << 16, (i << 16) + 4096);
	for (uintptr_t i = 1; i <= 1000; i++)
		known += areas_hold(AT(i << 16));
	must(known == 256 && areas_hold(AT(256 << 16)) && !areas_hold(AT(257 << 16)));
	must(said_lines() == 1);
	return CHILD_GOOD;
}

int main(void)
{
	test_play("at first nothing is shared", play_none);
	test_play("a piece begins and ends where it was told", play_edges);
	test_play("the same piece is one", play_again);
	test_play("when there is no more room it is said", play_full);
	return tap_done();
}
