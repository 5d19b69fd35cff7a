/* SPDX-License-Identifier: MIT */
/*
 * deliver.h - where reports go
 */
#pragma once

#include "report.h"

/* Room to put a report into words: two full stacks of long names, and more. */
#define DELIVER_MAX (128 * 1024)

/*
 * deliver() - say it in the log, as FONDUE_REPORT_FORMAT wants it, and keep a record of it
 * @bytes, @size: room for the words, DELIVER_MAX
 */
void deliver(struct report *report, char *bytes, size_t size);
