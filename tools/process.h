/* SPDX-License-Identifier: MIT */
/*
 * process.h - another process: is it there, may it be read, and its memory
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
	pid_t pid;
	pid_t tid; /* of a thread of it that lives, by which it is read */
};

/* Is @text a process id: digits, above 0, and no more than the kernel gives? */
bool process_number(const char *text, pid_t *ret_pid);

/*
 * process_find() - the process of id @pid, if it is one that lives
 *
 * Return: NULL; else why it cannot be looked at, and what to do. To be freed.
 */
char *process_find(struct process *process, pid_t pid);

bool process_has_ended(pid_t pid);

/* Why the kernel has refused to let it be read, with @error. To be freed. */
char *process_refusal(const struct process *process, int error);

/* Read its memory. Return: 0, or an errno value; then @to may be written in part. */
int process_read(const struct process *process, uint64_t from, void *to, size_t size);

/*
 * process_field() - a line of /proc/TID/status, such as "NSpid"
 *
 * Return: does it exist? @value is what stands behind the colon and the blanks.
 */
bool process_field(pid_t tid, const char *name, char *value, size_t size);
