/* SPDX-License-Identifier: MIT */
/*
 * Description: an owner ends, or becomes another program, between any two steps of a report
 *
 * Every call of the kernel that a report makes is a step; before each in turn the owner is
 * killed, or runs another program under its number. The report ends, and tells nothing of that
 * program as if it were the owner. Then a slot is filled with what no owner would write.
 */
#include <stdlib.h>

#include "config.h"
#include "identity.h"
#include "kernel.h"
#include "limit.h"
#include "park.h"
#include "log.h"
#include "registry.h"
#include "said.h"
#include "seen.h"
#include "spinlock.h"
#include "watch.h"

#define MS 1000000ULL

static fondue_spinlock_t *lock;

static struct owner {
	pid_t pid;
	int order; /* a byte: be another program */
} owner;

/* The deed before the @due-th call from now on. */
static unsigned step, due;
static void (*deed)(void);

static void see(const long *args)
{
	(void)args;
	if (++step == due)
		deed();
}

static void kill_owner(void)
{
	kill(owner.pid, SIGKILL);
	unit_wait(owner.pid);
}

/* Until /proc has the other name. */
static void have_it_exec(void)
{
	char path[64], name[32] = "";
	FILE *comm;

	snprintf(path, sizeof(path), "/proc/%d/comm", owner.pid);
	if (write(owner.order, "x", 1) != 1)
		return;
	for (unsigned i = 0; i < 100000 && strcmp(name, "sleep\n") != 0; i++) {
		comm = fopen(path, "r");
		if (!comm || !fgets(name, sizeof(name), comm))
			*name = '\0';
		if (comm)
			fclose(comm);
	}
}

static bool start_owner(void)
{
	int ready[2], order[2];
	char byte;

	if (pipe(ready) != 0 || pipe(order) != 0)
		tap_bail_out("no pipes");
	owner.pid = fork();
	if (owner.pid == 0) {
		if (spin_calls.lock(lock, NULL) || write(ready[1], "x", 1) != 1 ||
			read(order[0], &byte, 1) != 1)
			_exit(1);
		execlp("sleep", "sleep", "100", (char *)NULL);
		_exit(1);
	}
	close(ready[1]);
	close(order[0]);
	owner.order = order[1];
	if (read(ready[0], &byte, 1) != 1)
		owner.pid = 0;
	close(ready[0]);
	return owner.pid > 0;
}

static void end_owner(void)
{
	close(owner.order);
	kill(owner.pid, SIGKILL);
	(void)unit_wait(owner.pid);
	/* what it held is taken over, so that its slot is free again */
	(void)spin_calls.lock(lock, NULL);
	(void)spin_calls.unlock(lock);
}

/* We have been waiting for 150 ms, and report. */
static void report(void)
{
	uint64_t now = now_ns();
	struct identity *me = identity_get();
	struct slot *mine = &registry->slots[me->number];
	struct waiter w = { .lock = lock, .me = me, .seen = lock->word, .now = now,
		.seen_since = now - 150 * MS, .limit = 100 * MS };

	atomic_store(&mine->wants, (uintptr_t)lock);
	atomic_store(&mine->wants_since, w.seen_since);
	atomic_store(&mine->seen, w.seen);
	atomic_store(&mine->seen_since, w.seen_since);
	(void)wait_watch.held(&w);
	atomic_store(&mine->wants, 0);
}

static bool begin(void)
{
	said_start();
	log_start();
	config.hold_ms = 100;
	watch_start();
	lock = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!registry_create())
		return false;
	identity_start(); /* so that a child is not taken for us */
	return identity_get()->number != SLOT_ANONYMOUS;
}

static const long steps[] = { SYS_openat, SYS_read, SYS_process_vm_readv, SYS_readlinkat,
	SYS_newfstatat, SYS_mmap, SYS_pread64, SYS_close };

/* All said about a report. */
static const char *all_said(void)
{
	static char text[65536];
	size_t len = 0;

	for (const char *more; *(more = said()) && len + strlen(more) < sizeof(text);)
		len += snprintf(text + len, sizeof(text) - len, "%s", more);
	return text;
}

static bool speaks_of_another(const char *text)
{
	return strstr(text, "\"sleep\"") || strstr(text, "nanosleep") || strstr(text, "(sleep)") ||
	       strstr(text, "sleep+0x");
}

static int play_steps(void)
{
	unsigned last = 1, spoken = 0;

	for (due = 1; due <= last; due++) {
		const char *text;

		must(start_owner());
		kernel_reset();
		for (unsigned i = 0; i < sizeof(steps) / sizeof(*steps); i++)
			kernel_watch(steps[i], see);
		step = 0;
		report();
		kernel_reset();
		last = step > last ? step : last;
		text = all_said();
		must(strstr(text, "held 150 ms"));
		if (speaks_of_another(text) && spoken++ < 2)
			printf("#   before call %u of %u: %s\n", due, last, text);
		end_owner();
		(void)all_said();
	}
	tap_note("%u steps", last);
	must(last > 50 && spoken == 0);
	return CHILD_GOOD;
}

static int play_killed(void)
{
	deed = kill_owner;
	must(begin());
	return play_steps();
}

static int play_another_program(void)
{
	deed = have_it_exec;
	must(begin());
	return play_steps();
}

#define ROUNDS 400

/* What may be in a slot that somebody has written over: addresses of all kinds. */
static uintptr_t any_address(uint64_t *random, uintptr_t code, uintptr_t stack)
{
	uintptr_t page = page_size();

	switch (next_random(random) % 10) {
	case 0:
		return 0;
	case 1:
		return next_random(random) % 4096;
	case 2:
		return UINTPTR_MAX - next_random(random) % 4096;
	case 3:
		return 0xffff800000000000 + next_random(random) % 65536;
	case 4:
		return next_random(random);
	case 5:
		return next_random(random) & 0x7fffffffffff;
	case 6:
		return (code & -page) + next_random(random) % (4 * page);
	case 7:
		return (stack & -page) + page - next_random(random) % 24;
	case 8:
		return (stack & -page) + next_random(random) % (64 * page);
	default:
		return stack + next_random(random) % 4096;
	}
}

static int play_garbage(void)
{
	uint64_t random = 4711, longest = 0;

	must(begin() && start_owner());
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct slot *slot = &registry->slots[lock->word & 0xffff];
		struct slot *mine = &registry->slots[identity_get()->number];
		struct fondue_site *sites[] = { &slot->holder.site, &mine->wants_site,
			&slot->wants_site };
		uint64_t before;

		for (unsigned j = 0; j < 3; j++) {
			sites[j]->pc = any_address(&random, (uintptr_t)report, (uintptr_t)&random);
			sites[j]->sp = any_address(&random, (uintptr_t)report, (uintptr_t)&random);
			sites[j]->fp = any_address(&random, (uintptr_t)report, (uintptr_t)&random);
		}
		slot->holder.lock = i % 3 ? (uintptr_t)lock : any_address(&random, 0, 0);
		/* as if it waited itself, for anything */
		atomic_store(&slot->wants, i % 2 ? any_address(&random, 0, 0) : 0);
		atomic_store(&slot->seen, (uint32_t)next_random(&random));
		for (unsigned j = 0; j < NESTED_MAX; j++) {
			atomic_store(&slot->nested[j].lock,
				i % 3 ? any_address(&random, 0, 0) : (uintptr_t)lock);
			atomic_store(&slot->nested[j].pc,
				any_address(&random, (uintptr_t)report, 0));
		}
		memset((void *)registry->tolds, 0, sizeof(registry->tolds)); /* told of nothing */
		before = now_ns();
		report();
		if (now_ns() - before > longest)
			longest = now_ns() - before;
		must(strstr(all_said(), "held 150 ms"));
	}
	tap_note("the longest of %u reports took %lu us", ROUNDS, (unsigned long)longest / 1000);
	must(longest < 2000 * MS);
	must(next_descriptor() < 10);
	kill_owner();
	return CHILD_GOOD;
}

int main(void)
{
	if (is_emulated()) {
		skip("reports", "the emulator has no robust futexes");
		return tap_done();
	}
	test_play("the owner is killed before any step of a report", play_killed);
	test_play("... or becomes another program, which is not taken for it",
		play_another_program);
	test_play("garbage in the slots: each report ends, soon", play_garbage);
	return tap_done();
}
