/* SPDX-License-Identifier: MIT */
/*
 * fondue/fondue.h - everything, but for the short names of <fondue/short.h>
 */
#ifndef FONDUE_FONDUE_H
#define FONDUE_FONDUE_H

#include <fondue/heap.h>
#include <fondue/process.h>
#include <fondue/shared.h>
#include <fondue/spinlock.h>

#endif
