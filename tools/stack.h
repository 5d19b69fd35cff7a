/* SPDX-License-Identifier: MIT */
/*
 * stack.h - where another thread is right now
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <fondue/spinlock.h>

struct stack_frame {
	uint64_t address;     /* what is executed there; of callers, where the call returns to */
	const char *object;   /* path; NULL: code in no file */
	uint64_t offset;      /* of the address as the file counts it */
	const char *function; /* NULL: there is no certain name */
	uint64_t function_offset;
	const char *build_id; /* hexadecimal; NULL: the object has none */
	bool is_guess;	      /* found by a frame pointer: likely, not certain */
};

struct stack;

/*
 * stack_take() - of a thread that sleeps or is stopped, without disturbing it
 *
 * Return: NULL with *ret_why, a few words: it is running, say, or may not be looked at.
 */
struct stack *stack_take(pid_t pid, pid_t tid, const char **ret_why);
void stack_free(struct stack *stack);

/*
 * stack_take_of_wait() - of a thread that waits for a lock, from @site on, where it asks for it
 *
 * It is right if the thread waits before and after, and has all the while: for the caller to
 * see. Return: NULL: it cannot be had.
 */
struct stack *stack_take_of_wait(pid_t pid, pid_t tid, const struct fondue_site *site);
/* Of a thread that this one traces, and that is stopped. Return: NULL: it cannot be had. */
struct stack *stack_take_traced(pid_t pid, pid_t tid);

bool stack_is_of_wait(const struct stack *stack);

unsigned stack_count(const struct stack *stack);
void stack_frame(struct stack *stack, unsigned i, struct stack_frame *ret);

/* Down to the start of the thread or program? If not, *ret_why there are no more. */
bool stack_is_complete(const struct stack *stack, const char **ret_why);
