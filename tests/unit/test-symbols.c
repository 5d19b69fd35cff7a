/* SPDX-License-Identifier: MIT */
/*
 * Description: a library's variables that really live elsewhere are not shared
 *
 * The program and the library are made by hand, with just the relocations in question; in
 * the library `hits` and `table` lie in its sections and `plain` does not.
 */
#include "object.h"
#include "symbols.h"

#if defined(__x86_64__)
#define R_COPY	   R_X86_64_COPY
#define R_GOT_SLOT R_X86_64_GLOB_DAT
#define R_WORD	   R_X86_64_64
#define R_OTHER	   R_X86_64_RELATIVE
#elif defined(__aarch64__)
#define R_COPY	   R_AARCH64_COPY
#define R_GOT_SLOT R_AARCH64_GLOB_DAT
#define R_WORD	   R_AARCH64_ABS64
#define R_OTHER	   R_AARCH64_RELATIVE
#elif defined(__riscv)
#define R_COPY	   R_RISCV_COPY
#define R_GOT_SLOT R_RISCV_64
#define R_WORD	   R_RISCV_64
#define R_OTHER	   R_RISCV_RELATIVE
#elif defined(__powerpc64__)
#define R_COPY	   R_PPC64_COPY
#define R_GOT_SLOT R_PPC64_GLOB_DAT
#define R_WORD	   R_PPC64_ADDR64
#define R_OTHER	   R_PPC64_RELATIVE
#elif defined(__s390x__)
#define R_COPY	   R_390_COPY
#define R_GOT_SLOT R_390_GLOB_DAT
#define R_WORD	   R_390_64
#define R_OTHER	   R_390_RELATIVE
#endif

static struct object program, library;
static struct image image;
static struct proof proof;

/* The value of a symbol that is not defined means nothing, and may be anything. */
static void put_value(unsigned symbol, uint64_t address)
{
	struct module module = object_module(&library);
	ElfW(Sym) *symbols = (ElfW(Sym) *)module_dynamic_pointer(&module, DT_SYMTAB);

	symbols[symbol].st_value = address - (uintptr_t)library.pages;
}

/* Indices of the library's symbols, from 1; those that it does not define come first. */
enum { ELSEWHERE = 1, PLAIN, HITS, TABLE, LAST };
static uint64_t hits, table, last, plain;
static uint64_t slots; /* where the library's GOT would be */
static unsigned library_entries; /* of its dynamic section, before the relocations */

static void make_library(int hashes)
{
	object_make(&library, "libhits.so");
	hits = object_at(&library, PAGE_SHARED) + 8;
	table = object_at(&library, PAGE_ZERO);
	last = object_at(&library, PAGE_BEHIND) - 8;
	plain = object_at(&library, PAGE_BETWEEN);
	slots = object_at(&library, PAGE_BEFORE) + 512;
	object_put_symbols(&library,
		(struct object_symbol[]){ { "elsewhere", 0 }, { "plain", plain },
			{ "hits", hits }, { "table", table }, { "last", last } },
		LAST, hashes);
	library_entries = library.dynamic_count;
}

/* The first object is the program, as in every process; the list lasts. */
static void load_both(void)
{
	static bool done;

	if (!done) {
		object_load(&program);
		object_load(&library);
		modules_set_walk(object_walk);
	}
	done = true;
}

/* Ranges of other objects that are shared already. */
static uint64_t shared_start, shared_stop;

static bool is_shared(uintptr_t address)
{
	return shared_start <= address && address < shared_stop;
}

static bool checks(const struct object *object, bool is_program)
{
	struct module module = object_module(object);

	load_both();
	module.is_program = is_program;
	if (!module_prove(&module, &image, &proof) || proof.refusal.reason)
		tap_bail_out("the library's layout is not proved");
	return symbols_check(&module, &proof, is_shared);
}

static bool refuses(enum reason reason, const char *symbol, uint64_t value)
{
	return !checks(&library, false) && proof.refusal.reason == reason &&
	       !strcmp(proof.refusal.symbol, symbol) && proof.refusal.value == value &&
	       !proof.refusal.kind;
}

/* A program with one relocation of @type for a symbol called @name, at its offset 4096. */
static void make_program(uint32_t type, const char *name)
{
	object_make(&program, "program");
	object_put_symbols(&program,
		(struct object_symbol[]){ { "puts", 0 }, { name, object_at(&program, 1) } }, 2,
		HASH_GNU);
	object_put_relocations(&program,
		(struct object_relocation[]){
			{ R_OTHER, 1, object_at(&program, PAGE_BEHIND), 0 },
			{ type, 2, object_at(&program, 1), 0 } },
		2);
}

static void test_copies(int hashes, const char *name)
{
	char sentence[128];

	make_library(hashes);
	make_program(R_COPY, "hits");
	snprintf(sentence, sizeof(sentence), "a copy of an annotated variable is refused (%s)",
		name);
	test(sentence, refuses(REASON_COPY_RELOCATION, "hits", object_at(&program, 1)));
	make_program(R_COPY, "last");
	snprintf(sentence, sizeof(sentence), "of the last symbol of the table, too (%s)", name);
	test(sentence, refuses(REASON_COPY_RELOCATION, "last", object_at(&program, 1)));
	make_program(R_COPY, "plain");
	snprintf(sentence, sizeof(sentence), "a copy of another variable does not matter (%s)",
		name);
	test(sentence, checks(&library, false));
	make_program(R_COPY, "stdout");
	snprintf(sentence, sizeof(sentence), "nor of another library's (%s)", name);
	test(sentence, checks(&library, false));
}

static void test_no_copies(void)
{
	make_library(HASH_GNU);
	make_program(R_COPY, "elsewhere");
	test("a copy of what the library does not define does not matter",
		checks(&library, false));
	put_value(ELSEWHERE, hits);
	test("whatever value it gives there", checks(&library, false));
	make_program(R_GOT_SLOT, "hits");
	test("a program that uses the original is as it should be", checks(&library, false));
	object_make(&program, "static program");
	test("a program without relocations copies nothing", checks(&library, false));
	make_program(R_COPY, "hits");
	object_make(&library, "libnothing.so");
	test("a library without a dynamic section exports nothing", checks(&library, false));
	object_put_symbols(&library, NULL, 0, HASH_GNU);
	test("nor does one with an empty table", checks(&library, false));
}

/* The program's own variables are where it says. */
static void test_program(void)
{
	object_make(&program, "program");
	object_put_symbols(&program,
		(struct object_symbol[]){ { "hits", object_at(&program, PAGE_SHARED) } }, 1,
		HASH_GNU);
	object_put_relocations(&program,
		(struct object_relocation[]){
			{ R_COPY, 1, object_at(&program, PAGE_SHARED), 0 } },
		1);
	test("the program itself is not checked", checks(&program, true));
}

/* The loader binds the library's only GOT slot to @bound. */
static void bind(uint32_t type, unsigned symbol, uint64_t bound, int64_t addend)
{
	memcpy((void *)slots, &bound, sizeof(bound));
	library.dynamic_count = library_entries;
	object_put_relocations(&library,
		(struct object_relocation[]){ { type, symbol, slots, addend } }, 1);
}

static void test_slots(void)
{
	static uint64_t other; /* of the program, say */

	object_make(&program, "program");
	make_library(HASH_GNU);
	bind(R_GOT_SLOT, HITS, hits, 0);
	test("a variable bound to itself is as it should be", checks(&library, false));

	bind(R_GOT_SLOT, HITS, (uintptr_t)&other, 0);
	test("one bound to another's private variable is refused",
		refuses(REASON_INTERPOSED, "hits", (uintptr_t)&other));

	shared_start = (uintptr_t)&other;
	shared_stop = (uintptr_t)(&other + 1);
	test("one bound to a variable that is shared already is right",
		checks(&library, false));
	shared_stop = 0;

	bind(R_GOT_SLOT, TABLE, (uintptr_t)&other, 0);
	test("this goes for both sections",
		refuses(REASON_INTERPOSED, "table", (uintptr_t)&other));
	bind(R_GOT_SLOT, LAST, (uintptr_t)&other, 0);
	test("up to the last byte of them",
		refuses(REASON_INTERPOSED, "last", (uintptr_t)&other));
	bind(R_GOT_SLOT, PLAIN, (uintptr_t)&other, 0);
	test("but not for other variables", checks(&library, false));
	bind(R_GOT_SLOT, ELSEWHERE, (uintptr_t)&other, 0);
	test("nor for those of other objects", checks(&library, false));
	put_value(ELSEWHERE, hits);
	test("whatever value they have here", checks(&library, false));
	bind(R_WORD, HITS, (uintptr_t)&other, 0);
	test("a pointer among the data is as good as a slot",
		refuses(REASON_INTERPOSED, "hits", (uintptr_t)&other));
	bind(R_OTHER, HITS, (uintptr_t)&other, 0);
	test("other relocations hold no address", checks(&library, false));
	bind(R_GOT_SLOT, HITS, hits + 16, 16);
	test("an addend is part of the address", checks(&library, false));
	bind(R_GOT_SLOT, HITS, hits, 16);
	test("and missing if it is not", refuses(REASON_INTERPOSED, "hits", hits));
}

int main(void)
{
#ifndef R_COPY
	tap_skip_all("the names of this target's relocations are not known");
#else
	test_copies(HASH_GNU, "GNU hash table");
	test_copies(HASH_SYSV, "System V hash table");
	test_copies(HASH_GNU | HASH_SYSV, "both");
	test_no_copies();
	test_program();
	test_slots();
	return tap_done();
#endif
}
