/* SPDX-License-Identifier: MIT */
/*
 * seeds.c - well-formed objects, from which mutation leads everywhere
 *
 * Made here and not kept as files: so they follow the formats, and can be read.
 */
#include <string.h>
#include <unistd.h>

#include "input.h"
#include "proof.h"
#include "wire.h"

/* An input under construction. */
static uint8_t *start, *end;

static void put(const void *bytes, size_t size)
{
	memcpy(end, bytes, size);
	end += size;
}

/* One object for both modes; its first page is at @base. */
static struct note note_at(uint64_t base, uint64_t page)
{
	return (struct note){ .abi = 1,
		.align = page,
		.at = { { base + 2 * page, base + 2 * page, base + 4 * page },
			{ base + 5 * page, base + 5 * page, base + 7 * page } },
		.binding = base + page + 0x100 };
}

static void put_note(const struct note *note, uint64_t address, unsigned word)
{
	end += wire_write(end, address, word, note);
}

/* Of another project, padded to 8: ours may stand behind it. */
static void put_foreign_note(void)
{
	const uint32_t words[] = { 4, 16, 5, 0x00554e47, 0xc0000002, 4, 3, 0 };

	put(words, sizeof(words));
}

static void put_segment(uint32_t type, uint32_t flags, uint64_t from, uint64_t to, uint64_t file_end)
{
	const struct input_segment segment = { type, flags, from, to, file_end };

	put(&segment, sizeof(segment));
}

/*
 * Text and note in page 0, data from 1 to 8, of which the file has half of page 4. With
 * @notes 0, a note that says that there is no section.
 */
static void put_file(unsigned word, unsigned page_bits, uint64_t base, unsigned notes)
{
	uint64_t page = 4096 << page_bits, address = base + 0x200;
	const struct input_file head = { .mode = MODE_FILE,
		.is_64_bit = word == 8,
		.page_bits = page_bits,
		.segments = 5,
		.base = base,
		.note_address = address };
	struct note note = note_at(base, page);

	if (!notes) {
		note.at[KIND_ZERO].start = note.at[KIND_ZERO].stop = base;
		notes = 1;
	}
	put(&head, sizeof(head));
	put_segment(PT_LOAD, PF_R | PF_X, base, base + page, base + page);
	put_segment(PT_LOAD, PF_R | PF_W, base + page, base + 8 * page,
		base + 4 * page + page / 2);
	put_segment(PT_NOTE, PF_R, address, address + 0x100, address + 0x100);
	put_segment(PT_GNU_RELRO, PF_R, base + page, base + page + 0x80, base + page + 0x80);
	put_segment(PT_TLS, PF_R, base + page, base + 9 * page, base + page + 0x10);
	if (notes > 1) {
		put_foreign_note();
		address += 32;
	}
	for (unsigned i = 0; i < notes; i++, address += WIRE_SIZE(word))
		put_note(&note, address, word);
}

static void put_phdr(uint32_t type, uint32_t flags, uint64_t page, uint64_t size, uint64_t file_size)
{
	const ElfW(Phdr) phdr = { .p_type = type, .p_flags = flags,
		.p_vaddr = page * (uint64_t)sysconf(_SC_PAGESIZE), .p_memsz = size,
		.p_filesz = file_size };

	put(&phdr, sizeof(phdr));
}

/* Distances are the same at any address, so the note may be written as if for 0. */
static void put_memory(unsigned headers, unsigned entries, unsigned notes, bool shares)
{
	uint64_t page = sysconf(_SC_PAGESIZE), address = 0;
	const struct input_memory head = { MODE_MEMORY, headers, entries, 0 };
	const ElfW(Dyn) got = { .d_tag = DT_PLTGOT, .d_un.d_val = 4 * page };
	struct note note = note_at(0, page);

	put(&head, sizeof(head));
	put_phdr(PT_LOAD, PF_R, 0, page, page);
	put_phdr(PT_LOAD, PF_R | PF_W, 1, 7 * page, 3 * page + page / 2);
	put_phdr(PT_NOTE, PF_R, 0, page, page);
	put_phdr(PT_GNU_STACK, PF_R | PF_W, 0, 0, 0);
	put_phdr(PT_GNU_RELRO, PF_R, 1, 0x80, 0x80);
	for (unsigned i = 5; i < headers; i++)
		put_phdr(PT_NULL, 0, 0, 0, 0);
	for (unsigned i = 0; i < entries; i++)
		put(&got, sizeof(got));
	for (unsigned kind = 0; !shares && kind < KIND_COUNT; kind++)
		note.at[kind].stop = note.at[kind].start;
	for (unsigned i = 0; i < notes; i++, address += WIRE_SIZE(sizeof(void *)))
		put_note(&note, address, sizeof(void *));
}

size_t seed_make(unsigned number, uint8_t *to)
{
	start = end = to;
	switch (number % SEEDS) {
	case 0:
		put_file(8, 0, 0x7f0000000000, 1);
		break;
	case 1:
		put_file(4, 0, 0x8048000, 1);
		break;
	case 2:
		put_file(8, 4, 0, 3); /* not position independent, pages of 64 KiB */
		break;
	case 3:
		put_file(8, 0, 0xffffffffffff0000, 1); /* at the end of the address space */
		break;
	case 4:
		put_memory(5, 0, 1, true);
		break;
	case 5:
		put_memory(5, 1, 2, true);
		break;
	case 6:
		put_memory(6, 1, 1, false);
		break;
	case 7:
		put_memory(IMAGE_SEGMENTS_MAX + 1, 0, 1, true);
		break;
	case 8:
		put_file(8, 0, 0x555555554000, 0);
		break;
	default:
		put_file(8, 0, 0x555555554000, 2);
	}
	return end - start;
}
