/* SPDX-License-Identifier: MIT */
/*
 * prelude.c - a header that comes first must not change what comes next
 *
 * To include one header of several, alone and before all others, may be to include it
 * differently: it may need what comes before it, and the first header of libc that is
 * included settles for all what _GNU_SOURCE says. But if all directives at the head of a
 * file, up to its first line of code, are gone through once before, the same happens as
 * always, and the second time nothing: if the headers guard against that, which is looked
 * at in those that lie beside the file. Those of libraries do.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"
#include "prelude.h"

#define SOURCE_MAX (64 << 20)
#define FILES_MAX  1000

static const char *read_text(const char *path, char **ret)
{
	FILE *file = fopen(path, "re");
	const char *why = NULL;
	struct stat stat;
	size_t len = 0;

	if (!file)
		return strerror(errno);
	if (fstat(fileno(file), &stat) != 0 || !S_ISREG(stat.st_mode) ||
		stat.st_size > SOURCE_MAX) {
		why = "it is no source";
	} else {
		*ret = memory_get((size_t)stat.st_size + 1);
		len = fread(*ret, 1, (size_t)stat.st_size, file);
	}
	fclose(file);
	return why || !memchr(*ret, '\0', len) ? why : "it is no source";
}

/* The end of a string or of a character, on its line. */
static char *skip_literal(char *at)
{
	char quote = *at++;

	while (*at && *at != quote && *at != '\n')
		at += at[0] == '\\' && at[1] ? 2 : 1;
	return *at == quote ? at + 1 : at;
}

/* Blanks in its place; lines stay lines. */
static char *blank_comment(char *at)
{
	bool is_line = at[1] == '/';
	char *end = strstr(at + 2, is_line ? "\n" : "*/");

	end = !end ? at + strlen(at) : is_line ? end : end + 2;
	for (; at < end; at++)
		if (*at != '\n')
			*at = ' ';
	return end;
}

static void blank_comments(char *at)
{
	while (*at)
		if (*at == '"' || *at == '\'')
			at = skip_literal(at);
		else if (at[0] == '/' && (at[1] == '/' || at[1] == '*'))
			at = blank_comment(at);
		else
			at++;
}

/* Behind "include" in `#include`, or NULL. */
static const char *included(const char *directive)
{
	directive += 1 + strspn(directive + 1, " \t");
	if (strncmp(directive, "include", 7) != 0)
		return NULL;
	return directive + 7 + strspn(directive + 7, " \t");
}

/* `#include "x.h"`: the path, if that is found beside the file. */
static char *included_beside(const char *line, const char *source)
{
	const char *name = included(line), *slash = strrchr(source, '/'), *close;
	char *path;

	close = name && *name == '"' ? strchr(name + 1, '"') : NULL;
	if (!close)
		return NULL;
	path = memory_format("%.*s%.*s",
		name[1] == '/' || !slash ? 0 : (int)(slash + 1 - source), source,
		(int)(close - name - 1), name + 1);
	return access(path, R_OK) == 0 ? path : NULL;
}

/* Up to the end of a line; for a directive, of the last that it goes on to. */
static size_t line_length(const char *at)
{
	size_t len = 0;

	while (at[len] && (at[len] != '\n' || (len && at[len - 1] == '\\')))
		len++;
	return len;
}

static char *part(const char *at, size_t len)
{
	while (len && (at[len - 1] == ' ' || at[len - 1] == '\t' || at[len - 1] == '\r'))
		len--;
	return memory_format("%.*s", (int)len, at);
}

/* Does it see to it that it is gone through once only? By its first directive. */
static bool is_guarded(const char *text)
{
	const char *at = text + strspn(text, " \t\f\r\n");

	if (*at++ != '#')
		return false;
	at += strspn(at, " \t");
	if (!strncmp(at, "pragma", 6))
		return !strncmp(at + 6 + strspn(at + 6, " \t"), "once", 4);
	if (!strncmp(at, "ifndef", 6))
		return true;
	return !strncmp(at, "if", 2) && at[2 + strspn(at + 2, " \t(")] == '!';
}

/* What has been looked at; headers may include one another in circles. */
struct seen {
	const char *paths[FILES_MAX];
	size_t count;
};

static bool is_new(struct seen *seen, const char *path)
{
	for (size_t i = 0; i < seen->count; i++)
		if (!strcmp(seen->paths[i], path))
			return false;
	if (seen->count < FILES_MAX)
		seen->paths[seen->count++] = path;
	return true;
}

/* @path, and what it includes from beside itself. */
static const char *check_header(struct seen *seen, const char *path)
{
	char *text = NULL, *inner;
	const char *why = read_text(path, &text);
	size_t len;

	if (why)
		return memory_format("%s: %s", path, why);
	blank_comments(text);
	if (!is_guarded(text) || seen->count == FILES_MAX)
		return memory_format("%s may not be included twice", path);
	for (const char *at = text; !why && *at; at += len + (at[len] == '\n')) {
		at += strspn(at, " \t\f\r");
		len = line_length(at);
		inner = *at == '#' ? included_beside(part(at, len), path) : NULL;
		if (inner && is_new(seen, inner))
			why = check_header(seen, inner);
	}
	return why;
}

static const char *take(
	struct seen *seen, char **head, const char *directive, const char *source)
{
	char *path = included_beside(directive, source);

	*head = path ? memory_format("%s#include \"%s\"\n", *head, path) :
		       memory_format("%s%s\n", *head, directive);
	return path && is_new(seen, path) ? check_header(seen, path) : NULL;
}

/*
 * `static const char rcsid[] = "$Id: ...";`, by which the object file was to be known: code,
 * but no header minds it. Return: how long it is, up to the semicolon; 0: it is something else.
 */
static size_t identification(const char *at)
{
	size_t len = strcspn(at, ";#{}");
	const char *text = memchr(at, '"', len);

	if (strncmp(at, "static", 6) != 0 || !text ||
		(strncmp(text, "\"$", 2) != 0 && strncmp(text, "\"@(#)", 5) != 0))
		return 0;
	text = strchr(text + 1, '"');
	len = text ? strcspn(text, ";#{}") : 0;
	return text && text[len] == ';' ? (size_t)(text + len + 1 - at) : 0;
}

const char *prelude_read(const char *path, char **ret_text)
{
	char *head = memory_copy(""), *text = NULL;
	const char *why = read_text(path, &text);
	struct seen seen = { .count = 0 };
	bool is_head = true;
	size_t len;

	if (why)
		return memory_format("%s: %s", path, why);
	blank_comments(text);
	for (const char *at = text; !why && *at; at += len + (at[len] == '\n')) {
		at += strspn(at, " \t\f\r");
		at += identification(at);
		at += strspn(at, " \t\f\r");
		len = line_length(at);
		if (*at == '#' && is_head)
			why = take(&seen, &head, part(at, len), path);
		else if (*at == '#' && included(at))
			why = memory_format("%s includes more between its code", path);
		else if (len)
			is_head = false;
	}
	*ret_text = head;
	return why;
}
