/* SPDX-License-Identifier: MIT */
/*
 * raw.c - a file that uses the section by hand, without <fondue/shared.h>
 *
 * Linked last, it makes the section end in the middle of a page, beside somebody else's
 * variables: the object that holds it has to be refused.
 */
extern int stray;
__attribute__((section("shared"))) int stray = 1;
