/* SPDX-License-Identifier: MIT */
/*
 * text.h - strings, without libc's functions for them
 *
 * In a program under a sanitizer strcmp() and its kin are the sanitizer's, and a call of
 * them before it has started ends in a crash; we start before everybody. The runtime
 * handles a few short strings, so that plain loops do. (memcpy() of a constant size is
 * no call.)
 */
#pragma once

#include "base.h"

static inline size_t text_length(const char *text)
{
	size_t len = 0;

	while (text[len]) {
		len++;
		__asm__ volatile(""); /* or the compiler makes the very call of it */
	}
	return len;
}

/* Where @text goes on behind @start, or NULL if it does not begin with that. */
static inline const char *text_behind(const char *text, const char *start)
{
	for (; *start; start++, text++)
		if (*text != *start)
			return NULL;
	return text;
}

static inline bool text_begins(const char *text, const char *start)
{
	return text_behind(text, start) != NULL;
}

static inline bool text_equals(const char *a, const char *b)
{
	const char *rest = text_behind(a, b);

	return rest && !*rest;
}

static inline bool text_contains(const char *text, const char *part)
{
	for (; *text; text++)
		if (text_begins(text, part))
			return true;
	return false;
}

/* The last @c in @text, or NULL. */
static inline const char *text_last(const char *text, char c)
{
	const char *found = NULL;

	for (; *text; text++)
		if (*text == c)
			found = text;
	return found;
}

/* A path's last part. */
static inline const char *text_base_name(const char *path)
{
	const char *slash = text_last(path, '/');

	return slash ? slash + 1 : path;
}

/* Bytes that follow the first one of a character of UTF-8; 4: it is no first one. */
static inline unsigned text_follow(unsigned char first)
{
	if (first < 0x80)
		return 0;
	if (first < 0xc2 || first > 0xf4)
		return 4;
	return first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
}

/* Is it UTF-8? Surrogates and what is longer than it need be pass: they do no harm here. */
static inline bool text_is_utf8(const char *text)
{
	while (*text) {
		unsigned follow = text_follow(*text++);

		if (follow == 4)
			return false;
		for (; follow; follow--)
			if (((unsigned char)*text++ & 0xc0) != 0x80)
				return false;
	}
	return true;
}

/* The value of a digit, or @base when it is none. */
static inline unsigned text_digit(char c, unsigned base)
{
	unsigned value = base;

	if (c >= '0' && c <= '9')
		value = c - '0';
	else if (c >= 'a' && c <= 'f')
		value = c - 'a' + 10;
	return value < base ? value : base;
}
