/* SPDX-License-Identifier: MIT */
/* judge-names.h - what the name and the type of a variable say of it */
#pragma once

#include "seen.h"

bool names_is_total(const char *name);	  /* hits, request_count: it is summed up */
bool names_is_own(const char *name);	  /* pid, seed, level: each process has its own */
bool names_is_ticket(const char *name);	  /* next_id, serial: each is given out once */
bool names_is_position(const char *name); /* of a member: pos, len, fd */
bool names_is_time(const char *name);
bool names_is_extreme(const char *name); /* best, min, shortest */
bool names_is_stock(const char *name);	 /* tokens, remaining: what is used up */

/* What a variable is by its name or type alone, so that its values need not be looked at. */
enum names_trap {
	TRAP_NONE,
	TRAP_LIBC,  /* environ, stdout, optind; what the linker or the compiler has put there */
	TRAP_GUARD, /* of a C++ static */
	TRAP_LOCK,
	TRAP_STREAM, /* FILE, iostreams */
	TRAP_STATE,  /* jmp_buf, sigset_t, a container of the C++ library */
	TRAP_PID,
	TRAP_TIME,
	TRAP_SIGNAL, /* sig_atomic_t: a handler's message to its own process */
};
enum names_trap names_trap(const struct seen_variable *variable);

/* "__gcov0." of "__gcov0.main": what a family of variables has in common; NULL: none. */
char *names_family(const char *name);
