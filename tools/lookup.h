/* SPDX-License-Identifier: MIT */
/*
 * lookup.h - from what a record says of a place in a file to what the file says of it
 */
#pragma once

#include <jansson.h>

/*
 * lookup() - answer one question
 * @request: "obj", "bid" and "off" as in the record; "exact"; "data": it is a variable
 *
 * Return: a new object with what is known: "sym", "symoff", "file", "line", "column",
 * "inlined", the innermost first; "verified", false only; "why" it is not all.
 */
json_t *lookup(const json_t *request);
