/* SPDX-License-Identifier: MIT */
/*
 * Description: the loader's view of the process, and what is read from it
 *
 * First this very program, which is annotated: so what the compiler, the assembler and the
 * linker at hand make of <fondue/shared.h> is read as in any user's program. Then objects
 * made by hand, as no linker would make them.
 */
#include <sys/auxv.h>

#include "object.h"

FONDUE_SHARED static int counter = 41;
FONDUE_SHARED_ZERO static char table[3 * FONDUE_ALIGN];
static int neighbour = 1;

/* This process */

struct seen {
	unsigned count, programs;
	bool program_first, named, has_headers;
};

static int look(const struct module *module, void *arg)
{
	struct seen *seen = arg;

	if (module->is_program) {
		seen->programs++;
		seen->program_first = seen->count == 0;
		seen->named = module->name &&
			      !strcmp(module->name, (const char *)getauxval(AT_EXECFN));
	}
	seen->has_headers = module->phdr && module->phnum;
	seen->count++;
	return 0;
}

static int stop_at_once(const struct module *module, void *arg)
{
	(void)module;
	++*(unsigned *)arg;
	return 42;
}

static int nest(const struct module *module, void *arg)
{
	struct seen inner = { 0 };

	(void)module;
	modules_visit(look, &inner);
	*(unsigned *)arg += inner.count;
	return 0;
}

static void test_walk(void)
{
	struct seen seen = { 0 };
	unsigned count = 0;

	test("all objects are visited", modules_visit(look, &seen) == 0 && seen.count > 0);
	test("the program once, and first", seen.programs == 1 && seen.program_first);
	test("by the name under which it was executed", seen.named);
	test("each has program headers", seen.has_headers);
	test("a visitor may stop, and its result is returned",
		modules_visit(stop_at_once, &count) == 42 && count == 1);
	count = 0;
	modules_visit(nest, &count);
	test("a visitor may visit", count == seen.count * seen.count);
}

struct found {
	struct image image;
	struct proof proof;
	unsigned count;
};

static int find_program(const struct module *module, void *arg)
{
	struct found *found = arg;

	if (!module_prove(module, &found->image, &found->proof))
		return 0;
	found->count++;
	return 1;
}

static bool in_range(const struct range *range, const void *address)
{
	return range->start <= (uintptr_t)address && (uintptr_t)address < range->stop;
}

static void test_program(void)
{
	struct found found = { .count = 0 };
	const struct range *ranges = found.proof.ranges;

	modules_visit(find_program, &found);
	if (!test("this program's note is found", found.count == 1))
		return;
	if (!test("its layout is proved", !found.proof.refusal.reason))
		tap_note("  %s", refusal_cause(found.proof.refusal.reason));
	test("the annotated variable is in its section",
		in_range(&ranges[KIND_SHARED], &counter) && counter == 41);
	test("the annotated table is in the other one",
		in_range(&ranges[KIND_ZERO], table) &&
			in_range(&ranges[KIND_ZERO], table + sizeof(table) - 1));
	test("a neighbour is in neither",
		!in_range(&ranges[KIND_SHARED], &neighbour) &&
			!in_range(&ranges[KIND_ZERO], &neighbour));
	test("the table takes no room in the file",
		ranges[KIND_ZERO].file_end <= ranges[KIND_ZERO].start);
	test("the binding is the one the program looks at",
		found.proof.binding == (uintptr_t)&fondue_binding_);
	test("the note tells the alignment of the header",
		found.proof.align == FONDUE_ALIGN && found.image.page_size == page_size());
}

/* Objects made by hand */

static struct object object;
static struct image image;
static struct proof proof;

/* The object is judged anew. */
static bool proves(void)
{
	struct module module = object_module(&object);

	memset(&proof, 0, sizeof(proof));
	return module_prove(&module, &image, &proof);
}

static bool refuses(enum reason reason)
{
	return proves() && proof.refusal.reason == reason;
}

static void test_ordinary(void)
{
	object_make(&object, "ordinary");
	test("an ordinary object is proved", refuses(REASON_NONE));
	test("its image is in absolute addresses",
		image.base == object_at(&object, 0) && image.count == object.phnum &&
			image.word == sizeof(void *) && image.page_size == page_size() &&
			image.segments[1].start == object_at(&object, PAGE_BEFORE) &&
			image.segments[1].end == object_at(&object, OBJECT_PAGES) &&
			image.segments[1].file_end ==
				object_at(&object, PAGE_BETWEEN) + page_size() / 2);
	test("its ranges are the note's",
		proof.ranges[KIND_SHARED].start == object_at(&object, PAGE_SHARED) &&
			proof.ranges[KIND_ZERO].stop == object_at(&object, PAGE_BEHIND));
	object_phdr(&object, PT_NOTE, 0)->p_type = PT_NULL;
	test("without PT_NOTE there is nothing to prove", !proves());
}

static void test_notes(void)
{
	object_make(&object, "noteless");
	memset(object.pages, 0, page_size());
	test("without our note there is nothing to prove", !proves());

	object_make(&object, "two segments");
	object_phdr(&object, PT_NOTE, 0)->p_memsz = 32;
	object_add_phdr(&object, PT_NOTE, PAGE_NOTE, page_size());
	test("a note in the second PT_NOTE is found", refuses(REASON_NONE));

	object_make(&object, "two notes");
	object_write_note(&object, 1024);
	test("two notes that agree are one proof", refuses(REASON_NONE) && proof.notes == 2);

	object.note.at[KIND_ZERO].stop -= page_size();
	object_write_note(&object, 2048);
	test("one that does not refuses the object", refuses(REASON_NOTES_DISAGREE));

	object_make(&object, "damaged");
	wire_put32(object.pages + 64 + WIRE_DESC_SIZE, 0xffffffff);
	test("a damaged note refuses it", refuses(REASON_NOTE_DAMAGED));

	object_make(&object, "newer");
	object.note.abi = FONDUE_ABI + 1;
	object_write_note(&object, 64);
	test("a note of a newer version refuses it",
		refuses(REASON_NOTE_VERSION) && proof.refusal.value == FONDUE_ABI + 1);

	object_make(&object, "cut");
	object_phdr(&object, PT_NOTE, 0)->p_memsz = 64 + WIRE_SIZE_MAX - 1;
	test("a note behind whose end the segment ends is damaged",
		refuses(REASON_NOTE_DAMAGED));
}

/* Headers that lead outside of what is readable: page 0 cannot be read here. */
static int play_unreadable(void)
{
	ElfW(Phdr) *note;

	object_make(&object, "unreadable");
	note = object_phdr(&object, PT_NOTE, 0);
	must(mprotect(object.pages, page_size(), PROT_NONE) == 0);

	object.phdr[0].p_flags = PF_W;
	must(!proves());
	object.phdr[0].p_flags = PF_R;
	object.phdr[0].p_type = PT_NULL;
	must(!proves());
	object.phdr[0].p_type = PT_LOAD;
	object.phdr[0].p_memsz = page_size() - 1; /* the note's segment is larger */
	must(!proves());

	note->p_vaddr = OBJECT_PAGES * page_size(); /* behind all segments */
	must(!proves());
	note->p_vaddr = (OBJECT_PAGES - 1) * page_size(); /* ends one byte too late */
	note->p_memsz = page_size() + 1;
	must(!proves());
	note->p_memsz = UINT64_MAX; /* wraps around */
	must(!proves());
	note->p_memsz = -note->p_vaddr;
	must(!proves());
	note->p_vaddr = -4096; /* before the object */
	note->p_memsz = 8192;
	must(!proves());
	object.phdr[1].p_memsz = UINT64_MAX; /* a segment that wraps holds nothing before it */
	must(!proves());
	return CHILD_GOOD;
}

/* Before a segment that reaches almost around the address space. */
static int play_before_segment(void)
{
	struct module module;

	object_make(&object, "large");
	must(mprotect(object.pages, page_size(), PROT_NONE) == 0);
	module = object_module(&object);
	module.base += page_size();
	object.phdr[0].p_memsz = UINT64_MAX - 4096;
	object.phdr[1].p_type = PT_NULL;
	object_phdr(&object, PT_NOTE, 0)->p_vaddr = -page_size();
	must(!module_prove(&module, &image, &proof));
	return CHILD_GOOD;
}

static void test_segments(void)
{
	object_make(&object, "many");
	while (object.phnum < IMAGE_SEGMENTS_MAX)
		object_add_phdr(&object, PT_NULL, 0, 0);
	test("64 program headers are understood", refuses(REASON_NONE));
	object_add_phdr(&object, PT_NULL, 0, 0);
	test("65 are not, and are counted",
		refuses(REASON_TOO_MANY_SEGMENTS) && proof.refusal.value == 65);

	object_make(&object, "got");
	object_put_dynamic(&object, DT_PLTGOT, object_at(&object, PAGE_SHARED) + 24);
	test("a section that holds the GOT is refused",
		refuses(REASON_FOREIGN) &&
			proof.refusal.value == object_at(&object, PAGE_SHARED) + 24);
	object.dynamic[0].d_un.d_val = PAGE_ZERO * page_size(); /* musl: not relocated */
	test("also if the loader has not made its address absolute",
		refuses(REASON_FOREIGN) && proof.refusal.value == object_at(&object, PAGE_ZERO));
	object.dynamic[0].d_un.d_val = object_at(&object, PAGE_BETWEEN);
	test("a GOT between the sections is in nobody's way", refuses(REASON_NONE));

	object_make(&object, "relro");
	object_add_phdr(&object, PT_GNU_RELRO, PAGE_BEFORE, 2 * page_size());
	test("the proof sees RELRO", refuses(REASON_RELRO));
	object_make(&object, "read-only");
	object.phdr[1].p_flags = PF_R;
	test("the proof sees the access of a segment", refuses(REASON_NOT_WRITABLE));
}

static void test_dynamic(void)
{
	struct module module;

	object_make(&object, "dynamic");
	module = object_module(&object);
	test("an object without a dynamic section has no values",
		module_dynamic_value(&module, DT_RELASZ) == 0 &&
			!module_dynamic_pointer(&module, DT_RELA));
	object_put_dynamic(&object, DT_RELASZ, 48);
	object_put_dynamic(&object, DT_RELA, object_at(&object, PAGE_BEHIND));
	object_put_dynamic(&object, DT_SYMTAB, PAGE_BEHIND * page_size());
	object_put_dynamic(&object, DT_NULL, 0);
	object_put_dynamic(&object, DT_STRSZ, 7);
	module = object_module(&object);
	test("a value", module_dynamic_value(&module, DT_RELASZ) == 48);
	test("an absolute address",
		module_dynamic_pointer(&module, DT_RELA) == &object.pages[7 * page_size()]);
	test("an address relative to the object",
		module_dynamic_pointer(&module, DT_SYMTAB) == &object.pages[7 * page_size()]);
	test("an entry that is absent", !module_dynamic_pointer(&module, DT_STRTAB));
	test("an entry behind the end", module_dynamic_value(&module, DT_STRSZ) == 0);
}

struct names {
	const char *name[4];
	const void *dynamic[4];
	bool program[4];
	unsigned count;
};

static int collect(const struct module *module, void *arg)
{
	struct names *names = arg;

	names->name[names->count] = module->name;
	names->dynamic[names->count] = module->dynamic;
	names->program[names->count++] = module->is_program;
	return 0;
}

static void test_other_walk(void)
{
	struct names names = { .count = 0 };
	struct object program, library;

	object_make(&program, "");
	object_make(&library, "/lib/libx.so");
	object_put_dynamic(&library, DT_RELASZ, 1);
	object_load(&program);
	object_load(&library);
	modules_set_walk(object_walk);
	modules_set_walk(NULL); /* keeps it */
	modules_visit(collect, &names);
	test("another walk is used", names.count == 2 && names.program[0] && !names.program[1]);
	test("a program without a name has the one it was executed by",
		!strcmp(names.name[0], (const char *)getauxval(AT_EXECFN)));
	test("a library has its own", names.name[1] == library.name);
	test("PT_DYNAMIC leads to the dynamic section",
		!names.dynamic[0] && names.dynamic[1] == library.dynamic);
}

int main(void)
{
	test_walk();
	test_program();
	test_ordinary();
	test_notes();
	test_play("what no readable segment holds is not read", play_unreadable);
	test_play("nor what lies before one that seems to wrap", play_before_segment);
	test_segments();
	test_dynamic();
	test_other_walk();
	return tap_done();
}
