/* SPDX-License-Identifier: MIT */
/*
 * filter.h - seccomp filters that refuse a system call, with an error or by killing
 *
 * The real thing: what a container or a service manager puts on a program. A filter stays
 * over exec, so that it holds for all of a program's life.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The part of <linux/filter.h> and <linux/seccomp.h> that is needed: musl's compiler does
 * not find the kernel's headers. A filter is a program for a small machine with one
 * register; its input is struct call_, its result what becomes of the call.
 */
struct instruction_ {
	uint16_t code;
	uint8_t if_true, if_false; /* instructions to skip */
	uint32_t operand;
};

struct program_ {
	unsigned short length;
	struct instruction_ *code;
};

struct call_ {
	int number;
	uint32_t architecture;
	uint64_t at;
	uint64_t arguments[6];
};

#define LOAD_32	      0x20	  /* BPF_LD | BPF_W | BPF_ABS */
#define AND_WITH      0x54	  /* BPF_ALU | BPF_AND | BPF_K */
#define SKIP_IF_EQUAL 0x15	  /* BPF_JMP | BPF_JEQ | BPF_K */
#define END_WITH      0x06	  /* BPF_RET | BPF_K */
#define FAIL_WITH     0x00050000U /* SECCOMP_RET_ERRNO */
#define KILL_WITH     0x80000000U /* SECCOMP_RET_KILL_PROCESS */
#define LET_THROUGH   0x7fff0000U /* SECCOMP_RET_ALLOW */
#define FILTER_MODE   2		  /* SECCOMP_MODE_FILTER */

#define KILLED -1 /* no error: who makes the call is killed */

struct rule {
	long number; /* SYS_* */
	int error;   /* what it fails with, or KILLED */
	/* Refuse only calls with (argument & mask) == value; mask 0: all. */
	unsigned argument;
	uint32_t mask, value;
};

#define RULES_MAX 8
/* The low half of an argument, on a little-endian machine as on a big-endian one. */
#define LOW_HALF (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 4)

static inline unsigned filter_rule_(struct instruction_ *at, const struct rule *rule)
{
	const struct instruction_ code[] = {
		{LOAD_32, 0, 0, offsetof(struct call_, number)},
		{SKIP_IF_EQUAL, 0, 4, rule->number},
		{LOAD_32, 0, 0,
			offsetof(struct call_, arguments) +
				rule->argument * sizeof(uint64_t) + LOW_HALF},
		{AND_WITH, 0, 0, rule->mask},
		{SKIP_IF_EQUAL, 0, 1, rule->value},
		{END_WITH, 0, 0,
			rule->error == KILLED ? KILL_WITH : FAIL_WITH | rule->error},
	};

	for (unsigned i = 0; i < sizeof(code) / sizeof(code[0]); i++)
		at[i] = code[i];
	return sizeof(code) / sizeof(code[0]);
}

/* Install @rules, an array that ends with an error of 0. Return: success. */
static inline bool filter_install(const struct rule *rules)
{
	struct instruction_ code[RULES_MAX * 6 + 1];
	struct program_ program = {.code = code};
	unsigned length = 0;

	for (; rules->error; rules++)
		length += filter_rule_(code + length, rules);
	code[length++] = (struct instruction_){END_WITH, 0, 0, LET_THROUGH};
	program.length = length;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, FILTER_MODE, &program) == 0;
}
