/* SPDX-License-Identifier: MIT */
/*
 * Description: addresses have certain names or none
 *
 * The symbols are this program's own, written in assembly language: so it is known which
 * byte belongs to which.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/auxv.h>

#include "names.h"
#include "scratch.h"

#define LONG_30	 "_thirty_characters_of_a_name_n"
#define LONG_300 LONG_30 LONG_30 LONG_30 LONG_30 LONG_30 LONG_30 LONG_30 LONG_30 LONG_30 LONG_30

/* Eight bytes each; symbols span them as their sizes say. */
extern const char names_area[];
__asm__(".text\n"
	".balign 64\n"
	".globl names_area\n"
	"names_area:\n"
	".macro named name, at, size\n"
	".globl \\name\n"
	".type \\name, %function\n"
	".set \\name, names_area + \\at\n"
	".size \\name, \\size\n"
	".endm\n"
	"named names_one, 0, 8\n"
	/* 8 to 16 is nobody's */
	"named names_two, 16, 8\n"
	"named __names_alias, 24, 8\n"
	"named names_alias, 24, 8\n"
	"named _names_alias, 24, 8\n"
	"named names_outer, 32, 16\n"
	"named names_inner, 40, 8\n"
	"named names_sizeless, 48, 0\n"
	"named " LONG_300 ", 56, 8\n"
	".type names_local, %function\n"
	".set names_local, names_area + 64\n"
	".size names_local, 8\n"
	"named __names_global, 64, 8\n"
	".space 128\n");

int names_data[16] = { 1 };

static struct target target;
static struct binaries binaries;
static struct names_scratch scratch_room;

static const struct binary *own(void)
{
	binaries.count = 0;
	if (target_open(&target, getpid()) != 0)
		return NULL;
	return binaries_find(&binaries, &target, (uintptr_t)names_area);
}

static struct name names[96];

static const char *name_at(
	const struct binary *binary, enum names_kind kind, const void *address)
{
	names[0].address = (uintptr_t)address;
	if (names_find(&target, binary, kind, names, 1, &scratch_room) != 0)
		return "?";
	return names[0].text;
}

static bool is_named(const struct binary *binary, unsigned at, const char *name)
{
	const char *got = name_at(binary, NAMES_CODE, names_area + at);

	if (strcmp(got, name) != 0)
		tap_note("  +%u is %s, not %s", at, got, name);
	return !strcmp(got, name);
}

static int play_code(void)
{
	const struct binary *binary = own();

	must(binary && binary->is_elf);
	must(is_named(binary, 0, "names_one") && is_named(binary, 7, "names_one"));
	must(is_named(binary, 8, "") && is_named(binary, 15, ""));
	must(is_named(binary, 16, "names_two") && is_named(binary, 23, "names_two"));
	must(is_named(binary, 24, "names_alias"));
	must(is_named(binary, 39, "names_outer") && is_named(binary, 40, "names_inner"));
	must(is_named(binary, 48, "") && is_named(binary, 72, ""));
	must(is_named(binary, 64, "__names_global")); /* others can use it */
	must(names[0].start == (uintptr_t)names_area + 64);
	return CHILD_GOOD;
}

static int play_long(void)
{
	const char *name = name_at(own(), NAMES_CODE, names_area + 57);

	must(strlen(name) == NAMES_LENGTH - 1 && !strcmp(name + NAMES_LENGTH - 4, "..."));
	must(!strncmp(name, LONG_300, NAMES_LENGTH - 4));
	return CHILD_GOOD;
}

static int play_data(void)
{
	const struct binary *binary = own();

	must(!strcmp(name_at(binary, NAMES_DATA, &names_data[3]), "names_data"));
	must(names[0].start == (uintptr_t)names_data);
	must(!*name_at(binary, NAMES_CODE, &names_data[3]));
	must(!*name_at(binary, NAMES_DATA, names_area));
	return CHILD_GOOD;
}

/* More than fit into one pass. */
static int play_many(void)
{
	unsigned count = FONDUE_COUNT(names);

	for (unsigned i = 0; i < count; i++)
		names[i].address = (uintptr_t)names_area + i % 24;
	must(names_find(&target, own(), NAMES_CODE, names, count, &scratch_room) == 0);
	for (unsigned i = 0; i < count; i++)
		must(!strcmp(names[i].text,
			i % 24 < 8 ? "names_one" : i % 24 < 16 ? "" : "names_two"));
	return CHILD_GOOD;
}

static int play_vdso(void)
{
	void *vdso = dlopen("linux-vdso.so.1", RTLD_NOW | RTLD_NOLOAD);
	char *function = vdso ? dlsym(vdso, "__vdso_clock_gettime") : NULL;
	const struct binary *binary;

	if (!function) /* not every C library shows it */
		return CHILD_GOOD;
	must(own());
	binary = binaries_find(&binaries, &target, (uintptr_t)function);
	must(binary && binary->is_elf && !strcmp(binary->path, "[vdso]"));
	must(strstr(name_at(binary, NAMES_CODE, function), "clock_gettime"));
	return CHILD_GOOD;
}

static int play_other_build(void)
{
	struct binary binary = *own();

	must(binary.build_id.size >= 8);
	binary.build_id.bytes[5] ^= 1;
	strcpy(names[0].text, "left over");
	names[0].address = (uintptr_t)names_area;
	must(names_find(&target, &binary, NAMES_CODE, names, 1, &scratch_room) == -ESTALE);
	must(!*names[0].text);
	binary = *own();
	binary.path = "/nonexistent";
	must(names_find(&target, &binary, NAMES_CODE, names, 1, &scratch_room) == -ENOENT);
	return CHILD_GOOD;
}

/* Damage anywhere in a copy: in its headers more often than chance would have it. */
#define DAMAGED_RUNS 1500

static void damage(uint8_t *bytes, size_t size, uint64_t *state)
{
	size_t sections = 0;

	memcpy(&sections, bytes + 40, sizeof(sections)); /* e_shoff */
	for (unsigned i = 1 + next_random(state) % 6; i; i--) {
		uint64_t number = next_random(state);
		size_t range = number % 8 == 0 ? 64 : number % 8 < 5 ? 2048 : size;
		size_t at = (number >> 16) % range + (range == 2048 ? sections : 0);

		if (at < size)
			bytes[at] = number >> 8;
	}
}

static int play_damaged(void)
{
	const char *copy = scratch_path("damaged");
	struct binary binary = *own();
	int from = open(binary.path, O_RDONLY), to = open(copy, O_RDWR | O_CREAT, 0600);
	off_t size = lseek(from, 0, SEEK_END);
	uint8_t *bytes = malloc(size), *damaged = malloc(size);
	uint64_t state = 20130527;
	unsigned named = 0;

	must(bytes && damaged && to >= 0 && pread(from, bytes, size, 0) == size);
	binary.path = copy;
	for (unsigned run = 0; run < DAMAGED_RUNS; run++) {
		memcpy(damaged, bytes, size);
		damage(damaged, size, &state);
		must(pwrite(to, damaged, size, 0) == size);
		names[0].address = (uintptr_t)names_area + 1;
		if (names_find(&target, &binary, NAMES_CODE, names, 1, &scratch_room) == 0)
			named += *names[0].text != '\0';
		for (const char *c = names[0].text; *c; c++)
			must(*c > ' ' && *c < 0x7f && c < names[0].text + NAMES_LENGTH);
	}
	tap_note("  a name in %u of %u", named, DAMAGED_RUNS);
	must(named > 0 && named < DAMAGED_RUNS);
	return CHILD_GOOD;
}

int main(void)
{
	scratch_make();
	test_play_natively("a name for each byte that a symbol spans, and for no other", play_code);
	test_play_natively("a long name is cut, and shows it", play_long);
	test_play_natively("variables have names, too", play_data);
	test_play_natively("many addresses at once", play_many);
	test_play_natively("functions of the vdso", play_vdso);
	test_play_natively("another build, or no file: no names", play_other_build);
	test_play_natively("a file with damaged bytes", play_damaged);
	scratch_remove();
	return tap_done();
}
