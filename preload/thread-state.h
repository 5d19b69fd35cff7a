/* SPDX-License-Identifier: MIT */
/*
 * thread-state.h - what another thread is doing, in words
 */
#pragma once

#include "base.h"

struct thread_state {
	char comm[32];	/* its name; "" when nothing could be read */
	char doing[64]; /* "running", "sleeping in fsync", "stopped", ... */
	bool is_there;	/* /proc knows of it */
};

/* Look at thread @tid of process @pid, as this process numbers them. Opens, reads, closes. */
void thread_look(pid_t pid, pid_t tid, struct thread_state *ret_state);

/*
 * thread_process_lives() - is process @pid the one that had this number at @since?
 *
 * @since: ns, CLOCK_BOOTTIME. Return: false also for one that is about to end.
 */
bool thread_process_lives(pid_t pid, uint64_t since);

/* Has the program of process @pid its name and its arguments? */
bool thread_is_loaded(pid_t pid);

/* Is what /proc calls this process the number that it has? */
bool thread_proc_is_ours(void);

/* Is the calling thread the only one of its process? */
bool thread_is_alone(void);

/* Inode of the pid namespace of this process, 0 when it cannot be had. */
uint64_t thread_namespace(void);
