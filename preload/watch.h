/* SPDX-License-Identifier: MIT */
/*
 * watch.h - a lock that is held for too long explains itself
 */
#pragma once

#include "base.h"

/* Report locks held longer than config.hold_ms. */
void watch_start(void);

/*
 * There are locks in this process: load what stacks are unwound with, once. While no other
 * thread opens files or libraries: at start, or in a constructor that dlopen() calls.
 */
void watch_ready(void);
