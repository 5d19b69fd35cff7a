/* SPDX-License-Identifier: MIT */
/*
 * Description: addresses that a family remembers
 */
#include "marks.h"
#include "unit.h"

#define AT(number) ((void *)(((uintptr_t)(number) + 1) * 40))
#define ROOM	   1024 /* as marks.c has it, of each kind */

static int play_none(void)
{
	must(!marks_add(MARKS_TOLD, AT(1)) && !marks_have(MARKS_TOLD, AT(1)));
	marks_remove(MARKS_TOLD, AT(1));
	return CHILD_GOOD;
}

static int play_one(void)
{
	marks_start();
	must(!marks_have(MARKS_TOLD, AT(1)));
	must(marks_add(MARKS_TOLD, AT(1)) && !marks_add(MARKS_TOLD, AT(1)));
	must(marks_have(MARKS_TOLD, AT(1)) && !marks_have(MARKS_TOLD, AT(2)));
	must(!marks_have(MARKS_ASKED, AT(1)));
	marks_remove(MARKS_TOLD, AT(1));
	must(!marks_have(MARKS_TOLD, AT(1)) && marks_add(MARKS_TOLD, AT(1)));
	return CHILD_GOOD;
}

static int play_family(void)
{
	pid_t pid;

	marks_start();
	pid = fork();
	if (pid == 0)
		_exit(marks_add(MARKS_ASKED, AT(7)) ? CHILD_GOOD : 1);
	must(unit_wait(pid) == CHILD_GOOD);
	must(marks_have(MARKS_ASKED, AT(7)));
	return CHILD_GOOD;
}

/* What does not fit is not remembered, and does not hide what is. */
static int play_full(void)
{
	marks_start();
	for (unsigned i = 0; i < ROOM; i++)
		must(marks_add(MARKS_TOLD, AT(i)));
	must(!marks_add(MARKS_TOLD, AT(ROOM)) && !marks_have(MARKS_TOLD, AT(ROOM)));
	for (unsigned i = 0; i < ROOM; i++)
		must(marks_have(MARKS_TOLD, AT(i)));
	marks_remove(MARKS_TOLD, AT(17));
	must(marks_add(MARKS_TOLD, AT(ROOM)) && marks_have(MARKS_TOLD, AT(ROOM)));
	must(!marks_have(MARKS_TOLD, AT(17)));
	return CHILD_GOOD;
}

/* Whatever has been taken out: the room is not used up. */
static int play_turnover(void)
{
	marks_start();
	for (unsigned i = 0; i < 20 * ROOM; i++) {
		must(marks_add(MARKS_ASKED, AT(i)));
		must(marks_add(MARKS_ASKED, AT(i + 100000)));
		must(marks_have(MARKS_ASKED, AT(i)));
		marks_remove(MARKS_ASKED, AT(i));
		marks_remove(MARKS_ASKED, AT(i + 100000));
		must(!marks_have(MARKS_ASKED, AT(i)));
	}
	return CHILD_GOOD;
}

int main(void)
{
	test_play("before there is memory nothing is remembered", play_none);
	test_play("one is remembered, by its kind, until it is taken out", play_one);
	test_play("it is remembered by the family", play_family);
	test_play("as many as there is room for", play_full);
	test_play("one after the other, as many as you like", play_turnover);
	return tap_done();
}
