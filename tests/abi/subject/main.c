/* SPDX-License-Identifier: MIT */
/*
 * main.c - is everything that is annotated shared, and nothing else?
 *
 *	subject shared|private
 *
 * A child inverts bytes of every variable it is told of: all bytes of small ones, of large
 * ones the first, the last, and one in every page. The parent must find the annotated ones
 * inverted (`shared`) and the others untouched. Then it inverts those back, so that one
 * more child finds everything as it was initialised, pointers included. Silence and status
 * 0 are success; every complaint is a line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "subject.h"

enum { PARTS = 6, FLIP = 0xa5 };

static int own_main = 31;
static int own_main_zero;

static const struct part *parts[PARTS];
static unsigned complaints;
static int expect_shared;

static const char *wrong(void)
{
	EXPECT(own_main == 31 && !own_main_zero);
	return 0;
}

static const struct part *part_main(void)
{
	static const struct item items[] = { OWN(own_main), OWN(own_main_zero) };
	static const struct part part = PART(items, wrong);

	return &part;
}

static void complain(const char *file, const char *what, const char *text)
{
	complaints++;
	printf("%s: %s %s\n", file, what, text);
}

/* The offsets looked at; the last byte is the last of them. */
static unsigned long next(unsigned long offset, unsigned long size)
{
	unsigned long step = size > 65536 ? 4093 : 1;

	return offset < size - 1 && offset + step >= size ? size - 1 : offset + step;
}

static void flip(const struct item *item)
{
	volatile unsigned char *at = (volatile unsigned char *)item->at;
	unsigned long i;

	for (i = 0; i < item->size; i = next(i, item->size))
		at[i] ^= FLIP;
}

static void check_item(const char *file, const struct item *item, const unsigned char *was)
{
	volatile unsigned char *at = (volatile unsigned char *)item->at;
	int change = item->is_shared && expect_shared ? FLIP : 0;
	unsigned long i;

	for (i = 0; i < item->size; i = next(i, item->size))
		if (at[i] != (was[i] ^ change)) {
			complain(file, change ? "a child's write was not seen in" :
				 "a child's write was seen in", item->name);
			return;
		}
}

/* 's' or 'p' of the mapping that holds an address; 0: there is no such file here */
static int sharing_of(void *address)
{
	unsigned long start, end, wanted = (unsigned long)address;
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[1024], rights[5];
	int result = maps ? '?' : 0;

	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %4s", &start, &end, rights) == 3 &&
			start <= wanted && wanted < end)
			result = rights[3];
	if (maps)
		fclose(maps);
	return result;
}

static void check_mapping(const char *file, const struct item *item)
{
	int expected = item->is_shared && expect_shared ? 's' : 'p';
	int first = sharing_of(item->at);
	int last = sharing_of((char *)item->at + item->size - 1);

	if ((first && first != expected) || (last && last != expected))
		complain(file, expected == 's' ? "no shared mapping holds" :
			 "a shared mapping holds", item->name);
}

static void check_values(const char *when)
{
	unsigned p;

	for (p = 0; p < PARTS; p++) {
		const char *text = parts[p]->wrong();

		if (text)
			complain(parts[p]->file, when, text);
	}
}

/* Run by a child; what it complains of is counted by its exit status. */
static void in_child(void (*work)(void))
{
	int status = -1;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		complaints = 0;
		work();
		fflush(stdout);
		_exit(complaints != 0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		complain(__FILE__, "a child", "failed");
}

static void flip_everything(void)
{
	unsigned p, i;

	for (p = 0; p < PARTS; p++)
		for (i = 0; i < parts[p]->count; i++)
			flip(&parts[p]->items[i]);
}

static void expect_initial_values(void)
{
	check_values("in a second child, wrong:");
}

static void each_item(void (*visit)(const char *, const struct item *))
{
	unsigned p, i;

	for (p = 0; p < PARTS; p++)
		for (i = 0; i < parts[p]->count; i++)
			visit(parts[p]->file, &parts[p]->items[i]);
}

static void check_counts(void)
{
	unsigned p, i, counts[2] = { 0, 0 };

	for (p = 0; p < PARTS; p++)
		for (i = 0; i < parts[p]->count; i++)
			counts[parts[p]->items[i].is_shared]++;
	if (counts[1] < 15 || counts[0] < 15)
		complain(__FILE__, "this program", "lacks variables");
}

static void check_sharing(void)
{
	unsigned char **was = (unsigned char **)calloc(PARTS * 64, sizeof(*was));
	unsigned p, i;

	for (p = 0; p < PARTS; p++)
		for (i = 0; i < parts[p]->count; i++) {
			const struct item *item = &parts[p]->items[i];

			was[p * 64 + i] = (unsigned char *)malloc(item->size);
			memcpy(was[p * 64 + i], item->at, item->size);
		}
	in_child(flip_everything);
	for (p = 0; p < PARTS; p++)
		for (i = 0; i < parts[p]->count; i++) {
			const struct item *item = &parts[p]->items[i];

			check_item(parts[p]->file, item, was[p * 64 + i]);
			if (item->is_shared && expect_shared)
				flip(item);
			free(was[p * 64 + i]);
		}
	free(was);
}

int main(int argc, char **argv)
{
	expect_shared = argc > 1 && !strcmp(argv[1], "shared");
	parts[0] = part_main();
	parts[1] = part_initialised();
	parts[2] = part_zero();
	parts[3] = part_quiet();
	parts[4] = part_mixed();
	parts[5] = part_plain();
	if (subject_active() != expect_shared)
		complain(__FILE__, "fondue_active() is", expect_shared ? "0" : "1");
	check_counts();
	check_values("before the fork, wrong:");
	each_item(check_mapping);
	check_sharing();
	check_values("after the fork, wrong:");
	in_child(expect_initial_values);
	return complaints != 0;
}
