/* SPDX-License-Identifier: MIT */
/*
 * code.c - asking the runtime's room `place` for names, from outside
 *
 * So the runtime and the command call one place by one name, and neither guesses. That room
 * knows mappings and snapshots of its own kind: this file includes its header, and none of
 * those that know a family.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../preload/place.h"
#include "code.h"
#include "memory.h"

_Static_assert(CODE_BUILD_ID > 2 * BUILD_ID_MAX, "room for each, and the 0 byte");

struct places *code_open(pid_t tid)
{
	return places_open(tid);
}

void code_close(struct places *places)
{
	places_close(places);
}

void code_print_build_id(const struct build_id *id, char ret[CODE_BUILD_ID])
{
	ret[0] = '\0';
	for (unsigned i = 0; i < id->size && i < BUILD_ID_MAX; i++)
		sprintf(ret + 2 * i, "%02x", id->bytes[i]);
}

struct code code_find(struct places *places, uint64_t address)
{
	struct place place = place_of_code(places, address);
	struct code code = { .address = address, .file_changed = place.file_changed };

	if (!place.binary || !place.binary->is_elf)
		return code;
	code.object = memory_copy(place.binary->path);
	code.offset = place.offset;
	code_print_build_id(&place.binary->build_id, code.build_id);
	if (*place.name.text) {
		code.function = memory_copy(place.name.text);
		code.function_offset = place.name_offset;
	}
	return code;
}

void code_free(struct code *code)
{
	free(code->object);
	free(code->function);
}

bool code_is_site(struct places *places, uint64_t address)
{
	return place_is_site(places, address);
}
