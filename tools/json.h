/* SPDX-License-Identifier: MIT */
/*
 * json.h - one JSON document, written as it goes
 *
 *	struct json json = { .file = stdout };
 *	json_open(&json, NULL, '{');
 *	json_put_string(&json, "path", path);
 *	json_open(&json, "list", '[');
 *	json_put_number(&json, NULL, 4);
 *	json_close(&json, ']');
 *	json_close(&json, '}');
 *
 * The key is NULL in lists and for the outermost value. (Values are put: json_string() and
 * its like are names of libjansson, which reads JSON.)
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *file;
	unsigned depth;
	bool behind; /* an element of the same list or object: a comma is due */
};

void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);
/* @value may hold any bytes but 0; NULL becomes null. */
void json_put_string(struct json *json, const char *key, const char *value);
void json_put_number(struct json *json, const char *key, uint64_t value);
void json_put_bool(struct json *json, const char *key, bool value);

/* Bytes of the well-formed character of UTF-8 at @text, 0 when there is none. */
unsigned json_character(const char *text);
