/* SPDX-License-Identifier: MIT */
/* raw.c - uses the section by hand: a piece that does not end on a page */
extern int pot_raw;
__attribute__((section("shared"))) int pot_raw = 1;
