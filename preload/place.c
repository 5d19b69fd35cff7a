/* SPDX-License-Identifier: MIT */
/*
 * place.c - an address, an object, a symbol
 *
 * A report speaks of variables and of code, most of them in few objects. What is read for one
 * of them, the mappings and the headers of objects, serves for the next. Nothing is
 * guessed: see names.c.
 */
#include <string.h>
#include <sys/mman.h>

#include "place.h"

struct places {
	struct names_scratch scratch;
	struct binaries binaries;
	struct target target;
};

struct places *places_open(pid_t pid)
{
	long at = sys_call(SYS_mmap, 0, sizeof(struct places), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct places *places = (void *)at;

	if (sys_failed(at))
		return NULL;
	if (target_open(&places->target, pid) == 0)
		return places;
	places_close(places);
	return NULL;
}

void places_close(struct places *places)
{
	if (places)
		(void)sys_call(SYS_munmap, places, sizeof(*places));
}

/* @looked_up: in what has the name; @address may be behind its end. */
static struct place find(struct places *places, uintptr_t address, uintptr_t looked_up,
	enum names_kind kind, const struct binary *binary)
{
	struct place place = { .address = address, .binary = binary, .offset = address };
	int error;

	if (!binary || !binary->is_elf)
		return place;
	place.offset = address - binary->bias;
	place.name.address = looked_up;
	error = names_find(&places->target, binary, kind, &place.name, 1, &places->scratch);
	place.file_changed = error == -ESTALE;
	if (*place.name.text)
		place.name_offset = address - place.name.start;
	return place;
}

struct place place_of_data(struct places *places, uintptr_t address)
{
	return find(places, address, address, NAMES_DATA,
		binaries_find_data(&places->binaries, &places->target, address));
}

struct place place_of_code(struct places *places, uintptr_t address)
{
	return find(places, address, address - 1, NAMES_CODE,
		binaries_find(&places->binaries, &places->target, address - 1));
}

#if defined(__x86_64__)
/* As fondue_note_site_() in <fondue/spinlock.h> is assembled: leaq 0(%rip), ... */
static bool is_inline_site(const unsigned char before[8])
{
	return (before[1] == 0x48 || before[1] == 0x4c) && before[2] == 0x8d &&
	       (before[3] & 0xc7) == 0x05 && !before[4] && !before[5] && !before[6] &&
	       !before[7];
}

/* call *DISPLACEMENT(REGISTER), as a door of the runtime is called. */
static bool is_door_call(const unsigned char before[8])
{
	unsigned short_form = before[5] == 0xff ? before[6] : 0;
	unsigned no_displacement = before[6] == 0xff ? before[7] : 0;

	return (short_form & 0xf8) == 0x50 || (no_displacement & 0xf8) == 0x10 ||
	       (no_displacement & 0xf8) == 0xd0;
}
#elif defined(__aarch64__)
/* adr REGISTER, the next instruction */
static bool is_inline_site(const unsigned char before[8])
{
	uint32_t code;

	memcpy(&code, before + 4, sizeof(code));
	return (code & 0xffffffe0) == 0x10000020;
}

/* blr REGISTER */
static bool is_door_call(const unsigned char before[8])
{
	uint32_t code;

	memcpy(&code, before + 4, sizeof(code));
	return (code & 0xfffffc1f) == 0xd63f0000;
}
#else
static bool is_inline_site(const unsigned char before[8])
{
	(void)before;
	return false;
}

static bool is_door_call(const unsigned char before[8])
{
	(void)before;
	return false;
}
#endif

bool place_is_site(struct places *places, uintptr_t address)
{
	unsigned char before[8];

	return address > sizeof(before) && target_is_code(&places->target, address - 1) &&
	       target_read(&places->target, address - sizeof(before), before, sizeof(before)) &&
	       (is_inline_site(before) || is_door_call(before));
}
