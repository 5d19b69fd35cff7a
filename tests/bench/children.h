/* SPDX-License-Identifier: MIT */
/*
 * children.h - processes that never outlive the benchmark, and where they run
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#define CHILDREN_MAX 128

/*
 * Forked, killed when the benchmark ends, however that comes about.
 * child_start() returns twice, as fork() does; the child must leave by _exit().
 */
void children_watch(void);
pid_t child_start(void);
/* Wait for its end, and forget it. Return: its status. */
int child_wait(pid_t pid);
/* As above for @ms at most. Return: has it ended? */
bool child_wait_ms(pid_t pid, unsigned ms, int *ret_status);
void children_kill(void);

/* The processors that may be used: the first two of those we were given. */
extern int processors[2];
extern unsigned processor_count;
void processors_find(void);
void processor_use(unsigned index); /* that one alone */
void processors_use_all(void);	    /* both of them */
