/* SPDX-License-Identifier: MIT */
/*
 * fondue/shared.h - globals that a whole fork() family shares
 *
 *	FONDUE_SHARED int hits;
 *	FONDUE_SHARED_ZERO struct entry table[1 << 20];
 *
 * Put one of the two words before the definition of a global or static variable.
 * Nothing is linked. When the program starts under libfondue.so (preloaded, or linked
 * with -lfondue), those variables, and no byte beside them, are one memory for the
 * process and for everything it forks; without it they are ordinary private globals.
 *
 * How it works. The words place a variable in section `shared` (with file contents) or
 * `shared_zero` (without). Memory is shared by whole pages, so nothing foreign may lie in
 * the pages of those sections: the assembler makes each translation unit's piece of them
 * begin on a page and last a whole number of pages, by an alignment in subsection 0 and
 * another in subsection 8191, which is concatenated after everything the compiler put in
 * between. Then any linker, in any order, yields an isolated section; the runtime proves
 * it by arithmetic. An ELF note (struct fondue_note below) says where the sections and
 * the object's binding are, and the runtime finds it through the program headers.
 *
 * What to know before using it (more in the README and fondue(7)):
 *  - A variable that one process polls while another writes must be volatile or _Atomic,
 *    and an increment is no more atomic than between threads.
 *  - Definitions only, in C at file scope or as a static in a function. An extern
 *    declaration in a header stays as it was. No const, no _Thread_local, no functions.
 *  - C++: namespace scope and static members of plain classes; no inline variables, no
 *    members of templates, no statics of inline functions.
 *  - Variables of a library that a program names directly: build the program with -fPIC.
 *
 * C89 (GNU) to C23 and C++11 to C++20, gcc and clang. This header includes nothing.
 */
#ifndef FONDUE_SHARED_H
#define FONDUE_SHARED_H

#define FONDUE_VERSION_STRING "0.1.0"

/* Version of the note and of struct fondue_binding; a runtime refuses what it does not know. */
#define FONDUE_ABI 3

/*
 * FONDUE_ALIGN - the largest page size of the target, not of this machine: what the pieces
 * are aligned to. May be set before the first inclusion, to the same value in all files of
 * a program; on a machine with larger pages the program's variables are refused.
 */
#ifndef FONDUE_ALIGN
#if defined(__x86_64__) || defined(__i386__) || defined(__riscv) || defined(__s390x__)
#define FONDUE_ALIGN 4096
#else
#define FONDUE_ALIGN 65536 /* aarch64, ppc64, loongarch, mips */
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*
 * struct fondue_runtime - what the runtime offers, one constant table per process
 *
 * Grows at its end; @size says how far this runtime's goes.
 */
struct fondue_runtime {
	unsigned int size; /* bytes */
	unsigned int abi;  /* FONDUE_ABI of the runtime */
	const char *version;
	const struct fondue_spin_calls *spin; /* <fondue/spinlock.h> */
	const struct fondue_heap_calls *heap; /* <fondue/heap.h> */
};

/* What became of an object's variables: fondue_binding.state. */
#define FONDUE_STATE_NONE    0 /* no runtime has seen this object */
#define FONDUE_STATE_SHARED  1 /* shared with every process forked from now on */
#define FONDUE_STATE_PRIVATE 2 /* refused, or came too late; the runtime has said why */

/*
 * struct fondue_binding - how an object that links nothing meets the runtime
 *
 * One per linked object, private to each process, all zero as built. The runtime finds it
 * through the note and fills it in: before any constructor of a program, and before those
 * of a library that comes later. (An undefined weak function would be the usual way;
 * linkers bind it to 0 for good in programs that are not position independent.)
 */
struct fondue_binding {
	const struct fondue_runtime *runtime; /* NULL: no runtime in this process */
	unsigned long state;		      /* FONDUE_STATE_* */
	unsigned long self; /* of struct fondue_self *, from the thread pointer; 0: no locks */
	const struct fondue_heap_calls *heap; /* of the runtime: one step less to it */
};

#if defined(__ELF__) && defined(__GNUC__) && !defined(FONDUE_DISABLE)

/* Defined in every file that includes this, merged by the linker, never exported. */
extern __attribute__((visibility("hidden"))) struct fondue_binding fondue_binding_;
__attribute__((weak, used, visibility("hidden"))) struct fondue_binding fondue_binding_;

#define FONDUE_STRING2_(x) #x
#define FONDUE_STRING_(x)  FONDUE_STRING2_(x)
#ifdef __LP64__
#define FONDUE_WORD_ "\t.quad "
#else
#define FONDUE_WORD_ "\t.long "
#endif

/*
 * clang knows sections by name and keeps the type and padding given below. `used`, or it
 * makes a constant of a static that nobody writes, in another section of the same name.
 *
 * gcc copies the name into the assembly as it stands, so the rest of the "name" is
 * assembly: the type, which gcc cannot be asked for; the padding, once more because with
 * -flto the variables may be assembled apart from the block below; and a `#`, first on its
 * line and so a comment for every target, that swallows what gcc adds.
 */
#if defined(__clang__)
#define FONDUE_SHARED	   __attribute__((section("shared"), used))
#define FONDUE_SHARED_ZERO __attribute__((section("shared_zero"), used))
#elif defined(FONDUE_PLAIN_SECTIONS)
/* For a gcc that rejects the other form: zero data take room in the file, no -flto. */
#define FONDUE_SHARED	   __attribute__((section("shared")))
#define FONDUE_SHARED_ZERO FONDUE_SHARED
#else
#define FONDUE_SECTION_(name, type)                                                      \
	__attribute__((section(name ",\"aw\",%" type "\n\t.subsection 8191\n\t.balign "  \
			FONDUE_STRING_(FONDUE_ALIGN) "\n\t.subsection 0\n#")))
#define FONDUE_SHARED	   FONDUE_SECTION_("shared", "progbits")
#define FONDUE_SHARED_ZERO FONDUE_SECTION_("shared_zero", "nobits")
#endif

/*
 * The piece of this file, perhaps empty: aligned at its start (label), padded at its end.
 * It also makes sure that the section, and so __start_ and __stop_, exist. Those are weak
 * so that a linker script that loses the section is no link error: the runtime sees the
 * object's load address instead and says so. Numbers for labels: with -flto these blocks
 * of several files meet in one assembly.
 */
#define FONDUE_PIECE_(name, type, label)                                                 \
	".pushsection " name ",\"aw\",%" type "\n"                                       \
	"\t.balign " FONDUE_STRING_(FONDUE_ALIGN) "\n" label ":\n.popsection\n"          \
	".pushsection " name ",8191,\"aw\",%" type "\n"                                  \
	"\t.balign " FONDUE_STRING_(FONDUE_ALIGN) "\n.popsection\n"                      \
	"\t.weak __start_" name "\n\t.hidden __start_" name "\n"                         \
	"\t.weak __stop_" name "\n\t.hidden __stop_" name "\n"

/*
 * The note: name "fondue", type 1; then the ABI version and FONDUE_ALIGN in 32 bits each,
 * then seven words of the target, each the distance from itself to what it names: this
 * file's piece, start and end of `shared`; the same of `shared_zero`; the binding. Words
 * may be unaligned. The distance to the piece keeps it from being collected as garbage.
 */
__extension__ __asm__(FONDUE_PIECE_("shared", "progbits", "771")
	FONDUE_PIECE_("shared_zero", "nobits", "772")
	".pushsection .note.fondue,\"a\",%note\n\t.balign 4\n"
	"\t.long 7, 774f-773f, 1\n\t.asciz \"fondue\"\n\t.balign 4\n"
	"773:\t.long " FONDUE_STRING_(FONDUE_ABI) ", " FONDUE_STRING_(FONDUE_ALIGN) "\n"
	FONDUE_WORD_ "771b-., __start_shared-., __stop_shared-.\n"
	FONDUE_WORD_ "772b-., __start_shared_zero-., __stop_shared_zero-.\n"
	FONDUE_WORD_ "fondue_binding_-.\n"
	"774:\n.popsection\n");

/**
 * fondue_active() - are the annotated variables of this program or library shared?
 *
 * Return: 1 when what this process forks from now on shares them; 0 when there is no
 * runtime, or when it refused this object (it has said why).
 * Safety: thread- and async-signal-safe, in constructors too. Since: 0.1
 */
static __inline__ int fondue_active(void)
{
	return fondue_binding_.state == FONDUE_STATE_SHARED;
}

/**
 * fondue_version() - version of the runtime
 *
 * Return: such as "0.1.0", a constant; NULL when no runtime is present.
 * Safety: thread- and async-signal-safe. Since: 0.1
 */
static __inline__ const char *fondue_version(void)
{
	return fondue_binding_.runtime ? fondue_binding_.runtime->version : 0;
}

/*
 * A library that arrives by dlopen() tells the runtime so before any of its own code runs:
 * that is the moment at which its pages can still be exchanged. The reference is weak, and
 * is bound to the runtime or to 0 when the library is loaded. For a program the runtime has
 * done its work by then; code that is not position independent can only be a program's.
 */
#ifdef __PIC__
extern void fondue_object_loaded(void) __attribute__((weak, visibility("default")));

__attribute__((constructor(101), used)) static void fondue_tell_runtime_(void)
{
	if (!fondue_binding_.runtime && fondue_object_loaded)
		fondue_object_loaded();
}
#endif

/*
 * FONDUE_REQUIRE_RUNTIME; - in one file, at file scope: do not run with private variables
 *
 * Before main() (of a library: before dlopen() returns), a process in which this object's
 * variables are not shared says so on standard error and ends with status 127.
 */
#define FONDUE_REQUIRE_RUNTIME                                                           \
	__attribute__((constructor, used)) static void fondue_require_runtime_(void)     \
	{                                                                                \
		if (!fondue_active())                                                    \
			fondue_refuse_to_run_(__FILE__);                                 \
	}                                                                                \
	struct fondue_binding /* declared once more, so that a ';' may follow */

/* libc's, declared under names of our own so that no header need be included here. */
extern long fondue_libc_write_(int, const void *, unsigned long) __asm__("write");
extern void fondue_libc_exit_(int) __asm__("_exit") __attribute__((noreturn));

static __inline__ unsigned fondue_append_(char *line, unsigned len, const char *text)
{
	while (*text && len < 510)
		line[len++] = *text++;
	return len;
}

static __inline__ void fondue_refuse_to_run_(const char *file)
{
	char line[512]; /* said in one write, so that lines of several processes stay whole */
	unsigned len = fondue_append_(line, 0, "fondue: ");

	len = fondue_append_(line, len, file);
	len = fondue_append_(line, len, fondue_binding_.runtime ?
		" requires its shared variables, but they were refused (see above); "
		"`fondue check PROGRAM` explains" :
		" requires its shared variables, but libfondue.so is not loaded; "
		"run it as `fondue run -- PROGRAM` or with LD_PRELOAD=libfondue.so");
	line[len++] = '\n';
	if (fondue_libc_write_(2, line, len) < 0)
		len = 0; /* nowhere left to say it */
	fondue_libc_exit_(127);
}

#else /* no ELF, no GNU C, or FONDUE_DISABLE: ordinary variables */

#define FONDUE_SHARED
#define FONDUE_SHARED_ZERO
#define FONDUE_REQUIRE_RUNTIME struct fondue_binding
#define fondue_active()	 0
#define fondue_version() ((const char *)0)

#endif

#ifdef __cplusplus
}
#endif

#endif
