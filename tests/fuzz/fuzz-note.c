/* SPDX-License-Identifier: MIT */
/*
 * fuzz-note.c - hostile notes, in files and in memory, judged twice
 *
 * That nothing crashes is the smaller part. Whatever the runtime would share is looked at
 * again, by rules that are written down here in another way: a proof that shares a byte of
 * anything else is as wrong as a crash. And an object that is refused may still be told so,
 * by writing to its binding; that this write hits nothing but writable private memory is
 * tried out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fuzz.h"
#include "input.h"
#include "modules.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ADDRESS_SANITIZER 1
#endif
#endif

#ifdef HAS_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(start, size)	 ((void)(start), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(start, size) ((void)(start), (void)(size))
#endif

struct outcome fuzz_outcome;

#define always(...)                                                                      \
	do {                                                                             \
		if (!(__VA_ARGS__)) {                                                    \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__,          \
				__LINE__, #__VA_ARGS__);                                 \
			abort();                                                         \
		}                                                                        \
	} while (0)

/* What is left of the input. */
struct bytes {
	const uint8_t *at;
	size_t size;
};

/* The next @size bytes, or as many as there are and zeros. */
static void take(struct bytes *bytes, void *to, size_t size)
{
	size_t there = size < bytes->size ? size : bytes->size;

	memset(to, 0, size);
	memcpy(to, bytes->at, there);
	bytes->at += there;
	bytes->size -= there;
}

/* Memory that ends where access ends. */
static uint8_t *make_guarded(size_t size)
{
	const size_t guard = 65536; /* no machine has larger pages */
	uint8_t *pages = mmap(NULL, size + guard, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	always(pages != MAP_FAILED);
	always(mprotect(pages + size, guard, PROT_NONE) == 0);
	return pages;
}

/* Judgment */

/* Is there exactly one loaded segment around it, and is that plain data? */
static bool is_plain_data(const struct image *image, uint64_t start, uint64_t last)
{
	for (unsigned i = 0; i < image->count; i++) {
		const struct segment *s = &image->segments[i];

		if (s->type == PT_LOAD && s->start <= start && last < s->end)
			return (s->flags & (PF_R | PF_W | PF_X)) == (PF_R | PF_W);
	}
	return false;
}

/* Zero-initialised thread-locals have an address range, but no place in memory. */
static uint64_t end_in_memory(const struct segment *s)
{
	return s->type == PT_TLS && s->file_end < s->end ? s->file_end : s->end;
}

static bool has_foreign_byte(const struct image *image, uint64_t start, uint64_t stop)
{
	for (unsigned i = 0; i < image->count; i++) {
		const struct segment *s = &image->segments[i];
		uint64_t from = s->start > start ? s->start : start;
		uint64_t to = end_in_memory(s) < stop ? end_in_memory(s) : stop;

		if (s->type != PT_LOAD && s->type != PT_GNU_STACK && from < to)
			return true;
	}
	return false;
}

static void judge_range(const struct image *image, const struct range *range)
{
	if (range->start == range->stop)
		return;
	always(range->start < range->stop);
	always(range->start % image->page_size == 0);
	always(range->stop % image->page_size == 0);
	always(is_plain_data(image, range->start, range->stop - 1));
	always(!has_foreign_byte(image, range->start, range->stop));
}

/* The binding may be written to: no byte of it is shared, or nobody's, or read-only. */
static void judge_binding(const struct proof *proof)
{
	uint64_t size = 4 * proof->image->word, last = proof->binding + size - 1;
	bool writable = false;

	always(proof->binding % proof->image->word == 0);
	always(last > proof->binding);
	for (unsigned i = 0; i < proof->image->count; i++) {
		const struct segment *s = &proof->image->segments[i];

		if (s->type == PT_LOAD && (s->flags & PF_W) && s->start <= proof->binding &&
			last < s->end)
			writable = true;
		if (s->type == PT_GNU_RELRO && s->start < s->end)
			always(last < s->start || s->end <= proof->binding);
	}
	always(writable);
	for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
		const struct range *range = &proof->ranges[kind];

		if (range->start < range->stop)
			always(last < range->start || range->stop <= proof->binding);
	}
}

static void judge_refusal(const struct refusal *refusal)
{
	always(refusal->reason < REASON_COUNT);
	always(refusal_cause(refusal->reason) && refusal_cure(refusal->reason));
	always(!refusal->kind || refusal->kind == kind_name[KIND_SHARED] ||
		refusal->kind == kind_name[KIND_ZERO]);
	always(!refusal->symbol);
}

static void judge(const struct proof *proof, bool shared)
{
	const struct range *a = &proof->ranges[KIND_SHARED];
	const struct range *b = &proof->ranges[KIND_ZERO];

	judge_refusal(&proof->refusal);
	if (proof->notes && proof_binding_is_private(proof))
		judge_binding(proof);
	fuzz_outcome.begun = true;
	fuzz_outcome.reason = proof->refusal.reason;
	fuzz_outcome.notes = proof->notes;
	if (!shared)
		return;
	always(proof->refusal.reason == REASON_NONE && proof->notes > 0);
	judge_range(proof->image, a);
	judge_range(proof->image, b);
	always(a->start == a->stop || b->start == b->stop || a->stop <= b->start ||
		b->stop <= a->start);
	judge_binding(proof);
}

/* An object in a file */

static void take_segments(struct bytes *bytes, struct image *image)
{
	for (unsigned i = 0; i < image->count; i++) {
		struct input_segment segment;

		take(bytes, &segment, sizeof(segment));
		image->segments[i] = (struct segment){ .type = segment.type,
			.flags = segment.flags,
			.start = segment.start,
			.end = segment.end,
			.file_end = segment.file_end };
	}
}

/* The rest of the input, moved to where the guard is right behind it. */
static const uint8_t *guard(const struct bytes *bytes)
{
	static uint8_t *room;

	if (!room)
		room = make_guarded(INPUT_SIZE_MAX);
	return memcpy(room + INPUT_SIZE_MAX - bytes->size, bytes->at, bytes->size);
}

/* Return: was there any note of ours, good or bad? */
static bool add_notes(struct proof *proof, const struct bytes *bytes, uint64_t address)
{
	const uint8_t *at = guard(bytes);
	enum note_result result;
	bool begun = false;
	struct note note;
	size_t pos = 0;

	for (;;) {
		size_t before = pos;

		result = note_next(at, bytes->size, address, proof->image->word, &pos, &note);
		always(result >= NOTE_END && result <= NOTE_VERSION);
		if (result == NOTE_END)
			break;
		always(pos >= before + 20 && pos <= bytes->size);
		proof_add(proof, result, &note);
		begun = true;
	}
	always(note_next(at, bytes->size, address, proof->image->word, &pos, &note) ==
		NOTE_END);
	return begun;
}

static void run_file(struct bytes bytes)
{
	struct input_file head;
	struct image image;
	struct proof proof;

	take(&bytes, &head, sizeof(head));
	image = (struct image){ .base = head.base,
		.page_size = 4096 << head.page_bits % 5,
		.word = head.is_64_bit & 1 ? 8 : 4,
		.count = head.segments % (IMAGE_SEGMENTS_MAX + 1) };
	take_segments(&bytes, &image);
	proof_begin(&proof, &image);
	if (add_notes(&proof, &bytes, head.note_address))
		judge(&proof, proof_finish(&proof));
}

/* An object in memory */

static uint8_t *memory;
static size_t memory_size;

/* A loader has mapped what PT_LOAD says: such a segment lies inside of the memory. */
static void clip(ElfW(Phdr) *phdr)
{
	if (phdr->p_type != PT_LOAD)
		return;
	phdr->p_vaddr %= memory_size;
	if (phdr->p_memsz > memory_size - phdr->p_vaddr)
		phdr->p_memsz = memory_size - phdr->p_vaddr;
	if (phdr->p_filesz > phdr->p_memsz)
		phdr->p_filesz = phdr->p_memsz;
}

/* What no segment makes readable, must not be read. */
static void poison(const ElfW(Phdr) *phdr, unsigned count)
{
	ASAN_POISON_MEMORY_REGION(memory, memory_size);
	for (unsigned i = 0; i < count; i++)
		if (phdr[i].p_type == PT_LOAD && (phdr[i].p_flags & PF_R))
			ASAN_UNPOISON_MEMORY_REGION(
				memory + phdr[i].p_vaddr, phdr[i].p_memsz);
}

static void fill_memory(const struct bytes *bytes)
{
	if (!memory) {
		memory_size = INPUT_PAGES * (size_t)sysconf(_SC_PAGESIZE);
		memory = make_guarded(memory_size);
	}
	ASAN_UNPOISON_MEMORY_REGION(memory, memory_size);
	memset(memory, 0, memory_size);
	memcpy(memory, bytes->at, bytes->size < memory_size ? bytes->size : memory_size);
}

/* As the runtime does it with a refused object, and with a shared one. */
static void write_binding(const struct proof *proof)
{
	uint64_t offset = proof->binding - (uintptr_t)memory;

	always(offset < memory_size && memory_size - offset >= 4 * sizeof(void *));
	memset((void *)proof->binding, 0x55, 4 * sizeof(void *));
}

static void run_memory(struct bytes bytes)
{
	static ElfW(Phdr) phdr[256];
	static ElfW(Dyn) dynamic[256 + 1];
	struct input_memory head;
	struct module module;
	struct image image;
	struct proof proof;
	bool begun;

	take(&bytes, &head, sizeof(head));
	take(&bytes, phdr, head.headers * sizeof(phdr[0]));
	take(&bytes, dynamic, head.entries * sizeof(dynamic[0]));
	dynamic[head.entries].d_tag = DT_NULL;
	fill_memory(&bytes);
	for (unsigned i = 0; i < head.headers; i++)
		clip(&phdr[i]);
	poison(phdr, head.headers);
	module = (struct module){ .name = "fuzzed", .base = (uintptr_t)memory, .phdr = phdr,
		.phnum = head.headers, .dynamic = head.entries ? dynamic : NULL };
	begun = module_prove(&module, &image, &proof);
	if (begun) {
		judge(&proof, !proof.refusal.reason);
		always(head.headers <= IMAGE_SEGMENTS_MAX || proof.refusal.reason);
		if (head.headers <= IMAGE_SEGMENTS_MAX && proof.notes &&
			proof_binding_is_private(&proof))
			write_binding(&proof);
	}
	ASAN_UNPOISON_MEMORY_REGION(memory, memory_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes bytes = { .at = data,
		.size = size < INPUT_SIZE_MAX ? size : INPUT_SIZE_MAX };

	fuzz_outcome = (struct outcome){ .mode = size ? data[0] % MODE_COUNT : 0 };
	if (!size)
		return 0;
	if (fuzz_outcome.mode == MODE_FILE)
		run_file(bytes);
	else
		run_memory(bytes);
	return 0;
}
