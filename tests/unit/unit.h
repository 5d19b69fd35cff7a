/* SPDX-License-Identifier: MIT */
/*
 * unit.h - what the unit tests share: children that may do anything, and pages
 *
 * The rooms of preload/ keep state for the life of a process, and much of what is tested
 * changes the process for good. So a scenario is a function that runs in a child of its
 * own: `must(...)` states what has to hold, `return CHILD_GOOD;` ends it. The parent counts
 * one claim, and a failure has named its line on standard output.
 */
#pragma once

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../tap.h"

/* Status of a child that got to its end; 0 is what an accident would yield. */
#define CHILD_GOOD 7
/* A child that hangs is ended by SIGALRM; the machine may be busy. */
#define CHILD_SECONDS 60

/* In a scenario: go no further unless this holds. */
#define must(...)                                                                        \
	do {                                                                             \
		if (!(__VA_ARGS__))                                                      \
			return unit_broken(__FILE__, __LINE__, #__VA_ARGS__);            \
	} while (0)

static inline int unit_broken(const char *file, int line, const char *text)
{
	char remark[512];
	int len = snprintf(remark, sizeof(remark), "#   %s:%d: %s\n", file, line, text);

	if (len >= (int)sizeof(remark))
		len = sizeof(remark) - 1;
	/* not through stdio: the scenario may have been left anywhere */
	return write(STDOUT_FILENO, remark, len) == len ? 1 : 2;
}

/* Wait for @pid, -1 being any child. Return: its exit status, or 1000 and the signal that ended it. */
static inline int unit_wait(pid_t pid)
{
	int status;

	if (pid == 0 || pid < -1 || waitpid(pid, &status, 0) <= 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* Present in a build under a sanitizer. */
void __sanitizer_set_report_fd(void *fd) __attribute__((weak));

static inline bool unit_plays(int (*play)(void))
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		tap_bail_out("no child");
	if (pid == 0) {
		alarm(CHILD_SECONDS);
		/* standard error may be a pipe that only this child reads */
		if (__sanitizer_set_report_fd)
			__sanitizer_set_report_fd((void *)STDOUT_FILENO);
		_exit(play());
	}
	status = unit_wait(pid);
	if (status != CHILD_GOOD && status != 1)
		tap_note("  the child ended with %d (1000 and more: a signal)", status);
	return status == CHILD_GOOD;
}

/* The claim @name holds if @play, in a child of its own, gets to its end. */
#define test_play(name, play) test(name, unit_plays(play))

/* A claim that cannot be checked here, and why. */
static inline void skip(const char *name, const char *why)
{
	printf("ok %u - %s # SKIP %s\n", ++tap_count, name, why);
	fflush(stdout);
}

/*
 * Does a user-mode emulator run us? It has threads of its own, which are seen as ours; and
 * what it shows of memory is partly its own, too. Asked before we start any thread.
 */
static inline bool is_emulated(void)
{
	struct stat tasks;

	/* a directory's links: itself, its name, and one for each thread */
	return stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink > 3;
}

/* A claim about what the kernel itself shows or limits. */
static inline void test_play_natively(const char *name, int (*play)(void))
{
	if (is_emulated())
		skip(name, "an emulator stands between us and the kernel");
	else
		test_play(name, play);
}

static inline size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

/* Zeroed private pages; NULL never comes back. */
static inline uint8_t *make_pages(size_t count)
{
	void *pages = mmap(NULL, count * page_size(), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		tap_bail_out("no memory");
	return pages;
}

/*
 * Room for @size bytes, behind which any access is a crash. What is read too far is found
 * by the processor, in every build.
 */
static inline uint8_t *make_guarded(size_t size)
{
	size_t count = size / page_size() + 1;
	uint8_t *pages = make_pages(count + 1);

	if (mprotect(pages + count * page_size(), page_size(), PROT_NONE) != 0)
		tap_bail_out("no guard page");
	return pages + count * page_size() - size;
}

/* The descriptor that would be given out next: the same before and after, if none leaks. */
static inline int next_descriptor(void)
{
	int fd = dup(STDOUT_FILENO);

	close(fd);
	return fd;
}

/* The same numbers in every run and on every machine (xorshift64*). */
static inline uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}
