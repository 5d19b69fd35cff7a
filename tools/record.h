/* SPDX-License-Identifier: MIT */
/*
 * record.h - one line of what the runtime has written
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum record_kind {
	RECORD_GOOD,
	RECORD_TEXT,	/* something else that was written there */
	RECORD_DAMAGED, /* it begins as JSON, and is cut off or wrong */
	RECORD_OTHER,	/* JSON, and not the runtime's */
	RECORD_UNKNOWN, /* of a version or an event that is not known here */
};
#define RECORD_KINDS 5

/*
 * record_read() - read the line @text, which may hold any bytes, and ends with a 0 byte
 *
 * @ret is to be given back by json_decref() if it is good, and not written otherwise, but
 * for an unknown one.
 */
enum record_kind record_read(const char *text, size_t length, json_t **ret);

/* Of an object, or what is none; whatever is absent or of another type is NULL, or false. */
const char *record_text(const json_t *object, const char *key); /* not "" */
bool record_flag(const json_t *object, const char *key);
bool record_number(const json_t *object, const char *key, uint64_t *ret); /* 7 or "0x7" */

/* A new string, valid whatever bytes @text has. */
json_t *record_string(const char *text);
