/* SPDX-License-Identifier: MIT */
/*
 * base.h - attributes, alignment and system calls that every room uses
 *
 * The runtime lives in somebody else's process. It calls the kernel directly for whatever
 * it does on its own account: libc's wrappers may be interposed by other preloads or by a
 * sanitizer that has not started yet, and read(), write() and open() are cancellation
 * points, which the functions we hook are not. Results are negative error numbers; errno,
 * which belongs to the host, is left as it was.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#if !defined(__LP64__) || !defined(__linux__)
#error "fondue's runtime is for 64-bit Linux; headers alone compile anywhere"
#endif

/* A door: the only symbols that the library exports. */
#define FONDUE_EXPORT __attribute__((visibility("default")))
/* Of another file of the runtime, and found without asking the loader's tables. */
#define FONDUE_INSIDE __attribute__((visibility("hidden")))
#define FONDUE_PRINTF(text, first) __attribute__((format(printf, text, first)))
/* Code that reads a program's own memory, redzones of a sanitizer included. */
#define FONDUE_UNINSTRUMENTED __attribute__((no_sanitize("address", "undefined")))

#define FONDUE_COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline uint64_t align_down(uint64_t value, uint64_t alignment)
{
	return value & ~(alignment - 1);
}

static inline bool is_aligned(uint64_t value, uint64_t alignment)
{
	return (value & (alignment - 1)) == 0;
}

/* Do the half-open ranges [a, a_end) and [b, b_end) have a byte in common? */
static inline bool ranges_meet(uint64_t a, uint64_t a_end, uint64_t b, uint64_t b_end)
{
	return a < b_end && b < a_end && a < a_end && b < b_end;
}

/*
 * syscall(2) with the result as the kernel gives it and the host's errno untouched. A sixth
 * argument goes by the stack, and of an int only half of the place is written: if it counts, it
 * must be a long.
 */
#define sys_call(...)                                                                    \
	({                                                                               \
		int saved_errno_ = errno;                                                \
		long result_ = syscall(__VA_ARGS__);                                     \
		if (result_ == -1)                                                       \
			result_ = -errno;                                                \
		errno = saved_errno_;                                                    \
		result_;                                                                 \
	})

/* Is it an error? Of calls that return addresses, which may look negative, too. */
static inline bool sys_failed(long result)
{
	return result < 0 && result > -4096;
}
