/* SPDX-License-Identifier: MIT */
/*
 * program.c - the same decisions that exec makes, made beforehand
 *
 * The kernel and libc decide for themselves once more when the program is started; what
 * is found here only serves to say what will happen. So where a file cannot be looked at,
 * the answer is "nothing special", and the start shows the truth.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "memory.h"
#include "program.h"

/* The kernel reads this much of a script's first line. */
#define SCRIPT_LINE_MAX 256

static bool is_executable(const char *path)
{
	struct stat stat_of;

	if (eaccess(path, X_OK) != 0 || stat(path, &stat_of) != 0)
		return false;
	if (S_ISREG(stat_of.st_mode))
		return true;
	errno = EACCES;
	return false;
}

static const char *default_path(void)
{
	size_t size = confstr(_CS_PATH, NULL, 0);
	char *path = memory_get(size + 1);

	confstr(_CS_PATH, path, size);
	return path;
}

/* An empty element of PATH is the current directory. */
static const char *candidate(const char *directory, size_t len, const char *name)
{
	return len ? memory_format("%.*s/%s", (int)len, directory, name) :
		     memory_format("./%s", name);
}

const char *program_find(const char *name)
{
	const char *path = getenv("PATH");
	int error = ENOENT;

	if (strchr(name, '/'))
		return is_executable(name) ? name : NULL;
	for (path = path ? path : default_path(); *name; path++) {
		size_t len = strcspn(path, ":");
		const char *found = candidate(path, len, name);

		if (is_executable(found))
			return found;
		if (errno == EACCES)
			error = EACCES;
		path += len;
		if (!*path)
			break;
	}
	errno = error;
	return NULL;
}

static const char *script_interpreter(char *line)
{
	line[strcspn(line, "\n")] = '\0';
	line += 2 + strspn(line + 2, " \t");
	line[strcspn(line, " \t")] = '\0';
	return memory_copy(line);
}

enum program_kind program_kind(const char *path, const char **ret_interpreter)
{
	char line[SCRIPT_LINE_MAX + 1] = { 0 };
	struct stat stat;
	ssize_t len = -1;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return PROGRAM_UNREADABLE;
	if (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode))
		len = pread(fd, line, SCRIPT_LINE_MAX, 0);
	close(fd);
	if (len < 0)
		return PROGRAM_UNREADABLE;
	if (len >= 4 && !memcmp(line, "\177ELF", 4))
		return PROGRAM_ELF;
	if (len < 2 || memcmp(line, "#!", 2))
		return PROGRAM_OTHER;
	*ret_interpreter = script_interpreter(line);
	return PROGRAM_SCRIPT;
}

/* As linux/capability.h has it: a word of flags, then the permitted sets. */
static bool has_capabilities(const char *path)
{
	uint32_t words[6] = { 0 };
	ssize_t size = getxattr(path, "security.capability", words, sizeof(words));

	return size >= (ssize_t)(3 * sizeof(words[0])) &&
	       (words[0] & VFS_CAP_FLAGS_EFFECTIVE || words[1] || words[3]);
}

static bool gains_are_forbidden(const char *path)
{
	struct statvfs mount;

	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ||
	       (statvfs(path, &mount) == 0 && (mount.f_flag & ST_NOSUID));
}

bool program_is_secure(const char *path)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	struct stat of;

	if (stat(path, &of) == 0 && !gains_are_forbidden(path)) {
		if (of.st_mode & S_ISUID)
			uid = of.st_uid;
		if ((of.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
			gid = of.st_gid;
		if (getuid() != 0 && has_capabilities(path))
			return true;
	}
	return uid != getuid() || gid != getgid();
}
