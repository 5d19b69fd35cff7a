/* SPDX-License-Identifier: MIT */
/*
 * empty.c - a preload that does nothing at all: the price of being a preload
 *
 * Whatever the runtime costs a program with nothing to share is measured against this.
 */
extern const int empty_shim;
const int empty_shim = 1;
