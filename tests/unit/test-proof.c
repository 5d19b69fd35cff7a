/* SPDX-License-Identifier: MIT */
/*
 * Description: a layout is shared with a proof or refused with the right reason
 *
 * Each claim is a whole object in one line or two: what its notes say and which segments it
 * has. All of them are small changes to GOOD, which looks like this (addresses in
 * hexadecimal, pages of 0x1000 bytes):
 *
 *	10000  code               R-X
 *	20000  data, from RELRO   RW-    21000 end of RELRO, 21100 the binding
 *	30000  section shared            to 32000
 *	32800  end of the file
 *	40000  section shared_zero       to 48000
 *	50000  end of data
 *
 * The last claim makes no assumption about what could be wrong: it compares the judgment
 * with one made byte by byte, for many random layouts in a small world.
 */
#include "proof.h"
#include "unit.h"

#define PAGE 0x1000
#define HIGH 0xffffffffffff0000ULL /* the last 16 pages of the address space */
#define BASE 0x10000

#define NOTE_OF(shared_head, shared_start, shared_stop, zero_head, zero_start, zero_stop,  \
	binding_)                                                                         \
	{                                                                                \
		.abi = 1, .align = PAGE,                                                 \
		.at = { { shared_head, shared_start, shared_stop },                      \
			{ zero_head, zero_start, zero_stop } },                          \
		.binding = binding_                                                      \
	}
#define GOOD		    NOTE_OF(0x30000, 0x30000, 0x32000, 0x40000, 0x40000, 0x48000, 0x21100)
#define SHARED(start, stop) NOTE_OF(start, start, stop, 0x40000, 0x40000, 0x48000, 0x21100)
#define ZERO(start, stop)   NOTE_OF(0x30000, 0x30000, 0x32000, start, start, stop, 0x21100)
#define BINDING(at)	    NOTE_OF(0x30000, 0x30000, 0x32000, 0x40000, 0x40000, 0x48000, at)
#define EMPTY		    NOTE_OF(0x30000, 0x30000, 0x30000, 0x40000, 0x40000, 0x40000, 0x21100)

#define SEGMENT(type_, flags_, start_, end_, file_end_)                                   \
	{ .type = type_, .flags = flags_, .start = start_, .end = end_, .file_end = file_end_ }
#define CODE  SEGMENT(PT_LOAD, PF_R | PF_X, BASE, 0x11000, 0x11000)
#define DATA  SEGMENT(PT_LOAD, PF_R | PF_W, 0x20000, 0x50000, 0x32800)
#define RELRO SEGMENT(PT_GNU_RELRO, PF_R, 0x20000, 0x21000, 0x21000)
#define STACK SEGMENT(PT_GNU_STACK, PF_R | PF_W, 0, 0, 0)
#define NOTES SEGMENT(PT_NOTE, PF_R, 0x10200, 0x10300, 0x10300)

#define ALL SEGMENT_LIST(CODE, DATA, RELRO, STACK, NOTES)
#define SEGMENT_LIST(...)                                                                \
	{                                                                                \
		__VA_ARGS__                                                              \
	}
#define ALL_AND(...) SEGMENT_LIST(CODE, DATA, RELRO, STACK, NOTES, __VA_ARGS__)
#define DATA_AS(...) SEGMENT_LIST(CODE, SEGMENT(PT_LOAD, __VA_ARGS__), RELRO, STACK, NOTES)
#define FOREIGN(type_, start_, end_) SEGMENT(type_, PF_R, start_, end_, end_)

/* Most claims leave the last members out, meaning the usual. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

static const struct claim {
	const char *name;
	enum reason reason;
	const char *kind;
	uint64_t value;
	struct note notes[3]; /* up to the first with version 0 */
	struct segment segments[12];
	unsigned word;
	uint64_t page_size, base;
} claims[] = {
	{ "an ordinary object may be shared", REASON_NONE, NULL, 0, { GOOD }, ALL },
	{ "two files of it agree", REASON_NONE, NULL, 0, { GOOD, GOOD }, ALL },
	{ "a piece may start anywhere in the section, at its end too", REASON_NONE, NULL, 0,
		{ GOOD,
			NOTE_OF(0x31000, 0x30000, 0x32000, 0x48000, 0x40000, 0x48000, 0x21100) },
		ALL },
	{ "sections may be empty", REASON_NONE, NULL, 0, { EMPTY }, ALL },
	{ "empty sections need not be aligned, nor lie in a segment", REASON_NONE, NULL, 0,
		{ NOTE_OF(0x30001, 0x30001, 0x30001, 0x7, 0x7, 0x7, 0x21100) }, ALL },
	{ "sections may touch each other", REASON_NONE, NULL, 0, { ZERO(0x32000, 0x33000) },
		ALL },
	{ "in either order", REASON_NONE, NULL, 0, { ZERO(0x2f000, 0x30000) }, ALL },
	{ "a section may end where the segment does", REASON_NONE, NULL, 0,
		{ ZERO(0x40000, 0x50000) }, ALL },
	{ "and start where it does", REASON_NONE, NULL, 0, { SHARED(0x20000, 0x21000) },
		SEGMENT_LIST(CODE, DATA) },
	{ "sections may lie in two segments", REASON_NONE, NULL, 0,
		{ ZERO(0x60000, 0x70000) },
		ALL_AND(SEGMENT(PT_LOAD, PF_R | PF_W, 0x60000, 0x70000, 0x60000)) },
	{ "a position dependent program has base 0", REASON_NONE, NULL, 0, { GOOD }, ALL,
		.base = UINT64_MAX /* see image_of() */ },
	{ "a 32-bit object has a smaller binding", REASON_NONE, NULL, 0,
		{ BINDING(0x4fff0) }, ALL, .word = 4 },
	{ "large pages", REASON_NONE, NULL, 0,
		{ { .abi = 1, .align = 0x10000,
			.at = { { 0x30000, 0x30000, 0x40000 }, { 0x40000, 0x40000, 0x50000 } },
			.binding = 0x21100 } },
		ALL, .page_size = 0x10000 },

	{ "files disagree about the start of a section", REASON_NOTES_DISAGREE, "shared",
		0x31000, { GOOD, SHARED(0x31000, 0x32000) }, ALL },
	{ "about its end", REASON_NOTES_DISAGREE, "shared", 0x30000,
		{ GOOD, SHARED(0x30000, 0x31000) }, ALL },
	{ "about the other section", REASON_NOTES_DISAGREE, "shared_zero", 0x40000,
		{ GOOD, GOOD, ZERO(0x40000, 0x49000) }, ALL },
	{ "about the binding", REASON_NOTES_DISAGREE, NULL, 0x21200,
		{ GOOD, BINDING(0x21200) }, ALL },

	{ "the linker made both ends 0: the load address", REASON_SECTION_MOVED, "shared",
		BASE, { NOTE_OF(0x30000, BASE, BASE, 0x40000, 0x40000, 0x48000, 0x21100) },
		ALL },
	{ "the same of the other section", REASON_SECTION_MOVED, "shared_zero", BASE,
		{ ZERO(BASE, BASE) }, ALL },
	{ "the same in a position dependent program", REASON_SECTION_MOVED, "shared", 0,
		{ NOTE_OF(0x30000, 0, 0, 0x40000, 0x40000, 0x48000, 0x21100) }, ALL,
		.base = UINT64_MAX },

	{ "a section ends before it starts", REASON_BACKWARDS, "shared", 0x2f000,
		{ SHARED(0x30000, 0x2f000) }, ALL },
	{ "also if it ends where an undefined symbol would be", REASON_BACKWARDS, "shared", BASE,
		{ SHARED(0x30000, BASE) }, ALL },
	{ "a section reaches over the end of the address space", REASON_BACKWARDS,
		"shared_zero", 0x1000, { ZERO(HIGH, 0x1000) }, ALL },

	{ "a piece lies before its section", REASON_HEAD_OUTSIDE, "shared", 0x2ffff,
		{ NOTE_OF(0x2ffff, 0x30000, 0x32000, 0x40000, 0x40000, 0x48000, 0x21100) },
		ALL },
	{ "a piece lies behind its section", REASON_HEAD_OUTSIDE, "shared_zero", 0x48001,
		{ NOTE_OF(0x30000, 0x30000, 0x32000, 0x48001, 0x40000, 0x48000, 0x21100) },
		ALL },
	{ "a piece lies outside of an empty section", REASON_HEAD_OUTSIDE, "shared", 0x31000,
		{ NOTE_OF(0x31000, 0x30000, 0x30000, 0x40000, 0x40000, 0x48000, 0x21100) },
		ALL },

	{ "built for smaller pages than the machine's", REASON_PAGE_LARGER, "shared", 0x10000,
		{ GOOD }, ALL, .page_size = 0x10000 },
	{ "one of its files was", REASON_PAGE_LARGER, "shared", 0x10000,
		{ { .abi = 1, .align = 0x10000,
			  .at = { { 0x30000, 0x30000, 0x32000 },
				  { 0x40000, 0x40000, 0x48000 } },
			  .binding = 0x21100 },
			GOOD },
		ALL, .page_size = 0x10000 },

	{ "a section starts in mid page", REASON_START_UNALIGNED, "shared", 0x30010,
		{ SHARED(0x30010, 0x32000) }, ALL },
	{ "the other one does", REASON_START_UNALIGNED, "shared_zero", 0x40fff,
		{ ZERO(0x40fff, 0x48000) }, ALL },
	{ "a section ends in mid page", REASON_STOP_UNALIGNED, "shared", 0x31ff0,
		{ SHARED(0x30000, 0x31ff0) }, ALL },
	{ "the other one does, by one byte", REASON_STOP_UNALIGNED, "shared_zero", 0x48001,
		{ ZERO(0x40000, 0x48001) }, ALL },

	{ "a section lies outside of all segments", REASON_OUTSIDE, "shared", 0x80000,
		{ SHARED(0x80000, 0x81000) }, ALL },
	{ "it starts one page early", REASON_OUTSIDE, "shared", 0x1f000,
		{ SHARED(0x1f000, 0x22000) }, SEGMENT_LIST(CODE, DATA) },
	{ "it ends one page late", REASON_OUTSIDE, "shared_zero", 0x40000,
		{ ZERO(0x40000, 0x51000) }, ALL },
	{ "it reaches from one segment into the next", REASON_OUTSIDE, "shared_zero", 0x40000,
		{ ZERO(0x40000, 0x51000) },
		ALL_AND(SEGMENT(PT_LOAD, PF_R | PF_W, 0x50000, 0x60000, 0x50000)) },
	{ "it lies in a segment that is not loaded", REASON_OUTSIDE, "shared", 0x60000,
		{ SHARED(0x60000, 0x61000) },
		ALL_AND(SEGMENT(PT_NULL, PF_R | PF_W, 0x60000, 0x70000, 0x70000)) },
	{ "it lies in the last page of the address space", REASON_OUTSIDE, "shared",
		HIGH + 0xe000, { SHARED(HIGH + 0xe000, HIGH + 0xf000) }, ALL },
	{ "its segment wraps around the address space", REASON_OUTSIDE, "shared", HIGH,
		{ SHARED(HIGH, HIGH + 0x1000) },
		ALL_AND(SEGMENT(PT_LOAD, PF_R | PF_W, HIGH, 0x10000, 0x10000)) },
	{ "there are no segments at all", REASON_OUTSIDE, "shared", 0x30000, { GOOD },
		{ { 0 } } },

	{ "a section is read only", REASON_NOT_WRITABLE, "shared", 0x30000, { GOOD },
		DATA_AS(PF_R, 0x20000, 0x50000, 0x32800) },
	{ "a section can be written and not read", REASON_NOT_WRITABLE, "shared", 0x30000,
		{ GOOD }, DATA_AS(PF_W, 0x20000, 0x50000, 0x32800) },
	{ "a section lies in the code", REASON_NOT_WRITABLE, "shared", BASE,
		{ SHARED(BASE, 0x11000) }, SEGMENT_LIST(CODE, DATA) },
	{ "a section is executable", REASON_EXECUTABLE, "shared", 0x30000, { GOOD },
		DATA_AS(PF_R | PF_W | PF_X, 0x20000, 0x50000, 0x32800) },

	{ "a section becomes read-only after start", REASON_RELRO, "shared", 0x20000,
		{ SHARED(0x20000, 0x21000) }, ALL },
	{ "its last byte does", REASON_RELRO, "shared_zero", 0x47fff, { GOOD },
		ALL_AND(FOREIGN(PT_GNU_RELRO, 0x47fff, 0x49000)) },
	{ "RELRO ends where a section starts", REASON_NONE, NULL, 0, { GOOD },
		ALL_AND(FOREIGN(PT_GNU_RELRO, 0x2f000, 0x30000)) },

	{ "the dynamic section lies in a section", REASON_FOREIGN, "shared", 0x31000, { GOOD },
		ALL_AND(FOREIGN(PT_DYNAMIC, 0x31000, 0x31200)) },
	{ "the program headers do", REASON_FOREIGN, "shared_zero", 0x40000, { GOOD },
		ALL_AND(FOREIGN(PT_PHDR, 0x40000, 0x40200)) },
	{ "the initial thread-locals do", REASON_FOREIGN, "shared", 0x31800, { GOOD },
		ALL_AND(SEGMENT(PT_TLS, PF_R, 0x31800, 0x31900, 0x31900)) },
	{ "a segment of a type unknown to us does", REASON_FOREIGN, "shared", 0x31000, { GOOD },
		ALL_AND(FOREIGN(0x60001234, 0x31000, 0x31001)) },
	{ "the dynamic section lies just before and behind", REASON_NONE, NULL, 0, { GOOD },
		ALL_AND(FOREIGN(PT_DYNAMIC, 0x2f000, 0x30000),
			FOREIGN(PT_DYNAMIC, 0x32000, 0x32200)) },
	{ "an empty segment lies inside", REASON_NONE, NULL, 0, { GOOD },
		ALL_AND(FOREIGN(PT_TLS, 0x31000, 0x31000)) },
	{ "the size of the stack is no place in memory", REASON_NONE, NULL, 0, { GOOD },
		SEGMENT_LIST(CODE, DATA, SEGMENT(PT_GNU_STACK, PF_R | PF_W, BASE, 0x800000, BASE)) },
	/* zero-initialised thread-locals have a size, but no place: p_filesz ends the segment */
	{ "thread-locals without a place in memory are in nobody's way", REASON_NONE, NULL, 0,
		{ GOOD }, ALL_AND(SEGMENT(PT_TLS, PF_R, 0x20000, 0x120000, 0x20004)) },

	{ "the sections overlap by a page", REASON_RANGES_OVERLAP, NULL, 0x31000,
		{ ZERO(0x31000, 0x33000) }, ALL },
	{ "one section is the other", REASON_RANGES_OVERLAP, NULL, 0x30000,
		{ ZERO(0x30000, 0x32000) }, ALL },
	{ "one holds the other", REASON_RANGES_OVERLAP, NULL, 0x2f000,
		{ ZERO(0x2f000, 0x48000) }, ALL },

	{ "the binding lies in a shared page", REASON_BINDING, NULL, 0x30100,
		{ BINDING(0x30100) }, ALL },
	{ "its last byte does", REASON_BINDING, NULL, 0x2ffe8, { BINDING(0x2ffe8) }, ALL },
	{ "it ends where a shared page starts", REASON_NONE, NULL, 0, { BINDING(0x2ffe0) },
		ALL },
	{ "it lies in a page of the other section", REASON_BINDING, NULL, 0x47ff8,
		{ BINDING(0x47ff8) }, ALL },
	{ "it starts where a shared page ends", REASON_NONE, NULL, 0, { BINDING(0x48000) },
		ALL },
	{ "it becomes read-only after start", REASON_BINDING, NULL, 0x20ff8,
		{ BINDING(0x20ff8) }, ALL },
	/* the loader protects whole pages: from the one in which RELRO starts */
	{ "it lies in the page in which RELRO starts", REASON_BINDING, NULL, 0x4e000,
		{ BINDING(0x4e000) }, ALL_AND(FOREIGN(PT_GNU_RELRO, 0x4e800, 0x50000)) },
	{ "it is not aligned", REASON_BINDING, NULL, 0x21104, { BINDING(0x21104) }, ALL },
	{ "it is not aligned for a 32-bit object", REASON_BINDING, NULL, 0x21102,
		{ BINDING(0x21102) }, ALL, .word = 4 },
	{ "it lies outside of all segments", REASON_BINDING, NULL, 0x80000,
		{ BINDING(0x80000) }, ALL },
	{ "it lies in the code", REASON_BINDING, NULL, 0x10100, { BINDING(0x10100) }, ALL },
	{ "it reaches over the end of its segment", REASON_BINDING, NULL, 0x4fff0,
		{ BINDING(0x4fff0) }, ALL },
	{ "it reaches over the end of the address space", REASON_BINDING, NULL,
		UINT64_MAX - 7, { BINDING(UINT64_MAX - 7) }, ALL },
	{ "it reaches over it, in a segment that wraps", REASON_BINDING, NULL, UINT64_MAX - 7,
		{ BINDING(UINT64_MAX - 7) },
		ALL_AND(SEGMENT(PT_LOAD, PF_R | PF_W, HIGH, 0x10000, 0x10000)) },
	{ "it is nowhere", REASON_BINDING, NULL, 0, { BINDING(0) }, ALL },
	{ "an object with nothing to share needs a binding, too", REASON_BINDING, NULL, 8,
		{ NOTE_OF(0x30000, 0x30000, 0x30000, 0x40000, 0x40000, 0x40000, 8) }, ALL },
};

static bool reached[REASON_COUNT];

static struct image image_of(const struct claim *claim)
{
	struct image image = {
		.base = claim->base == UINT64_MAX ? 0 : BASE,
		.page_size = claim->page_size ? claim->page_size : PAGE,
		.word = claim->word ? claim->word : 8,
	};

	for (unsigned i = 0; i < 12 && (claim->segments[i].type || claim->segments[i].end); i++)
		image.segments[image.count++] = claim->segments[i];
	return image;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static void test_claim(const struct claim *claim)
{
	struct image image = image_of(claim);
	struct proof proof;
	bool shared;

	proof_begin(&proof, &image);
	for (unsigned i = 0; i < 3 && claim->notes[i].abi; i++)
		proof_add(&proof, NOTE_FOUND, &claim->notes[i]);
	shared = proof_finish(&proof);
	reached[proof.refusal.reason] = true;
	if (!test(claim->name,
		    shared == (claim->reason == REASON_NONE) &&
			    proof.refusal.reason == claim->reason &&
			    same_text(proof.refusal.kind, claim->kind) &&
			    proof.refusal.value == claim->value && !proof.refusal.symbol))
		tap_note("  reason %d, kind %s, value 0x%lx: %s", proof.refusal.reason,
			proof.refusal.kind ? proof.refusal.kind : "-",
			(unsigned long)proof.refusal.value, refusal_cause(proof.refusal.reason));
}

static const struct claim good = { "", REASON_NONE, NULL, 0, { GOOD }, ALL };

static void test_bad_notes(void)
{
	struct image image = image_of(&good);
	struct note note = { .abi = 9 };
	struct proof proof;

	proof_begin(&proof, &image);
	proof_add(&proof, NOTE_DAMAGED, &note);
	proof_add(&proof, NOTE_FOUND, &good.notes[0]);
	test("a damaged note refuses the object, whatever the others say",
		!proof_finish(&proof) && proof.refusal.reason == REASON_NOTE_DAMAGED);
	reached[proof.refusal.reason] = true;

	proof_begin(&proof, &image);
	proof_add(&proof, NOTE_FOUND, &good.notes[0]);
	proof_add(&proof, NOTE_VERSION, &note);
	test("so does a note of another version, which is told",
		!proof_finish(&proof) && proof.refusal.reason == REASON_NOTE_VERSION &&
			proof.refusal.value == 9);
	reached[proof.refusal.reason] = true;

	proof_begin(&proof, &image);
	proof_add(&proof, NOTE_DAMAGED, &note);
	proof_add(&proof, NOTE_VERSION, &note);
	test("of several reasons the first is told",
		!proof_finish(&proof) && proof.refusal.reason == REASON_NOTE_DAMAGED);
	test("bad notes are not counted as understood", proof.notes == 0);
}

static void test_results(void)
{
	struct note larger = good.notes[0];
	struct image image = image_of(&good);
	struct proof proof;

	larger.align = 0x10000;
	proof_begin(&proof, &image);
	proof_add(&proof, NOTE_FOUND, &larger);
	proof_add(&proof, NOTE_FOUND, &good.notes[0]);
	proof_add(&proof, NOTE_FOUND, &larger);
	test("the proof counts notes and knows the smallest alignment",
		proof_finish(&proof) && proof.notes == 3 && proof.align == PAGE);
	test("its ranges are the sections'",
		proof.ranges[KIND_SHARED].start == 0x30000 &&
			proof.ranges[KIND_SHARED].stop == 0x32000 &&
			proof.ranges[KIND_ZERO].start == 0x40000 &&
			proof.ranges[KIND_ZERO].stop == 0x48000);
	test("and know where their segment's file ends",
		proof.ranges[KIND_SHARED].file_end == 0x32800 &&
			proof.ranges[KIND_ZERO].file_end == 0x32800);
}

static void test_file_ends(void)
{
	const struct claim two = { "", REASON_NONE, NULL, 0, { ZERO(0x60000, 0x70000) },
		ALL_AND(SEGMENT(PT_LOAD, PF_R | PF_W, 0x60000, 0x70000, 0x60000)) };
	struct image image = image_of(&two);
	struct proof proof;

	proof_begin(&proof, &image);
	proof_add(&proof, NOTE_FOUND, &two.notes[0]);
	test("in two segments, each range knows its own file end",
		proof_finish(&proof) && proof.ranges[KIND_SHARED].file_end == 0x32800 &&
			proof.ranges[KIND_ZERO].file_end == 0x60000);
}

/* At most one conversion, and only one that log_format() knows: %lx or %lu. */
static bool conversions_are_right(const char *text)
{
	const char *percent = strchr(text, '%');

	return !percent || ((!strncmp(percent, "%lx", 3) || !strncmp(percent, "%lu", 3)) &&
				   !strchr(percent + 1, '%'));
}

static void test_texts(void)
{
	bool there = true, right = true, lines = true, layout = true;

	for (enum reason reason = 0; reason < REASON_COUNT; reason++) {
		const char *cause = refusal_cause(reason), *cure = refusal_cure(reason);

		if (!cause || !*cause || !cure || !*cure) {
			there = false;
			tap_note("  reason %d has no text", reason);
			continue;
		}
		right = right && conversions_are_right(cause) && !strchr(cure, '%');
		lines = lines && !strpbrk(cause, "\n;") && !strchr(cure, '\n');
	}
	for (enum reason reason = REASON_NOTE_DAMAGED; reason <= REASON_BINDING; reason++)
		if (!reached[reason] && reason != REASON_TOO_MANY_SEGMENTS) {
			layout = false;
			tap_note("  reason %d was never reached", reason);
		}
	test("every reason has a cause and a cure", there);
	test("a cause has at most one conversion, a cure none", right);
	test("both are parts of one line", lines);
	test("every reason of note and layout was reached above", layout);
}

/*
 * The small world: pages of 16 bytes, addresses below 256. An object may be shared if every
 * byte of its ranges may be, byte by byte.
 */
#define WORLD	   256
#define WORLD_PAGE 16

static const struct segment *load_of(const struct image *image, uint64_t from, uint64_t to)
{
	for (unsigned i = 0; i < image->count; i++)
		if (image->segments[i].type == PT_LOAD && image->segments[i].start <= from &&
			to < image->segments[i].end)
			return &image->segments[i];
	return NULL;
}

static bool is_taken(const struct image *image, uint64_t byte)
{
	for (unsigned i = 0; i < image->count; i++)
		if (image->segments[i].type != PT_LOAD && image->segments[i].start <= byte &&
			byte < image->segments[i].end)
			return true;
	return false;
}

static bool range_is_isolated(const struct image *image, uint64_t start, uint64_t stop)
{
	const struct segment *load;

	if (start == stop)
		return true;
	load = load_of(image, start, stop - 1);
	if (start > stop || start % WORLD_PAGE || stop % WORLD_PAGE || !load ||
		(load->flags & (PF_R | PF_W | PF_X)) != (PF_R | PF_W))
		return false;
	for (uint64_t byte = start; byte < stop; byte++)
		if (is_taken(image, byte))
			return false;
	return true;
}

static bool binding_is_private(const struct image *image, const struct note *note)
{
	uint64_t at = note->binding;
	const struct segment *load = load_of(image, at, at + 31);

	if (at % 8 || !load || (load->flags & (PF_R | PF_W)) != (PF_R | PF_W))
		return false;
	for (uint64_t byte = at; byte < at + 32; byte++)
		for (unsigned kind = 0; kind < KIND_COUNT; kind++)
			if (note->at[kind].start <= byte && byte < note->at[kind].stop)
				return false;
	return true;
}

static bool ought_to_be_shared(const struct image *image, const struct note *note)
{
	const uint64_t starts[] = { note->at[0].start, note->at[1].start };
	const uint64_t stops[] = { note->at[0].stop, note->at[1].stop };

	for (unsigned kind = 0; kind < KIND_COUNT; kind++)
		if ((starts[kind] == image->base && stops[kind] == image->base) ||
			note->at[kind].head < starts[kind] ||
			note->at[kind].head > stops[kind] ||
			!range_is_isolated(image, starts[kind], stops[kind]))
			return false;
	for (uint64_t byte = starts[0]; byte < stops[0]; byte++)
		if (starts[1] <= byte && byte < stops[1])
			return false;
	return binding_is_private(image, note);
}

/* Mostly whole pages, or nothing would ever be shared. */
static uint64_t some_address(uint64_t *random)
{
	uint64_t drawn = next_random(random) >> 20;

	return drawn % 16 ? drawn / 16 % (WORLD / WORLD_PAGE) * WORLD_PAGE :
			    drawn / 16 % WORLD;
}

/* One PT_LOAD in each half of the world, or none; then what may be in the way. */
static void draw_image(struct image *image, uint64_t *random)
{
	*image = (struct image){
		.base = 0, .page_size = WORLD_PAGE, .word = 8, .count = 2 + next_random(random) % 3 };
	for (unsigned i = 0; i < image->count; i++) {
		struct segment *s = &image->segments[i];

		*s = (struct segment){ .type = PT_LOAD, .flags = PF_R | PF_W };
		s->start = i < 2 ? i * WORLD / 2 + some_address(random) / 8 : some_address(random);
		s->end = i < 2 ? (i + 1) * WORLD / 2 : s->start + next_random(random) % 20;
		if (next_random(random) % 8 == 0)
			s->flags = next_random(random) % 8;
		if (i >= 2)
			s->type = PT_DYNAMIC;
	}
}

static void draw_note(struct note *note, uint64_t *random)
{
	*note = (struct note){ .abi = 1, .align = WORLD_PAGE };
	for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
		note->at[kind].start = some_address(random);
		note->at[kind].stop = note->at[kind].start + some_address(random) % 80;
		note->at[kind].head = next_random(random) % 16 ? note->at[kind].start :
								 some_address(random);
	}
	note->binding = next_random(random) % 16 ? some_address(random) / 8 * 8 :
						   some_address(random);
}

static void test_small_world(void)
{
	unsigned shared = 0, wrong = 0;
	uint64_t random = 1969;

	for (unsigned round = 0; round < 200000; round++) {
		struct image image;
		struct proof proof;
		struct note note;

		draw_image(&image, &random);
		draw_note(&note, &random);
		proof_begin(&proof, &image);
		proof_add(&proof, NOTE_FOUND, &note);
		shared += proof_finish(&proof);
		wrong += !proof.refusal.reason != ought_to_be_shared(&image, &note);
	}
	tap_note("%u of 200000 layouts were shared", shared);
	test("random layouts are judged as byte by byte", !wrong && shared > 1000);
}

int main(void)
{
	for (unsigned i = 0; i < sizeof(claims) / sizeof(claims[0]); i++)
		test_claim(&claims[i]);
	test_bad_notes();
	test_results();
	test_file_ends();
	test_texts();
	test_small_world();
	return tap_done();
}
