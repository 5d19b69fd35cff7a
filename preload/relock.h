/* SPDX-License-Identifier: MIT */
/*
 * relock.h - a thread that asks for a lock which it holds is told so
 */
#pragma once

/* Unless config.hold_ms is 0. */
void relock_start(void);
