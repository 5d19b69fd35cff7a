/* SPDX-License-Identifier: MIT */
/*
 * program.h - which file a command line means, and what kind of file it is
 */
#pragma once

#include <stdbool.h>

/*
 * program_find() - the file that execvp(3) would execute for @name
 *
 * Return: its path; NULL with errno set: ENOENT, or EACCES when one was found that may
 * not be executed.
 */
const char *program_find(const char *name);

enum program_kind {
	PROGRAM_ELF,
	PROGRAM_SCRIPT, /* begins with #! */
	PROGRAM_OTHER,	/* execvp() would have /bin/sh read it */
	PROGRAM_UNREADABLE,
};
/* Of a script, @ret_interpreter is what stands behind #!, else it is not written. */
enum program_kind program_kind(const char *path, const char **ret_interpreter);

/*
 * program_is_secure() - would executing @path give it more rights than its caller has?
 *
 * Then the loader does not honour LD_PRELOAD (AT_SECURE): set-user-ID and set-group-ID
 * files of others, files with capabilities, each unless the mount or the process forbids
 * the gain; and whatever is executed by a process that has gained rights itself.
 */
bool program_is_secure(const char *path);
