/* SPDX-License-Identifier: MIT */
/*
 * seen.h - what was seen of a forking program, from the birth of each child to its death
 *
 * The observer fills it in, the judge reads it: nothing in here is an opinion. Tables refer
 * to one another by index, so that the whole can grow while the program runs. A word is as
 * much of a variable as is told apart: a member of basic type where debug information says
 * what there is, 8 bytes else.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEEN_NOBODY SIZE_MAX

enum seen_kind { SEEN_PROGRAM, SEEN_NEEDED, SEEN_PLUGIN };

struct seen_object {
	char *path;
	enum seen_kind kind;
	uint64_t unnamed; /* bytes that changed and belong to no symbol; over all children */
};

/* How the bytes of a word are to be read. */
enum seen_encoding {
	SEEN_UNKNOWN, /* no debug information */
	SEEN_SIGNED,
	SEEN_UNSIGNED,
	SEEN_REAL, /* float, double, long double by width */
	SEEN_CHARACTER,
	SEEN_BOOLEAN,
	SEEN_POINTER,
};

struct seen_variable {
	size_t object;
	uint64_t address, size; /* in the object as linked; bytes */
	char *name;		/* as in the symbol table, demangled if C++ */
	char *type;		/* as in the source, or NULL */
	char *file;		/* where declared, or NULL */
	unsigned line;		/* 0 if not known */
	bool is_global;
	bool is_copy;	     /* a copy relocation: the object it is defined in is another */
	bool is_in_function; /* a static inside a function */
};

struct seen_process {
	int pid;
	size_t parent;		  /* index, or SEEN_NOBODY for the program itself */
	uint64_t born_us, end_us; /* since the start; end 0: it was alive to the last */
	bool is_killed;
	int status;	  /* exit status, or the signal */
	char *executed;	  /* another program, or NULL: then its memory is not looked at */
	bool is_borrower; /* of its parent's memory, as vfork's child is */
	bool is_looked_at;
};

/* Where a value points to, if it is the address of something in that process. */
enum seen_class {
	SEEN_NUMBER, /* it is none */
	SEEN_HEAP,   /* private: malloc, anonymous memory */
	SEEN_STACK,
	SEEN_SHARED,
	SEEN_DATA, /* writable data of an object */
	SEEN_TEXT, /* code and constants of an object */
};

struct seen_word {
	uint64_t offset; /* bytes into the variable */
	unsigned width;	 /* bytes: 1 to 8 */
	enum seen_encoding encoding;
	char *member; /* "requests", "[3].count"; NULL: the variable is one word. Without
			 debug information "+16": the bytes from there on */
	uint64_t before, after;	   /* little end first; as many bytes as width */
	enum seen_class was_class; /* of before, at that time */
	enum seen_class is_class;  /* of after */
};

/* When a process was looked at. What changed is told against its birth. */
enum seen_when {
	SEEN_EARLY,  /* soon after birth: what is set then and never again is a role mark */
	SEEN_SAMPLE, /* now and then */
	SEEN_SIGNAL, /* just before the family was told to end; of several the last counts */
	SEEN_END,    /* at its death */
	SEEN_PARENT, /* the parent, at the death of its child, against the child's birth */
	SEEN_CRASH,  /* the parent, when its child crashed, against the child's birth */
};

struct seen_change {
	size_t process;	 /* of PARENT and CRASH, too, the child */
	size_t variable;
	enum seen_when when;
	uint64_t at_us;
	uint64_t changed; /* bytes, all of them: words may be cut short */
	struct seen_word *words;
	size_t word_count;
};

/* Of memory that belongs to no symbol, as what is static in an object that is stripped. */
struct seen_unnamed {
	size_t process; /* as in struct seen_change */
	size_t object;
	enum seen_when when;
	uint64_t address; /* in the object as linked, a multiple of 8: a neighbour may be in it */
	struct seen_word word;
};

/* The first such signal of a process. It may have been caught, and the process gone on. */
struct seen_crash {
	size_t process;
	int signal;
	uint64_t fault; /* address */
	char *where;	/* "function (file.c:12)" or "object+0x1234" */
};

/* A debug register fired: somebody touched the variable that is watched. */
struct seen_access {
	size_t process;
	size_t variable;
	uint64_t at_us;
	uint64_t value; /* after the access */
	bool is_write;	/* it left another value behind */
	char *where;
};

struct seen {
	const char *program;
	uint64_t start_time_s, start_monotonic_s; /* the clocks when it began */
	uint64_t end_us;
	int ended_by; /* a signal that was passed on to the family, or 0 */
	size_t left;  /* processes that outlived the program then, and were let go */
	int status;   /* of the program, as a shell tells it */
	bool has_forked;
	bool has_dirty_heap; /* some child changed memory from malloc */
	bool has_watched;    /* debug registers could be set, if that was wanted */
	struct seen_object *objects;
	size_t object_count;
	struct seen_variable *variables;
	size_t variable_count;
	struct seen_process *processes;
	size_t process_count;
	struct seen_change *changes;
	size_t change_count;
	struct seen_unnamed *unnamed; /* of each look the first ones */
	size_t unnamed_count;
	struct seen_crash *crashes;
	size_t crash_count;
	struct seen_access *accesses;
	size_t access_count;
};
