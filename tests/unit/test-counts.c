/* SPDX-License-Identifier: MIT */
/*
 * Description: how often a lock was acquired, by key, and no more than there is room for
 */
#include <pthread.h>

#include "counts.h"
#include "instance.h"
#include "unit.h"

static struct count counts[COUNTS];

static uint64_t key(unsigned i)
{
	return instance_shared(1, 2, i * 8);
}

/* Return: acquisitions, or -1 when it is not in there, or twice. */
static long find(unsigned i, long *ret_contended)
{
	long found = -1, times = 0;

	for (unsigned at = 0; at < COUNTS; at++)
		if (counts[at].key == key(i)) {
			found = counts[at].acquisitions;
			*ret_contended = counts[at].contended;
			times++;
		}
	return times > 1 ? -1 : found;
}

static int play_counts(void)
{
	long contended;

	for (unsigned i = 0; i < 10; i++)
		counts_add(counts, key(1), i < 3);
	counts_add(counts, key(2), true);
	must(find(1, &contended) == 10 && contended == 3);
	must(find(2, &contended) == 1 && contended == 1);
	must(find(3, &contended) == -1);
	return CHILD_GOOD;
}

static int play_full(void)
{
	long contended, all = 0, there = 0;

	for (unsigned i = 0; i < 2 * COUNTS; i++)
		counts_add(counts, key(i), false);
	for (unsigned i = 0; i < 2 * COUNTS; i++)
		there += find(i, &contended) == 1;
	for (unsigned at = 0; at < COUNTS; at++)
		all += counts[at].acquisitions;
	must(there > COUNTS * 9 / 10 && there == all && there <= COUNTS);
	counts_add(counts, key(0), false);
	must(find(0, &contended) == 2);
	return CHILD_GOOD;
}

static void *add_all(void *unused)
{
	for (unsigned turn = 0; turn < 1000; turn++)
		for (unsigned i = 0; i < 20; i++)
			counts_add(counts, key(i), true);
	return unused;
}

static int play_at_once(void)
{
	pthread_t threads[4];
	long contended;

	for (unsigned i = 0; i < 4; i++)
		must(pthread_create(&threads[i], NULL, add_all, NULL) == 0);
	for (unsigned i = 0; i < 4; i++)
		must(pthread_join(threads[i], NULL) == 0);
	for (unsigned i = 0; i < 20; i++)
		must(find(i, &contended) == 4000 && contended == 4000);
	return CHILD_GOOD;
}

int main(void)
{
	test("a key is never 0, and different for each lock",
		key(1) && key(1) != key(2) && key(1) != instance_shared(1, 3, 8) &&
			key(1) != instance_shared(2, 2, 8));
	test_play("each lock is counted for itself", play_counts);
	test_play("beyond the room for them locks are not counted", play_full);
	test_play("four threads lose nothing", play_at_once);
	return tap_done();
}
