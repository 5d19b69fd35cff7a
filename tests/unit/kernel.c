/* SPDX-License-Identifier: MIT */
/*
 * kernel.c - the function that the linker puts in the place of syscall()
 *
 * Rules are made by one thread before others are started; counters may be raised by all.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "kernel.h"

#define RULES_MAX   8
#define NUMBERS_MAX 1024
#define ANY_VALUE   6 /* no such argument: no condition */

struct rule {
	long number;
	unsigned index;
	uint64_t value;
	int error;
	void (*see)(const long *args);
};

static struct rule rules[RULES_MAX];
static unsigned rule_count;
static atomic_uint calls[NUMBERS_MAX], all_calls;

static void add(struct rule rule)
{
	if (rule_count == RULES_MAX)
		abort();
	rules[rule_count++] = rule;
}

void kernel_refuse(long number, int error)
{
	add((struct rule){ .number = number, .index = ANY_VALUE, .error = error });
}

void kernel_refuse_where(long number, unsigned index, uint64_t value, int error)
{
	add((struct rule){
		.number = number, .index = index, .value = value, .error = error });
}

void kernel_watch(long number, void (*see)(const long *args))
{
	add((struct rule){ .number = number, .see = see });
}

unsigned kernel_calls(long number)
{
	return atomic_load(&calls[number]);
}

unsigned kernel_all_calls(void)
{
	return atomic_load(&all_calls);
}

void kernel_reset(void)
{
	rule_count = 0;
	atomic_store(&all_calls, 0);
	for (unsigned i = 0; i < NUMBERS_MAX; i++)
		atomic_store(&calls[i], 0);
}

/* The error with which the call fails, or 0. */
static int judge(long number, const long *args)
{
	int error = 0;

	for (unsigned i = 0; i < rule_count; i++) {
		const struct rule *rule = &rules[i];

		if (rule->number != number)
			continue;
		if (rule->see)
			rule->see(args);
		else if (rule->index == ANY_VALUE || (uint64_t)args[rule->index] == rule->value)
			error = rule->error;
	}
	return error;
}

long __wrap_syscall(long number, ...);
long __real_syscall(long number, ...);

/* As libc does, six arguments are read, however few were passed: hence uninstrumented. */
__attribute__((no_sanitize("address"))) long __wrap_syscall(long number, ...)
{
	va_list list;
	long args[6];
	int error;

	va_start(list, number);
	for (unsigned i = 0; i < 6; i++)
		args[i] = va_arg(list, long);
	va_end(list);
	atomic_fetch_add(&all_calls, 1);
	atomic_fetch_add(&calls[number], 1);
	error = judge(number, args);
	if (error) {
		errno = error;
		return -1;
	}
	return __real_syscall(number, args[0], args[1], args[2], args[3], args[4], args[5]);
}
