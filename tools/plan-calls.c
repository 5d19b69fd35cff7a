/* SPDX-License-Identifier: MIT */
/*
 * plan-calls.c - libc, as far as it tells whose an address is
 *
 * memset() and its like touch what they are given: that is evidence, as good as a store.
 * Of most functions it is only known that the address has escaped. A name can be trusted
 * that far: a program that defines a memset() of its own means the same by it.
 */
#include <string.h>

#include "plan-calls.h"
#include "plan-uses.h"

const int argument_registers[ARGUMENTS] = { RDI, RSI, RDX, RCX, R8, R9 };

#define NO_LENGTH (-1)

struct known {
	const char *name;
	unsigned touched;  /* arguments, a bit each, of which the first byte is touched */
	int length;	   /* the argument that says how many, or NO_LENGTH */
	bool returns_first;
};

static const struct known known[] = {
	{ "memset", 1, 2, true },
	{ "__memset_chk", 1, 2, true },
	{ "memcpy", 3, 2, true },
	{ "__memcpy_chk", 3, 2, true },
	{ "memmove", 3, 2, true },
	{ "__memmove_chk", 3, 2, true },
	{ "memcmp", 3, 2, false },
	{ "bzero", 1, 1, false },
	{ "strcpy", 3, NO_LENGTH, true },
	{ "__strcpy_chk", 3, NO_LENGTH, true },
	{ "strcat", 3, NO_LENGTH, true },
	{ "__strcat_chk", 3, NO_LENGTH, true },
	{ "strcmp", 3, NO_LENGTH, false },
	{ "strcasecmp", 3, NO_LENGTH, false },
	{ "strlen", 1, NO_LENGTH, false },
	{ "strdup", 1, NO_LENGTH, false },
	{ "strchr", 1, NO_LENGTH, false },
	{ "strrchr", 1, NO_LENGTH, false },
	{ "strstr", 3, NO_LENGTH, false },
	{ "strspn", 1, NO_LENGTH, false },
	{ "strcspn", 1, NO_LENGTH, false },
	{ "strpbrk", 1, NO_LENGTH, false },
	{ "strtol", 1, NO_LENGTH, false },
	{ "strtoul", 1, NO_LENGTH, false },
	{ "strtoll", 1, NO_LENGTH, false },
	{ "strtoull", 1, NO_LENGTH, false },
	{ "strtod", 1, NO_LENGTH, false },
	{ "puts", 1, NO_LENGTH, false },
	{ "fputs", 1, NO_LENGTH, false },
	{ "atoi", 1, NO_LENGTH, false },
	{ "atol", 1, NO_LENGTH, false },
	{ "atof", 1, NO_LENGTH, false },
	{ "sprintf", 1, NO_LENGTH, false },
	{ "rand_r", 1, NO_LENGTH, false },
	{ "erand48", 1, NO_LENGTH, false },
	{ "nrand48", 1, NO_LENGTH, false },
	{ "jrand48", 1, NO_LENGTH, false },
	{ "localtime", 1, NO_LENGTH, false },
	{ "localtime_r", 3, NO_LENGTH, false },
	{ "gmtime_r", 3, NO_LENGTH, false },
	{ "mktime", 1, NO_LENGTH, false },
	{ "sigemptyset", 1, NO_LENGTH, false },
	{ "sigaddset", 1, NO_LENGTH, false },
	{ "pthread_mutex_init", 1, NO_LENGTH, false },
	{ "pthread_mutex_lock", 1, NO_LENGTH, false },
	{ "pthread_mutex_trylock", 1, NO_LENGTH, false },
	{ "pthread_mutex_unlock", 1, NO_LENGTH, false },
	{ "pthread_rwlock_init", 1, NO_LENGTH, false },
	{ "pthread_rwlock_rdlock", 1, NO_LENGTH, false },
	{ "pthread_rwlock_wrlock", 1, NO_LENGTH, false },
	{ "pthread_rwlock_unlock", 1, NO_LENGTH, false },
	{ "pthread_cond_wait", 3, NO_LENGTH, false },
	{ "pthread_cond_signal", 1, NO_LENGTH, false },
	{ "pthread_cond_broadcast", 1, NO_LENGTH, false },
	{ "pthread_barrier_wait", 1, NO_LENGTH, false },
	{ "pthread_spin_lock", 1, NO_LENGTH, false },
	{ "pthread_spin_unlock", 1, NO_LENGTH, false },
	{ "pthread_once", 1, NO_LENGTH, false },
	{ "sem_init", 1, NO_LENGTH, false },
	{ "sem_wait", 1, NO_LENGTH, false },
	{ "sem_post", 1, NO_LENGTH, false },
};

static const char *const never[] = {
	"abort",
	"exit",
	"_exit",
	"_Exit",
	"quick_exit",
	"__stack_chk_fail",
	"__assert_fail",
	"__assert",
	"longjmp",
	"siglongjmp",
	"_longjmp",
	"__longjmp_chk",
	"__fortify_fail",
	"__chk_fail",
	"__cxa_throw",
	"__cxa_rethrow",
	"_Unwind_Resume",
	"pthread_exit",
	"_ZSt9terminatev",
	"__libc_start_main",
};

const char *calls_through_plt(const struct places *places, uint64_t address)
{
	struct insn insn = { .next = address };

	for (unsigned i = 0; i < 2; i++) { /* endbr64, then the jump */
		const ZydisDecodedOperand *op;
		unsigned len = places_length(places, insn.next);

		if (!len || !decode(places->bytes, insn.next, insn.next + len, &insn))
			return NULL;
		op = insn_relative(&insn);
		if (insn_ending(&insn) == ENDING_JUMP)
			return op ? places_import(places, insn_place(&insn, op)) : NULL;
		if (insn.in.mnemonic != ZYDIS_MNEMONIC_ENDBR64)
			return NULL;
	}
	return NULL;
}

bool calls_never_return(const char *name)
{
	for (size_t i = 0; name && i < sizeof(never) / sizeof(never[0]); i++)
		if (!strcmp(name, never[i]))
			return true;
	return name && !strncmp(name, "_ZSt", 4) && strstr(name, "__throw_");
}

bool calls_return_twice(const char *name)
{
	static const char *const twice[] = { "setjmp", "_setjmp", "__setjmp", "sigsetjmp",
		"__sigsetjmp", "getcontext", "vfork" };

	for (size_t i = 0; name && i < sizeof(twice) / sizeof(twice[0]); i++)
		if (!strcmp(name, twice[i]))
			return true;
	return false;
}

static const struct known *find(const char *name)
{
	for (size_t i = 0; name && i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(name, known[i].name))
			return &known[i];
	return NULL;
}

static struct value argument(const struct state *state, int i)
{
	return state->regs[argument_registers[i]];
}

static void touches(const struct state *state, const struct known *call, uint64_t at)
{
	uint64_t width = 1;

	if (call->length != NO_LENGTH) {
		struct value length = argument(state, call->length);

		/* of none, or of an unknown number, nothing need be touched */
		if (length.kind != VALUE_NUMBER || length.low < 1)
			return;
		width = (uint64_t)length.low;
	}
	for (int i = 0; i < ARGUMENTS; i++)
		if (call->touched >> i & 1)
			use_touches(argument(state, i), width, 1, at);
}

struct value calls_outside(const struct state *state, const char *name, uint64_t at)
{
	const struct known *call = find(name);

	for (int i = 0; i < ARGUMENTS; i++)
		use_escapes(argument(state, i));
	if (!call)
		return value_loaded();
	touches(state, call, at);
	return call->returns_first ? argument(state, 0) : value_loaded();
}
