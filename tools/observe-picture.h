/* SPDX-License-Identifier: MIT */
/*
 * observe-picture.h - a copy of the variables of a process, as they are at one moment
 */
#pragma once

#include "observe-space.h"

struct picture;

/*
 * picture_take() - of a process that is stopped; of one that runs it may be torn
 * @tid: of a thread of it that lives
 *
 * Return: NULL: it cannot be read, or not any more.
 */
struct picture *picture_take(pid_t tid);
void picture_free(struct picture *picture); /* or NULL */

const struct space *picture_space(const struct picture *picture);

/* Of all that have been taken and not been freed. */
size_t picture_bytes_in_use(void);

/* The page at @address of area number @area; NULL: it is what the file says. */
const unsigned char *picture_page(const struct picture *picture, size_t area, uint64_t address);

/* Copy bytes of an area, wherever they are from. What is beyond it is 0. */
void picture_copy(
	const struct picture *picture, size_t area, uint64_t address, void *ret, size_t size);
