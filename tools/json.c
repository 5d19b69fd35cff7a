/* SPDX-License-Identifier: MIT */
/*
 * json.c - names in files are bytes, JSON is UTF-8
 *
 * Whatever a symbol or a path holds, the document stays valid: control characters become
 * \u escapes, and each byte that is not part of well-formed UTF-8 (as the Unicode
 * standard has it: no overlong forms, no surrogates, nothing above U+10FFFF) becomes
 * U+FFFD.
 */
#include <inttypes.h>

#include "json.h"

static bool is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

unsigned json_character(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] < 0xe0)
		return is_tail(s[1]) ? 2 : 0;
	if (s[0] >= 0xe0 && s[0] < 0xf0) {
		if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0))
			return 0;
		return is_tail(s[1]) && is_tail(s[2]) ? 3 : 0;
	}
	if (s[0] >= 0xf0 && s[0] < 0xf5) {
		if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
			return 0;
		return is_tail(s[1]) && is_tail(s[2]) && is_tail(s[3]) ? 4 : 0;
	}
	return 0;
}

static void put_string(FILE *file, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	fputc('"', file);
	while (*s) {
		unsigned len = json_character((const char *)s);

		if (len == 0)
			fputs("\\ufffd", file);
		else if (*s < 0x20 || *s == 0x7f)
			fprintf(file, "\\u%04x", *s);
		else if (*s == '"' || *s == '\\')
			fprintf(file, "\\%c", *s);
		else
			fwrite(s, 1, len, file);
		s += len ? len : 1;
	}
	fputc('"', file);
}

static void begin(struct json *json, const char *key)
{
	if (json->behind)
		fputc(',', json->file);
	if (json->depth)
		fprintf(json->file, "\n%*s", 2 * (int)json->depth, "");
	if (key) {
		put_string(json->file, key);
		fputs(": ", json->file);
	}
	json->behind = true;
}

void json_open(struct json *json, const char *key, char bracket)
{
	begin(json, key);
	fputc(bracket, json->file);
	json->depth++;
	json->behind = false;
}

void json_close(struct json *json, char bracket)
{
	json->depth--;
	if (json->behind)
		fprintf(json->file, "\n%*s", 2 * (int)json->depth, "");
	fputc(bracket, json->file);
	json->behind = true;
	if (!json->depth)
		fputc('\n', json->file);
}

void json_put_string(struct json *json, const char *key, const char *value)
{
	begin(json, key);
	if (value)
		put_string(json->file, value);
	else
		fputs("null", json->file);
}

void json_put_number(struct json *json, const char *key, uint64_t value)
{
	begin(json, key);
	fprintf(json->file, "%" PRIu64, value);
}

void json_put_bool(struct json *json, const char *key, bool value)
{
	begin(json, key);
	fputs(value ? "true" : "false", json->file);
}
