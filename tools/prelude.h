/* SPDX-License-Identifier: MIT */
/*
 * prelude.h - what a C file includes before its first line of code
 */
#pragma once

/*
 * prelude_read() - the directives at the head of the file @path, to be repeated before it
 *
 * Names in quotes that are found beside the file are made absolute. Return: NULL, with the
 * text in *ret_text; or why that would not be the same: "row.h may not be included twice".
 */
const char *prelude_read(const char *path, char **ret_text);
