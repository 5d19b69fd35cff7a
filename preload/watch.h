/* SPDX-License-Identifier: MIT */
/*
 * watch.h - a lock that is held for too long explains itself
 */
#pragma once

/* Report locks held longer than config.hold_ms. */
void watch_start(void);
