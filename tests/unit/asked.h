/* SPDX-License-Identifier: MIT */
/*
 * asked.h - threads that hold a lock, or say so, and are to be asked where they are
 *
 * An owner is a child of the test with a slot in the registry that the test has made. What it
 * has done is seen on a board in shared memory; nothing here sleeps to synchronise.
 */
#pragma once

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <time.h>

#include "../integration/filter.h"
#include "answer.h"
#include "ask.h"
#include "config.h"
#include "disposition.h"
#include "identity.h"
#include "kernel.h"
#include "question.h"
#include "registry.h"
#include "sleepers.h"

struct board {
	atomic_int ready, go, result;
	atomic_uint number; /* of the owner's slot */
	atomic_int tid;
};

static struct board *board;

/* Wait until it holds, 20 s at most: the machine may be busy. */
#define eventually(...)                                                                  \
	__extension__({                                                                  \
		time_t end_ = time(NULL) + 20;                                           \
		bool good_;                                                              \
		while (!(good_ = (__VA_ARGS__)) && time(NULL) < end_)                    \
			sched_yield();                                                   \
		good_;                                                                   \
	})

/* Behind each call: so that it is one, and not a jump. */
#define NO_TAIL __asm__ volatile("" ::: "memory")
#define OUTLINE __attribute__((noinline))

/* A registry and a board. */
static inline bool owners_start(void)
{
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		-1, 0);
	config.signal = CONFIG_SIGNAL_URG;
	answer_start();
	identity_start();
	return board != MAP_FAILED && registry_create();
}

/* What an owner does while it is asked. */
OUTLINE void spin(void);
OUTLINE void spin(void)
{
	atomic_store(&board->ready, 1);
	while (!atomic_load(&board->go))
		NO_TAIL;
}

static inline void become_owner(void)
{
	identity_get();
	atomic_store(&board->tid, syscall(SYS_gettid));
	atomic_store(&board->number, identity_mine()->number);
}

/* No more than an owner. */
static inline void owner_simple(void)
{
	become_owner();
	spin();
}

/* In a sandbox that answers with @error to who wants to copy memory. */
static inline void owner_in_sandbox(int error, void (*own)(void))
{
	struct rule rules[] = { { SYS_process_vm_readv, error, 0, 0, 0 }, { 0 } };

	become_owner();
	if (!filter_install(rules))
		_exit(50);
	own();
}

/* "Here I take a lock", and what follows. */
static fondue_spinlock_t owners_lock;

OUTLINE void as_owner(void (*work)(void));
OUTLINE void as_owner(void (*work)(void))
{
	struct fondue_site site = { 0 };

	become_owner();
#if defined(__x86_64__)
	__asm__ volatile("leaq 0(%%rip), %0\n\tmovq %%rsp, %1\n\tmovq %%rbp, %2"
			 : "=r"(site.pc), "=r"(site.sp), "=r"(site.fp));
#endif
	identity_note_site(identity_mine(), &site);
	identity_hold(identity_mine(), &owners_lock);
	work();
	NO_TAIL;
	identity_do(identity_mine(), FONDUE_DOING_NOTHING);
}

/* A child that plays @owner; back when it is ready. Return: -1 when it never was. */
static inline pid_t owner_start(void (*owner)(void))
{
	pid_t pid, parent = getpid();

	atomic_store(&board->ready, 0);
	atomic_store(&board->go, 0);
	atomic_store(&board->result, 0);
	identity_get(); /* who asks has one, too */
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		owner();
		_exit(CHILD_GOOD);
	}
	return eventually(atomic_load(&board->ready) > 0) ? pid : -1;
}

/* It lives, and finishes its work. */
static inline bool owner_ends(pid_t pid)
{
	int status;

	atomic_store(&board->go, 1);
	status = unit_wait(pid);
	if (status != CHILD_GOOD)
		tap_note("  the owner ended with %d (1000 and more: a signal)", status);
	return status == CHILD_GOOD;
}

static inline bool owner_is_killed(pid_t pid)
{
	return kill(pid, SIGKILL) == 0 && unit_wait(pid) == 1000 + SIGKILL;
}

static inline char state_of(pid_t pid, pid_t tid)
{
	struct disposition d;

	return disposition_read(pid, tid, &d) == 0 ? d.state : 0;
}

/* Is SIGURG waiting for it? */
static inline bool is_pending(pid_t pid)
{
	unsigned long long set = 0;
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file) && sscanf(line, "SigPnd: %llx", &set) != 1)
		;
	if (file)
		fclose(file);
	return set >> (SIGURG - 1) & 1;
}

/* Ask the owner on the board; again if it did not get a processor, or is still in the handler. */
static inline int owner_ask(struct snapshot *snapshot, struct question **question)
{
	int error = -ETIMEDOUT;

	for (unsigned i = 0; i < 200 && (error == -ETIMEDOUT || error == -EACCES); i++)
		error = ask_snapshot(atomic_load(&board->number), ASK_MAX_MS, snapshot, question);
	return error;
}
