/* SPDX-License-Identifier: MIT */
/*
 * libraries.c - only the loader knows where the loader finds a library
 *
 * RUNPATH and RPATH of each object, LD_LIBRARY_PATH, the cache, hardware subdirectories:
 * no second implementation gets all that right. Asked to, the loader maps the objects,
 * prints their names, and runs no code of theirs: glibc's under LD_TRACE_LOADED_OBJECTS,
 * as ldd(1) does it (its --list gives up at the first missing one), musl's by --list. But
 * what a file names as its loader may be any program at all; so it is run only if it is
 * one of the system's, by its path. And of the auditors that a file names (DT_AUDIT) the
 * loader does run the code, so such a file is not asked about. Its time and its output are
 * bounded, for the program may be damaged.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libraries.h"
#include "memory.h"

#define LIST_TIME_MS  10000
#define LIST_SIZE_MAX (1 << 20)

static const char *const loaders[] = {
	"/lib/ld-linux*.so.*",
	"/lib64/ld-linux*.so.*",
	"/lib/ld64.so.*",
	"/lib64/ld64.so.*",
	"/lib/ld-musl-*.so.1",
	"/usr/lib/ld-musl-*.so.1",
};

/* A library names no loader: take that of programs of the same libc. */
static const char *loader_of(const struct object *object)
{
	bool musl = object_libc(object) == LIBC_MUSL;

	if (object->interpreter)
		return object->interpreter;
#if defined(__x86_64__)
	return musl ? "/lib/ld-musl-x86_64.so.1" : "/lib64/ld-linux-x86-64.so.2";
#elif defined(__aarch64__)
	return musl ? "/lib/ld-musl-aarch64.so.1" : "/lib/ld-linux-aarch64.so.1";
#else
	return musl ? "unknown" : "unknown";
#endif
}

static bool is_known(const char *loader)
{
	for (size_t i = 0; i < FONDUE_COUNT(loaders); i++)
		if (!fnmatch(loaders[i], loader, FNM_PATHNAME) &&
			access(loader, X_OK) == 0)
			return true;
	return false;
}

/* Ours without what would change the answer or run code: only the search path stays. */
static char **list_environment(void)
{
	static char trace[] = "LD_TRACE_LOADED_OBJECTS=1";
	char **list = memory_grow(NULL, 0, sizeof(*list));
	size_t count = 0;

	list[count++] = trace;

	for (char **each = environ; each && *each; each++) {
		if (!strncmp(*each, "LD_", 3) && strncmp(*each, "LD_LIBRARY_PATH=", 16))
			continue;
		list = memory_grow(list, count, sizeof(*list));
		list[count++] = *each;
	}
	list = memory_grow(list, count, sizeof(*list));
	list[count] = NULL;
	return list;
}

static bool is_musl(const char *loader)
{
	return strstr(loader, "/ld-musl-") != NULL;
}

static pid_t start_loader(const char *loader, const char *path, int output)
{
	char *by_option[] = { (char *)loader, (char *)"--list", (char *)path, NULL };
	char *by_variable[] = { (char *)loader, (char *)path, NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int error;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(
		&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
	error = posix_spawn(&pid, loader, &actions, NULL,
		is_musl(loader) ? by_option : by_variable, list_environment());
	posix_spawn_file_actions_destroy(&actions);
	return error ? -1 : pid;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* All that comes from @fd until its end; NULL when it takes too long or is too much. */
static char *read_all(int fd)
{
	int64_t end = now_ms() + LIST_TIME_MS;
	char *text = memory_get(LIST_SIZE_MAX + 1);
	size_t size = 0;
	ssize_t len;

	for (;;) {
		struct pollfd poll_of = { .fd = fd, .events = POLLIN };
		int64_t left = end - now_ms();

		if (left <= 0 || size == LIST_SIZE_MAX)
			return NULL;
		if (poll(&poll_of, 1, (int)left) <= 0)
			continue;
		len = read(fd, text + size, LIST_SIZE_MAX - size);
		if (len <= 0)
			return len == 0 ? text : NULL;
		size += (size_t)len;
	}
}

/*
 * Wait for the loader, and leave no trace for a program that takes our place: where
 * SIGCHLD is blocked it would find one pending that is not of a child of its own.
 */
static bool collect(pid_t pid, bool was_pending)
{
	struct timespec no_time = { 0 };
	sigset_t blocked, child;
	int status = 0; /* stays so when SIGCHLD is ignored, and with it the status */

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, NULL, &blocked);
	if (!was_pending && sigismember(&blocked, SIGCHLD))
		sigtimedwait(&child, NULL, &no_time);
	return WIFEXITED(status);
}

static char *run_loader(const char *loader, const char *path)
{
	sigset_t pending;
	char *text;
	int pipe_of[2];
	pid_t pid;

	sigpending(&pending);
	if (pipe2(pipe_of, O_CLOEXEC) != 0)
		return NULL;
	pid = start_loader(loader, path, pipe_of[1]);
	close(pipe_of[1]);
	text = pid < 0 ? NULL : read_all(pipe_of[0]);
	close(pipe_of[0]);
	if (pid > 0 && !text)
		kill(pid, SIGKILL);
	if (pid > 0 && !collect(pid, sigismember(&pending, SIGCHLD)))
		return NULL;
	return text;
}

static void add(const char ***list, size_t *count, const char *name)
{
	for (size_t i = 0; i < *count; i++)
		if (!strcmp((*list)[i], name))
			return;
	*list = memory_grow(*list, *count, sizeof(**list));
	(*list)[(*count)++] = memory_copy(name);
}

/*
 * "\tNAME => PATH (0xADDRESS)", without the arrow for what is named by its path (and for
 * the vdso, which is no file); "\tNAME => not found"; and of musl "Error loading shared
 * library NAME: REASON".
 */
static void parse_line(char *line, struct libraries *ret)
{
	static const char musl_error[] = "Error loading shared library ";
	char *arrow = strstr(line, " => ");
	char *path = arrow ? arrow + 4 : line + strspn(line, "\t");
	char *address = NULL;

	for (char *at = path; (at = strstr(at, " (0x")); at++)
		address = at;
	if (!strncmp(line, musl_error, strlen(musl_error))) {
		line += strlen(musl_error);
		line[strcspn(line, ":")] = '\0';
		add(&ret->missing, &ret->missing_count, line);
	} else if (arrow && !strcmp(path, "not found")) {
		*arrow = '\0';
		add(&ret->missing, &ret->missing_count, line + strspn(line, "\t"));
	} else if (address && strchr(path, '/')) {
		*address = '\0';
		add(&ret->paths, &ret->count, path);
	}
}

const char *libraries_list(const struct object *object, struct libraries *ret)
{
	const char *loader = loader_of(object);
	char *path, *text;

	*ret = (struct libraries){ 0 };
	if (!object->dynamic.p_filesz || object_is_static(object))
		return NULL;
	if (!object_is_native(object))
		return "the program is for another machine";
	if (!is_known(loader))
		return "its loader is none of the system's";
	if (object_dynamic_value(object, DT_AUDIT) || object_dynamic_value(object, DT_DEPAUDIT))
		return "it names auditors (DT_AUDIT), whose code the loader would run";
	path = realpath(object->path, NULL);
	text = path ? run_loader(loader, path) : NULL;
	if (!text)
		return "its loader does not list them";
	for (char *rest = text, *line; (line = strtok_r(rest, "\n", &rest));)
		parse_line(line, ret);
	if (!ret->count && !ret->missing_count && object_needs(object, ""))
		return "its loader does not list them";
	return NULL;
}
