/* SPDX-License-Identifier: MIT */
/*
 * empty.c - the least that a preload can be
 *
 * What it costs to have a file named in LD_PRELOAD found, mapped and linked is the
 * loader's price for any preload. Measured against this one, what is left is fondue's.
 */
extern const int empty_preload;
const int empty_preload = 1;
