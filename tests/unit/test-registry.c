/* SPDX-License-Identifier: MIT */
/*
 * Description: a slot is one thread's until it has ended and no lock names it
 */
#include <pthread.h>
#include <signal.h>

#include "kernel.h"
#include "registry.h"
#include "unit.h"

static uint32_t claim_in_child(void (*then)(uint32_t number))
{
	uint32_t number = 0;
	int ends[2];
	pid_t pid;

	if (pipe(ends) != 0)
		return 0;
	pid = fork();
	if (pid == 0) {
		number = registry_claim();
		if (write(ends[1], &number, sizeof(number)) == sizeof(number) && then)
			then(number);
		raise(SIGKILL);
	}
	close(ends[1]);
	if (read(ends[0], &number, sizeof(number)) != sizeof(number))
		number = 0;
	close(ends[0]);
	unit_wait(pid);
	return number;
}

static int play_claim(void)
{
	uint32_t mine, child;

	must(registry_create() && registry_create());
	must(registry->magic == REGISTRY_MAGIC && registry->version == REGISTRY_VERSION);
	mine = registry_claim();
	must(mine >= SLOT_FIRST && mine < SLOT_ANONYMOUS && !registry_is_dead(mine));
	child = claim_in_child(NULL);
	must(child != mine && child >= SLOT_FIRST && registry_is_dead(child));
	must(!registry_is_dead(mine));
	return CHILD_GOOD;
}

static int play_again(void)
{
	uint32_t first, second;

	must(registry_create());
	first = claim_in_child(NULL);
	second = claim_in_child(NULL);
	must(first && first == second); /* the table stays dense */
	must(registry->slots[first].holder.incarnation == 1);
	return CHILD_GOOD;
}

/* Died with a lock in its hands, or about to take one. */
static fondue_spinlock_t lock;

static void hold_one(uint32_t number)
{
	registry->slots[number].holder.lock = (uintptr_t)&lock;
}

static void hold_more(uint32_t number)
{
	registry->slots[number].holder.more = 2;
}

static int play_named(void)
{
	uint32_t one, more;

	must(registry_create());
	one = claim_in_child(hold_one);
	more = claim_in_child(hold_more);
	must(one && more && one != more);
	for (unsigned i = 0; i < 20; i++) {
		uint32_t other = claim_in_child(NULL);

		must(other != one && other != more);
	}
	registry_inherited(one, &lock);
	registry_inherited(more, &lock);
	must(claim_in_child(NULL) != more); /* one of its two is still to be taken over */
	registry_inherited(more, &lock);
	for (unsigned i = 0; i < 20; i++) {
		uint32_t other = claim_in_child(NULL);

		if (other == one)
			one = 0;
		if (other == more)
			more = 0;
	}
	must(!one && !more);
	return CHILD_GOOD;
}

static void *claim(void *arg)
{
	*(uint32_t *)arg = registry_claim();
	return NULL;
}

/* Threads end without a word. */
static int play_threads(void)
{
	uint32_t numbers[8];
	pthread_t threads[8];

	must(registry_create());
	for (unsigned i = 0; i < 8; i++) {
		must(pthread_create(&threads[i], NULL, claim, &numbers[i]) == 0);
		must(pthread_join(threads[i], NULL) == 0);
		must(registry_is_dead(numbers[i]));
	}
	must(numbers[0] == numbers[7]);
	return CHILD_GOOD;
}

static int play_full(void)
{
	uint32_t last;

	must(registry_create());
	last = claim_in_child(NULL);
	atomic_store(&registry->used, SLOT_ANONYMOUS);
	must(registry_claim() == last); /* found, however long it takes */
	must(claim_in_child(NULL) == SLOT_ANONYMOUS);
	return CHILD_GOOD;
}

static int play_no_memory(void)
{
	kernel_refuse(SYS_mmap, ENOMEM);
	must(!registry_create() && !registry);
	return CHILD_GOOD;
}

int main(void)
{
	if (is_emulated()) {
		skip("slots", "the emulator has no robust futexes");
		return tap_done();
	}
	test_play("every thread has its own, and the kernel tells when it is dead", play_claim);
	test_play("the slot of a dead thread is used again", play_again);
	test_play("but not while a lock names it", play_named);
	test_play("threads that end leave theirs", play_threads);
	test_play("when all are taken, a thread is anonymous", play_full);
	test_play("without memory there is no registry", play_no_memory);
	return tap_done();
}
