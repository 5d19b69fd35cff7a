/* SPDX-License-Identifier: MIT */
/*
 * share-exact.h - a plan that moves variables, or why there is none
 */
#pragma once

#include "parts.h"

/* Which proof it is; raised whenever less is taken for proved than before. */
extern const char share_exact_proof[];

/* Return: false: @part is refused, or the file @path cannot be written; said. */
bool share_exact(struct part *part, const char *path);
