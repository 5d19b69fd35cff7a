/* SPDX-License-Identifier: MIT */
/*
 * input.h - what the bytes of a fuzzer's input mean
 *
 * The first byte is the mode. In MODE_FILE the input describes an object of any kind, as
 * `fondue check` would read it from a file: segments, and the bytes of a PT_NOTE, of either
 * word size, at any address. In MODE_MEMORY it describes an object of this process:
 * program headers, dynamic section and memory, as the runtime would find them. Integers are
 * those of this machine; nothing is aligned.
 */
#pragma once

#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>

enum { MODE_FILE, MODE_MEMORY, MODE_COUNT };

struct input_file {
	uint8_t mode;
	uint8_t is_64_bit; /* by its lowest bit */
	uint8_t page_bits; /* pages of 4 KiB and up: 2^(12 + page_bits % 5) bytes */
	uint8_t segments;  /* modulo IMAGE_SEGMENTS_MAX + 1; so many follow, then the note's bytes */
	uint64_t base;
	uint64_t note_address;
} __attribute__((packed));

struct input_segment {
	uint32_t type;
	uint32_t flags;
	uint64_t start;
	uint64_t end;
	uint64_t file_end;
} __attribute__((packed));

struct input_memory {
	uint8_t mode;
	uint8_t headers; /* so many ElfW(Phdr) follow */
	uint8_t entries; /* then so many ElfW(Dyn), then the memory from its start */
	uint8_t unused;
} __attribute__((packed));

/* The memory of an object: so many pages, of which the input has the beginning. */
#define INPUT_PAGES 16

#define INPUT_SIZE_MAX 8192

/* Inputs from which a fuzzer may start: well-formed objects of all kinds. */
#define SEEDS 10
size_t seed_make(unsigned number, uint8_t *to);
