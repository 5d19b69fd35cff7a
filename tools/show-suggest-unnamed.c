/* SPDX-License-Identifier: MIT */
/*
 * show-suggest-unnamed.c - memory that changed and has no symbol: by its address
 *
 * In an object that is stripped a static has no name, and no bounds: all that is known is which
 * words were changed. `fondue plan --address=` takes such a place; whoever has the source, or a
 * disassembler, finds out what it is.
 */
#include <inttypes.h>

#include "memory.h"
#include "say.h"
#include "show-suggest.h"

/* Places, on a line. */
#define PLACES_SHOWN 4

static bool is_told(const struct seen *seen, const struct seen_unnamed *unnamed, size_t object)
{
	return unnamed->object == object && unnamed->when == SEEN_END &&
	       unnamed->word.is_class == SEEN_NUMBER &&
	       seen->processes[unnamed->process].parent != SEEN_NOBODY;
}

/* Has it been told of an earlier child? */
static bool is_repeated(const struct seen *seen, size_t index)
{
	const struct seen_unnamed *self = &seen->unnamed[index];

	for (size_t i = 0; i < index; i++)
		if (seen->unnamed[i].address == self->address &&
			is_told(seen, &seen->unnamed[i], self->object))
			return true;
	return false;
}

/* Of 8 bytes only the upper half may have changed: that is a number of 4. */
static char *place(const struct seen_unnamed *unnamed)
{
	const struct seen_word *word = &unnamed->word;
	unsigned shift =
		word->width == 8 && (uint32_t)word->before == (uint32_t)word->after ? 32 : 0;

	return memory_format("0x%" PRIx64 " (%" PRIu64 " -> %" PRIu64 ")",
		unnamed->address + shift / 8, word->before >> shift, word->after >> shift);
}

static const char *places(const struct seen *seen, size_t object)
{
	const char *text = "";
	size_t shown = 0;

	for (size_t i = 0; i < seen->unnamed_count && shown < PLACES_SHOWN; i++) {
		const struct seen_unnamed *one = &seen->unnamed[i];

		if (is_told(seen, one, object) && !is_repeated(seen, i))
			text = memory_format(
				"%s%s %s", text, shown++ ? "," : ": at", place(one));
	}
	return text;
}

void show_suggest_unnamed(FILE *file, const struct seen *seen)
{
	for (size_t i = 0; i < seen->object_count; i++) {
		if (!seen->objects[i].unnamed)
			continue;
		say_to(file,
			memory_format("  %" PRIu64 " bytes of %s changed that have no symbol%s",
				seen->objects[i].unnamed, say_base_name(seen->objects[i].path),
				places(seen, i)));
		fputc('\n', file);
	}
}
