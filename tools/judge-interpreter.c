/* SPDX-License-Identifier: MIT */
/*
 * judge-interpreter.c - a script's variables are no C globals
 *
 * In an interpreter it is a C global that says which line is executed, how deep the calls are,
 * how many objects there are: counters all, in every child, and none of them is what the script
 * has lost. So nothing is suggested for one, and a sentence says so. It is known by the name of
 * its file, or by a symbol that only it has, whatever the file is called.
 */
#include <string.h>

#include "judge-interpreter.h"
#include "say.h"

struct interpreter {
	const char *name;   /* the file's may have a version behind it */
	const char *symbol; /* or NULL */
};

static const struct interpreter interpreters[] = {
	{ "python", "_PyRuntime" },
	{ "perl", "PL_perlio_mutex" },
	{ "bash", "subshell_environment" },
	{ "ruby", "ruby_current_vm_ptr" },
	{ "php", "executor_globals" },
	{ "dash", NULL },
	{ "sh", NULL },
	{ "ksh", NULL },
	{ "mksh", NULL },
	{ "zsh", NULL },
	{ "fish", NULL },
	{ "busybox", NULL },
	{ "tclsh", NULL },
	{ "lua", NULL },
	{ "luajit", NULL },
	{ "guile", NULL },
	{ "node", NULL },
	{ "gawk", NULL },
	{ "mawk", NULL },
	{ "Rscript", NULL },
	{ "R", NULL },
};

static bool is_called(const char *path, const char *name)
{
	const char *base = say_base_name(path);
	size_t length = strlen(name);

	return !strncmp(base, name, length) &&
	       !base[length + strspn(base + length, "0123456789.-")];
}

static bool has_symbol(const struct seen *seen, const char *symbol)
{
	for (size_t i = 0; i < seen->variable_count; i++)
		if (seen->variables[i].name && !strcmp(seen->variables[i].name, symbol) &&
			seen->objects[seen->variables[i].object].kind == SEEN_PROGRAM)
			return true;
	return false;
}

static const char *program(const struct seen *seen)
{
	for (size_t i = 0; i < seen->object_count; i++)
		if (seen->objects[i].kind == SEEN_PROGRAM)
			return seen->objects[i].path;
	return seen->program ? seen->program : "";
}

const char *interpreter_of(const struct seen *seen)
{
	for (size_t i = 0; i < sizeof(interpreters) / sizeof(interpreters[0]); i++) {
		const struct interpreter *one = &interpreters[i];

		if (is_called(program(seen), one->name) ||
			(one->symbol && has_symbol(seen, one->symbol)))
			return one->name;
	}
	return NULL;
}
