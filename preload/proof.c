/* SPDX-License-Identifier: MIT */
/*
 * proof.c - isolation is arithmetic
 *
 * The linker concatenates all pieces of a section into one output section, output sections
 * do not overlap, and __start_ and __stop_ are the ends of this one. So if both are
 * multiples of the page size, no page of the range holds a byte of anything else. That is
 * the whole proof. The other checks are there because a note may be damaged, a linker
 * script may move sections, and some neighbours (RELRO, code) matter by the page, whoever
 * owns it. Any doubt refuses the object: private variables that should be shared are an
 * error message, shared variables that should be private are a corrupted program.
 */
#include <fondue/shared.h>

#include "proof.h"

/* struct fondue_binding is all pointers and longs, so its size follows the target's word. */
#define BINDING_WORDS (sizeof(struct fondue_binding) / sizeof(void *))

static const struct {
	const char *cause;
	const char *cure;
} texts[REASON_COUNT] = {
	[REASON_NONE] = { "nothing", "nothing" },
	[REASON_NOTE_DAMAGED] = { "its fondue note is damaged", "rebuild the object" },
	[REASON_NOTE_VERSION] = { "its fondue note has version %lu, unknown to this runtime",
		"rebuild it with this runtime's <fondue/shared.h>, or update libfondue.so" },
	[REASON_NOTES_DISAGREE] = { "its fondue notes contradict each other (0x%lx)",
		"rebuild the object" },
	[REASON_TOO_MANY_SEGMENTS] = { "it has %lu program headers, more than are understood",
		"link it with an ordinary linker script" },
	[REASON_SECTION_MOVED] = { "the linker has put the section inside another one",
		"keep the section name in the linker script: shared : { *(shared) }" },
	[REASON_BACKWARDS] = { "the section ends before it starts (0x%lx)",
		"rebuild the object" },
	[REASON_HEAD_OUTSIDE] = {
		"a file's piece lies outside of the section (0x%lx)",
		"keep the section whole in the linker script: shared : { *(shared) }" },
	[REASON_PAGE_LARGER] = { "it was built for smaller pages than this machine's (%lu)",
		"rebuild all its files with -DFONDUE_ALIGN= that size" },
	[REASON_START_UNALIGNED] = {
		"the section starts in the middle of a page, at 0x%lx",
		"include <fondue/shared.h> in every file that uses the section, and define "
		"FONDUE_ALIGN alike in all of them" },
	[REASON_STOP_UNALIGNED] = {
		"the section ends in the middle of a page, at 0x%lx, beside private data",
		"look for a file that uses the section without <fondue/shared.h>, for an "
		"annotated C++ inline or template variable, or for lld's --lto-partitions" },
	[REASON_OUTSIDE] = { "the section lies outside of the object's memory (0x%lx)",
		"rebuild the object" },
	[REASON_NOT_WRITABLE] = { "the section is not writable (0x%lx)",
		"remove const from the annotated variables" },
	[REASON_EXECUTABLE] = { "the section lies in an executable segment (0x%lx)",
		"annotate no function, and link without -N" },
	[REASON_RELRO] = { "the section lies in memory made read-only after start (0x%lx)",
		"keep the section out of RELRO in the linker script" },
	[REASON_FOREIGN] = { "the section's pages hold something of the loader's at 0x%lx",
		"keep the section whole in the linker script: shared : { *(shared) }" },
	[REASON_RANGES_OVERLAP] = { "sections shared and shared_zero overlap (0x%lx)",
		"rebuild the object" },
	[REASON_BINDING] = { "its fondue_binding_ is not in private writable memory (0x%lx)",
		"rebuild the object" },
	[REASON_COPY_RELOCATION] = {
		"the program has a private copy of it at 0x%lx (COPY relocation)",
		"build the program with -fPIC (or -mno-direct-extern-access), or let it use "
		"a function of the library" },
	[REASON_INTERPOSED] = {
		"another object defines the same name, not shared, at 0x%lx",
		"annotate that definition too, or rename one" },
	[REASON_MAPPING] = { "its pages are no longer private and writable (0x%lx)",
		"share it before anything else remaps or protects its data" },
	[REASON_NO_MEMORY] = { "the kernel gave no memory for it (error %lu)",
		"raise ulimit -v or the memory limit" },
	[REASON_DENIED] = { "the kernel or a sandbox refused to remap it (error %lu)",
		"allow mmap and mremap in the sandbox's policy" },
	[REASON_AFTER_FORK] = { "it was loaded after the process had forked",
		"load it before the first fork, or set FONDUE_LATE=1 to share it with the "
		"children forked from now on" },
	[REASON_THREADS] = { "the runtime was loaded while other threads were running",
		"preload libfondue.so, before whatever starts threads, or link the program "
		"with -lfondue" },
	[REASON_NAMESPACE] = { "it was loaded into a namespace of its own (dlmopen)",
		"load it with dlopen()" },
};

const char *refusal_cause(enum reason reason)
{
	return texts[reason].cause;
}

const char *refusal_cure(enum reason reason)
{
	return texts[reason].cure;
}

void proof_begin(struct proof *proof, const struct image *image)
{
	*proof = (struct proof){ .image = image };
}

/* __start_ and __stop_ are the same symbols for all files of an object, as is the binding. */
static void agree(struct proof *proof, const struct note *note)
{
	for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
		struct range *range = &proof->ranges[kind];

		if (proof->notes && (range->start != note->at[kind].start ||
					    range->stop != note->at[kind].stop))
			proof_refuse(proof, REASON_NOTES_DISAGREE, kind_name[kind],
				note->at[kind].start);
		range->start = note->at[kind].start;
		range->stop = note->at[kind].stop;
	}
	if (proof->notes && proof->binding != note->binding)
		proof_refuse(proof, REASON_NOTES_DISAGREE, NULL, note->binding);
	proof->binding = note->binding;
	if (!proof->notes || note->align < proof->align)
		proof->align = note->align;
	proof->notes++;
}

static void check_piece(struct proof *proof, const struct note *note, enum kind kind)
{
	uint64_t start = note->at[kind].start;
	uint64_t stop = note->at[kind].stop;
	const char *name = kind_name[kind];

	/* weak and undefined: the linker made it 0, which is our load address here */
	if (start == proof->image->base && stop == proof->image->base)
		proof_refuse(proof, REASON_SECTION_MOVED, name, start);
	else if (stop < start)
		proof_refuse(proof, REASON_BACKWARDS, name, stop);
	else if (note->at[kind].head < start || note->at[kind].head > stop)
		proof_refuse(proof, REASON_HEAD_OUTSIDE, name, note->at[kind].head);
}

void proof_add(struct proof *proof, enum note_result result, const struct note *note)
{
	if (result == NOTE_DAMAGED)
		proof_refuse(proof, REASON_NOTE_DAMAGED, NULL, 0);
	else if (result == NOTE_VERSION)
		proof_refuse(proof, REASON_NOTE_VERSION, NULL, note->abi);
	if (result != NOTE_FOUND)
		return;
	agree(proof, note);
	for (unsigned kind = 0; kind < KIND_COUNT; kind++)
		check_piece(proof, note, kind);
}

/* Where @segment lies, of those that are more than plain memory. False: nowhere. */
static bool find_foreign(const struct segment *segment, uint64_t *ret_start, uint64_t *ret_end)
{
	*ret_start = segment->start;
	*ret_end = segment->end;
	if (segment->type == PT_TLS) /* zero-filled thread-locals have a size and no place */
		*ret_end = segment->file_end;
	return segment->type != PT_LOAD && segment->type != PT_GNU_STACK;
}

/* Does one of them reach into the range? */
static bool check_foreign(struct proof *proof, const struct range *range, const char *kind)
{
	for (unsigned i = 0; i < proof->image->count; i++) {
		const struct segment *s = &proof->image->segments[i];
		uint64_t start, end;

		if (!find_foreign(s, &start, &end) ||
			!ranges_meet(start, end, range->start, range->stop))
			continue;
		return proof_refuse(proof,
			s->type == PT_GNU_RELRO ? REASON_RELRO : REASON_FOREIGN, kind, s->start);
	}
	return true;
}

static bool check_range(struct proof *proof, struct range *range, const char *kind)
{
	uint64_t page = proof->image->page_size;
	const struct segment *load;

	if (range->start == range->stop)
		return true;
	if (!is_aligned(range->start, page) || !is_aligned(range->stop, page)) {
		if (proof->align < page)
			return proof_refuse(proof, REASON_PAGE_LARGER, kind, page);
		if (!is_aligned(range->start, page))
			return proof_refuse(proof, REASON_START_UNALIGNED, kind, range->start);
		return proof_refuse(proof, REASON_STOP_UNALIGNED, kind, range->stop);
	}
	load = image_load_holding(proof->image, range->start, range->stop, 0);
	if (!load)
		return proof_refuse(proof, REASON_OUTSIDE, kind, range->start);
	if (!(load->flags & PF_W) || !(load->flags & PF_R))
		return proof_refuse(proof, REASON_NOT_WRITABLE, kind, range->start);
	if (load->flags & PF_X)
		return proof_refuse(proof, REASON_EXECUTABLE, kind, range->start);
	range->file_end = load->file_end;
	return check_foreign(proof, range, kind);
}

/* Loaded, writable after start too, and not in pages that are shared with anybody. */
bool proof_binding_is_private(const struct proof *proof)
{
	const struct image *image = proof->image;
	uint64_t start = proof->binding;
	uint64_t end = start + BINDING_WORDS * image->word;

	if (!is_aligned(start, image->word) ||
		!image_load_holding(image, start, end, PF_R | PF_W))
		return false;
	for (unsigned kind = 0; kind < KIND_COUNT; kind++)
		if (ranges_meet(start, end, proof->ranges[kind].start,
			    proof->ranges[kind].stop))
			return false;
	for (unsigned i = 0; i < image->count; i++) {
		const struct segment *s = &image->segments[i];

		/* the loader protects from the beginning of the page in which RELRO starts */
		if (s->type == PT_GNU_RELRO &&
			ranges_meet(start, end, align_down(s->start, image->page_size), s->end))
			return false;
	}
	return true;
}

bool proof_finish(struct proof *proof)
{
	const struct range *a = &proof->ranges[KIND_SHARED];
	const struct range *b = &proof->ranges[KIND_ZERO];

	if (proof->refusal.reason)
		return false;
	for (unsigned kind = 0; kind < KIND_COUNT; kind++)
		if (!check_range(proof, &proof->ranges[kind], kind_name[kind]))
			return false;
	if (ranges_meet(a->start, a->stop, b->start, b->stop))
		return proof_refuse(proof, REASON_RANGES_OVERLAP, NULL, b->start);
	return proof_binding_is_private(proof) ||
	       proof_refuse(proof, REASON_BINDING, NULL, proof->binding);
}
