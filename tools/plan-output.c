/* SPDX-License-Identifier: MIT */
/*
 * plan-output.c - the file that the runtime reads
 *
 * It appears under its name only when it is whole, so that a program that starts at that
 * moment sees the old one or the new one; and nobody else may write to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"
#include "plan-output.h"
#include "say.h"

void output_put(struct plan_output *plan, const void *bytes, size_t size)
{
	if (plan->size + size > plan->room) {
		size_t room = 2 * (plan->size + size);
		uint8_t *larger = memory_get(room);

		if (plan->size)
			memcpy(larger, plan->bytes, plan->size);
		free(plan->bytes);
		plan->bytes = larger;
		plan->room = room;
	}
	memcpy(plan->bytes + plan->size, bytes, size);
	plan->size += size;
}

/* The strings' length so far is the number of the next one. */
uint32_t output_string(struct plan_output *strings, const char *text)
{
	uint32_t number = (uint32_t)strings->size;

	output_put(strings, text, strlen(text) + 1);
	return number;
}

struct plan_header output_begin(
	const struct bytes *bytes, uint32_t version, struct plan_output *strings)
{
	struct plan_header header = { .magic = PLAN_MAGIC,
		.version = version,
		.machine = bytes->object->header.e_machine,
		.id_size = bytes->id_size };

	memcpy(header.id, bytes->id, bytes->id_size);
	output_string(strings, "");
	header.name = output_string(strings, say_base_name(bytes->object->path));
	return header;
}

static bool write_all(int fd, const struct plan_output *plan)
{
	size_t done = 0;

	while (done < plan->size) {
		ssize_t len = write(fd, plan->bytes + done, plan->size - done);

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			return false;
		done += (size_t)len;
	}
	return true;
}

/* What is no regular file, as /dev/stdout, cannot be replaced: it is written to. */
static const char *write_into(const char *path, const struct plan_output *plan)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	const char *why = NULL;

	if (fd < 0 || !write_all(fd, plan))
		why = strerror(errno);
	if (fd >= 0)
		close(fd);
	return why;
}

static const char *replace(const char *path, const struct plan_output *plan)
{
	char *temporary = memory_format("%s.XXXXXX", path);
	int fd = mkostemp(temporary, O_CLOEXEC);
	const char *why = NULL;

	if (fd < 0)
		return strerror(errno);
	if (!write_all(fd, plan) || fchmod(fd, S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH) != 0 ||
		close(fd) != 0 || rename(temporary, path) != 0) {
		why = strerror(errno);
		unlink(temporary);
	}
	return why;
}

/* The header knows sizes and the sum only when all is there. */
static void seal(struct plan_output *plan, const struct plan_output *strings)
{
	struct plan_header header;

	output_put(plan, strings->bytes, strings->size);
	memcpy(&header, plan->bytes, sizeof(header));
	header.strings = (uint32_t)strings->size;
	header.size = plan->size;
	memcpy(plan->bytes, &header, sizeof(header));
	header.sum = plan_sum((const struct plan_header *)plan->bytes, plan->size);
	memcpy(plan->bytes, &header, sizeof(header));
}

const char *output_write(
	struct plan_output *plan, const struct plan_output *strings, const char *path)
{
	struct stat stat_of;

	seal(plan, strings);
	if (lstat(path, &stat_of) == 0 && !S_ISREG(stat_of.st_mode))
		return write_into(path, plan);
	return replace(path, plan);
}
