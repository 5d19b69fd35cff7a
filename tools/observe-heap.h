/* SPDX-License-Identifier: MIT */
/* observe-heap.h - has a child written to memory from malloc? */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Roughly: some page of [heap] is not shared with its parent any more. */
bool heap_is_dirty(pid_t tid);
