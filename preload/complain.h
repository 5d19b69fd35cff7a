/* SPDX-License-Identifier: MIT */
/*
 * complain.h - telling of blocks that were freed in vain, and of a heap that is damaged
 */
#pragma once

/* At start: from now on it is told. */
void complain_start(void);
