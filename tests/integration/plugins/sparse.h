/* SPDX-License-Identifier: MIT */
/*
 * sparse.h - the plugin with the large table, as seen from outside
 */
#pragma once

#define SPARSE_PAGE	 4096UL
#define SPARSE_SIZE	 (256UL << 20)
#define SPARSE_STRIDE	 (251 * SPARSE_PAGE)
#define SPARSE_PAGES	 (SPARSE_SIZE / SPARSE_STRIDE + 2)
#define SPARSE_MARK(at)	 ((char)(1 + (at) / SPARSE_STRIDE % 100))
#define SPARSE_UNTOUCHED (100 * SPARSE_PAGE)

int sparse_lost(void);
void sparse_touch(void);
int sparse_touched(void);
