/* SPDX-License-Identifier: MIT */
/*
 * record.c - nobody knows who has written into that file
 *
 * The runtime writes each record as one line. But standard error belongs to all: there are
 * other messages among them, even in front of them, and the last line may be half written
 * when the disk is full. So each line stands for itself, and is one of the five kinds.
 *
 * Members of the wrong type, negative or too large, are absent: no part of the command sees
 * a record but through these functions. Names are bytes to the kernel and text in JSON; a
 * byte that is no UTF-8 costs its own place and not the whole record.
 */
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "memory.h"
#include "record.h"

static const char start[] = "{\"v\":";
static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

/* To be freed: @text with each byte replaced that is no UTF-8. */
static char *repaired(const char *text, size_t length, size_t *ret_length)
{
	char *copy = memory_get((sizeof(replacement) - 1) * length + 1), *to = copy;

	for (size_t i = 0; i < length;) {
		size_t size = json_character(text + i);

		if (size) {
			memcpy(to, text + i, size);
			to += size;
		} else {
			to = stpcpy(to, replacement);
		}
		i += size ? size : 1;
	}
	*ret_length = (size_t)(to - copy);
	return copy;
}

static json_t *parse(const char *text, size_t length)
{
	json_error_t error;
	json_t *json = json_loadb(text, length, 0, &error);
	char *copy;

	if (json || json_error_code(&error) != json_error_invalid_utf8)
		return json;
	copy = repaired(text, length, &length);
	json = json_loadb(copy, length, 0, &error);
	free(copy);
	return json;
}

static bool is_known(const json_t *record)
{
	static const char *const events[] = { "hold", "deadlock", "over", "death", "order",
		"self", "long", "message" };
	const char *event = record_text(record, "ev");
	uint64_t version;

	if (!record_number(record, "v", &version) || version != 1)
		return false;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (event && !strcmp(event, events[i]))
			return true;
	return false;
}

enum record_kind record_read(const char *text, size_t length, json_t **ret)
{
	const char *begin = memchr(text, '{', length);
	json_t *json;

	/* what others wrote without an end of line stands in front */
	if (begin != text)
		begin = memmem(text, length, start, sizeof(start) - 1);
	if (!begin)
		return RECORD_TEXT;
	json = parse(begin, length - (size_t)(begin - text));
	if (!json)
		return RECORD_DAMAGED;
	if (!json_object_get(json, "v") || !json_object_get(json, "ev")) {
		json_decref(json);
		return RECORD_OTHER;
	}
	*ret = json;
	return is_known(json) ? RECORD_GOOD : RECORD_UNKNOWN;
}

const char *record_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text && *text ? text : NULL;
}

bool record_flag(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

/* "0x" and at most 16 digits. */
static bool parse_address(const char *text, uint64_t *ret)
{
	size_t digits;

	if (!text || strncmp(text, "0x", 2) != 0)
		return false;
	digits = strspn(text + 2, "0123456789abcdefABCDEF");
	if (digits == 0 || digits > 16 || text[2 + digits])
		return false;
	*ret = strtoull(text, NULL, 16);
	return true;
}

bool record_number(const json_t *object, const char *key, uint64_t *ret)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value))
		return parse_address(json_string_value(value), ret);
	if (json_integer_value(value) < 0)
		return false;
	*ret = (uint64_t)json_integer_value(value);
	return true;
}

json_t *record_string(const char *text)
{
	size_t length;
	char *copy = repaired(text, strlen(text), &length);
	json_t *string = json_stringn(copy, length);

	free(copy);
	return string;
}
