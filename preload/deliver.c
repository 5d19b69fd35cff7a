/* SPDX-License-Identifier: MIT */
/*
 * deliver.c - to the log, and into a file of its own
 *
 * A text for people leaves in one write of at most a page, so that those of several processes
 * do not mix: stacks are shortened until it fits. For the rest there is the record, a file in
 * FONDUE_REPORT_DIR, which holds all that is known as JSON, whatever the log speaks. It is
 * written before the text, which tells its name; to a new file that only this user can read,
 * for addresses are nobody else's business.
 */
#include <fcntl.h>
#include <stdatomic.h>

#include "config.h"
#include "deliver.h"

/* Records of one process: a loop that holds a lock for long must not fill the disk. */
#define RECORDS_MAX 100

static bool write_record(const char *path, const struct log_text *text)
{
	long fd = sys_call(SYS_openat, AT_FDCWD, path,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
	long done;

	if (fd < 0)
		return false;
	done = log_write(fd, text->bytes, text->len);
	(void)sys_call(SYS_close, fd);
	if (done == (long)text->len)
		return true;
	/* half a record is none, and the name was nobody's before */
	(void)sys_call(SYS_unlinkat, AT_FDCWD, path, 0);
	return false;
}

/* Once: what is wrong with the directory will be wrong with the next record, too. */
static void complain(const char *path)
{
	static atomic_bool said;

	if (!atomic_exchange(&said, true))
		log_line("%s: a record of a report cannot be written; FONDUE_REPORT_DIR has to "
			 "name a directory that this process may write to",
			path);
}

/* With the time in its name: the number of a process comes again. */
static void keep(struct report *report, const struct log_text *text)
{
	static _Atomic unsigned records;

	if (atomic_fetch_add(&records, 1) >= RECORDS_MAX)
		return;
	log_format(report->record, sizeof(report->record), "%s/%d-%u-%lu.json",
		config.report_dir, (int)sys_call(SYS_getpid), report->sequence,
		(unsigned long)(report->wall_ns / 1000000000));
	if (write_record(report->record, text))
		return;
	complain(report->record);
	report->record[0] = '\0';
}

typedef bool put(const struct report *report, unsigned frames, struct log_text *text);

/* With as many frames as there is room for. Return: false: there is none even without. */
static bool put_frames(put *words, const struct report *report, struct log_text *text)
{
	unsigned frames = BACKTRACE_MAX;

	for (; text->len = 0, !words(report, frames, text) && frames; frames /= 2)
		;
	return text->len < text->max;
}

/* Half an object is none: with as many threads as there is room for, and how many are not told. */
static void put_object(struct report *report, struct log_text *text)
{
	report->left_out = 0;
	while (!put_frames(report_json, report, text) && report->left_out < report->count)
		report->left_out += (report->count - report->left_out + 1) / 2;
}

/* The last line is whole, and says that it is not the last. */
static void put_lines(const struct report *report, struct log_text *text)
{
	if (put_frames(report_text, report, text))
		return;
	while (text->len > text->max - 8 || (text->len && text->bytes[text->len - 1] != '\n'))
		text->len--;
	log_add(text, "  ...");
	log_end_line(text);
}

void deliver(struct report *report, char *bytes, size_t size)
{
	struct log_text text = { .bytes = bytes, .max = size };

	if (config.report_dir) {
		put_object(report, &text);
		keep(report, &text);
	}
	if (config.report_format == REPORT_FORMAT_JSON) {
		put_object(report, &text);
	} else {
		text.max = LOG_TEXT_MAX;
		put_lines(report, &text);
	}
	log_say(&text);
}
