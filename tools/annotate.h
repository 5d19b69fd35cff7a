/* SPDX-License-Identifier: MIT */
/*
 * annotate.h - a record with what the files say of its addresses
 */
#pragma once

#include <jansson.h>

/*
 * annotate() - add to each frame and each lock of @record
 *
 * "file", "line", "column" and "inlined" as lookup() has them; "sym" and "symoff" where
 * the file knows them; "verified", false, where it is not certain that it is the file.
 * What is missing is said on standard error, once for each file.
 */
void annotate(json_t *record);
