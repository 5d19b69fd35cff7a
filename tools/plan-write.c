/* SPDX-License-Identifier: MIT */
/*
 * plan-write.c - the file that the runtime reads
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
#include "plan-result.h"
#include "say.h"

struct image_of_plan {
	uint8_t *bytes;
	size_t size;
	size_t room;
};

static void put(struct image_of_plan *image, const void *bytes, size_t size)
{
	if (image->size + size > image->room) {
		size_t room = 2 * (image->size + size);
		uint8_t *larger = memory_get(room);

		if (image->size)
			memcpy(larger, image->bytes, image->size);
		free(image->bytes);
		image->bytes = larger;
		image->room = room;
	}
	memcpy(image->bytes + image->size, bytes, size);
	image->size += size;
}

/* The strings' length so far is the number of the next one. */
static uint32_t put_string(struct image_of_plan *strings, const char *text)
{
	uint32_t number = (uint32_t)strings->size;

	put(strings, text, strlen(text) + 1);
	return number;
}

static void put_variables(
	const struct result *result, struct image_of_plan *image, struct image_of_plan *strings)
{
	for (size_t i = 0; i < result->variable_count; i++) {
		const struct datum *datum = result->variables[i];
		struct plan_variable variable = { .address = datum->at.start,
			.size = datum->at.end - datum->at.start,
			.name = put_string(strings, datum_name(datum)),
			.is_exported = datum->is_exported };

		put(image, &variable, sizeof(variable));
	}
}

static void put_places(const struct result *result, struct image_of_plan *image)
{
	for (size_t i = 0; i < result->reference_count; i++) {
		const struct reference *from = &result->references[i];
		struct plan_reference reference = { .at = from->field,
			.displacement = from->displacement,
			.variable = result_number(result, from->owner) };

		put(image, &reference, sizeof(reference));
	}
	for (size_t i = 0; i < result->pointer_count; i++) {
		const struct reference *from = &result->pointers[i];
		struct plan_pointer pointer = { .at = from->field,
			.value = from->address,
			.variable = result_number(result, from->owner) };

		put(image, &pointer, sizeof(pointer));
	}
}

static struct image_of_plan make(const struct result *result)
{
	const struct bytes *bytes = result->places->bytes;
	struct image_of_plan image = { 0 }, strings = { 0 };
	struct plan_header header = { .magic = PLAN_MAGIC,
		.version = PLAN_VERSION,
		.machine = bytes->object->header.e_machine,
		.variables = (uint32_t)result->variable_count,
		.references = (uint32_t)result->reference_count,
		.pointers = (uint32_t)result->pointer_count,
		.id_size = bytes->id_size };

	memcpy(header.id, bytes->id, bytes->id_size);
	put_string(&strings, "");
	header.name = put_string(&strings, say_base_name(bytes->object->path));
	put(&image, &header, sizeof(header));
	put_variables(result, &image, &strings);
	put_places(result, &image);
	put(&image, strings.bytes, strings.size);
	header.strings = (uint32_t)strings.size;
	header.size = image.size;
	memcpy(image.bytes, &header, sizeof(header));
	header.sum = plan_sum((const struct plan_header *)image.bytes, image.size);
	memcpy(image.bytes, &header, sizeof(header));
	free(strings.bytes);
	return image;
}

static bool write_all(int fd, const struct image_of_plan *image)
{
	size_t done = 0;

	while (done < image->size) {
		ssize_t len = write(fd, image->bytes + done, image->size - done);

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			return false;
		done += (size_t)len;
	}
	return true;
}

/* What is no regular file, as /dev/stdout, cannot be replaced: it is written to. */
static const char *write_into(const char *path, const struct image_of_plan *image)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	const char *why = NULL;

	if (fd < 0 || !write_all(fd, image))
		why = strerror(errno);
	if (fd >= 0)
		close(fd);
	return why;
}

static const char *replace(const char *path, const struct image_of_plan *image)
{
	char *temporary = memory_format("%s.XXXXXX", path);
	int fd = mkostemp(temporary, O_CLOEXEC);
	const char *why = NULL;

	if (fd < 0)
		return strerror(errno);
	if (!write_all(fd, image) || fchmod(fd, S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH) != 0 ||
		close(fd) != 0 || rename(temporary, path) != 0) {
		why = strerror(errno);
		unlink(temporary);
	}
	return why;
}

const char *result_write(const struct result *result, const char *path)
{
	struct image_of_plan image = make(result);
	struct stat stat_of;
	const char *why;

	if (lstat(path, &stat_of) == 0 && !S_ISREG(stat_of.st_mode))
		why = write_into(path, &image);
	else
		why = replace(path, &image);
	free(image.bytes);
	return why;
}
