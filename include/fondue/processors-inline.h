/* SPDX-License-Identifier: MIT */
/*
 * fondue/processors-inline.h - how many processes can run at once: part of <fondue/process.h>
 *
 * A container is mostly given a share of time, not processors of its own: so it is not enough
 * to count those in the affinity mask. The quota is that of the program's control group, or of
 * one that this is in; version 2, where there is one hierarchy, under /sys/fs/cgroup.
 */
#ifndef FONDUE_PROCESSORS_INLINE_H
#define FONDUE_PROCESSORS_INLINE_H

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#ifdef __cplusplus
extern "C" {
#endif

/* libc's, which is declared in some language modes only. */
extern long fondue_processors_syscall_(long, ...) __asm__("syscall");

/* The quota of one group, in processors; @fallback where there is none. */
static __inline__ unsigned fondue_quota_of_(const char *group, unsigned fallback)
{
	char path[600];
	unsigned long quota = 0, period = 0;
	FILE *file;

	if (strlen(group) > sizeof(path) - 32)
		return fallback;
	(void)strcat(strcat(strcpy(path, "/sys/fs/cgroup"), group), "/cpu.max");
	file = fopen(path, "re");
	if (!file)
		return fallback;
	if (fscanf(file, "%lu %lu", &quota, &period) != 2 || !quota || !period)
		quota = 0; /* "max" */
	(void)fclose(file);
	quota = quota ? (quota - 1) / period + 1 : fallback;
	return quota < fallback ? (unsigned)quota : fallback;
}

/* The least of its group's and of the groups that is in. */
static __inline__ unsigned fondue_quota_(unsigned processors)
{
	char line[512], *end;
	FILE *file = fopen("/proc/self/cgroup", "re");

	line[0] = '\0';
	while (file && fgets(line, (int)sizeof(line), file) && strncmp(line, "0::/", 4))
		line[0] = '\0'; /* a line of version 1 */
	if (file)
		(void)fclose(file);
	if (!line[0] || strncmp(line, "0::/", 4))
		return processors;
	line[strcspn(line, "\n")] = '\0';
	while ((end = strrchr(line, '/'))) {
		processors = fondue_quota_of_(line + 3, processors);
		*end = '\0';
	}
	return fondue_quota_of_("", processors);
}

static __inline__ unsigned fondue_processors(void)
{
	unsigned long mask[128]; /* 8192 processors */
	unsigned processors = 0;
	int saved = errno;
	long bytes, i;

	memset(mask, 0, sizeof(mask));
	bytes = fondue_processors_syscall_(SYS_sched_getaffinity, 0, sizeof(mask), mask);
	for (i = 0; i < bytes / (long)sizeof(mask[0]); i++)
		processors += (unsigned)__builtin_popcountl(mask[i]);
	processors = fondue_quota_(processors ? processors : 1);
	errno = saved;
	return processors;
}

#ifdef __cplusplus
}
#endif

#endif
