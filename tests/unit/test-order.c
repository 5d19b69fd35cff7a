/* SPDX-License-Identifier: MIT */
/*
 * Description: the graph of which lock is taken under which: circles, room, and forgetting
 */
#include <pthread.h>

#include "order.h"
#include "unit.h"

static struct order *order;
static struct order_search search;

static void make(void)
{
	order = mmap(NULL, sizeof(*order), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (order == MAP_FAILED)
		tap_bail_out("no memory");
}

/* The number of the lock with this key. */
static unsigned lock(uint64_t key)
{
	return order_number(order, key, key * 8);
}

static bool add(uint64_t a, uint64_t b)
{
	struct order_place place = { .held_pc = a, .taken_pc = b, .pid = a * 1000 + b };

	return order_add(order, lock(a), lock(b), &place);
}

/* Edges of the way from @a to @b; 0: there is none. */
static unsigned way(uint64_t a, uint64_t b, struct order_way *ret)
{
	return order_find(order, lock(a), lock(b), &search, ret) ? ret->count : 0;
}

static int play_numbers(void)
{
	make();
	must(lock(1) && lock(2) && lock(1) != lock(2));
	must(lock(1) == lock(1) && order_known(order, 1) == lock(1));
	must(!order_known(order, 3));
	must(order_address(order, lock(2)) == 16);
	return CHILD_GOOD;
}

static int play_ways(void)
{
	struct order_way found;

	make();
	must(add(1, 2) && add(2, 3) && add(3, 4));
	must(way(1, 2, &found) == 1 && found.locks[0] == lock(1) && found.locks[1] == lock(2));
	must(way(1, 4, &found) == 3 && found.locks[1] == lock(2) && found.locks[2] == lock(3));
	must(!way(4, 1, &found) && !way(1, 1, &found) && !way(1, 5, &found));
	must(add(1, 4) && way(1, 4, &found) == 1); /* the shortest */
	must(add(4, 1) && way(1, 1, &found) == 2 && found.locks[1] == lock(4));
	return CHILD_GOOD;
}

static int play_long_way(void)
{
	struct order_way found;

	make();
	for (unsigned i = 1; i < 1000; i++)
		must(add(i, i + 1));
	must(way(1, 1000, &found) == 999);
	must(found.locks[0] == lock(1) && found.locks[ORDER_STEPS - 1] == lock(ORDER_STEPS));
	must(found.locks[ORDER_STEPS] == lock(1000));
	must(!way(1000, 1, &found));
	return CHILD_GOOD;
}

/* Against the transitive closure of the same edges, made in the plainest way. */
static int play_random(void)
{
	enum { N = 24 };
	uint64_t state = 88172645463325252ULL;

	for (unsigned turn = 0; turn < 60; turn++) {
		bool reach[N + 1][N + 1] = { { false } };
		struct order_way found;

		make();
		for (unsigned i = 0; i < 5 + turn; i++) {
			unsigned a = next_random(&state) % N + 1, b = next_random(&state) % N + 1;

			must(add(a, b));
			reach[a][b] = true;
		}
		for (unsigned k = 1; k <= N; k++)
			for (unsigned i = 1; i <= N; i++)
				for (unsigned j = 1; j <= N; j++)
					reach[i][j] |= reach[i][k] && reach[k][j];
		for (unsigned i = 1; i <= N; i++)
			for (unsigned j = 1; j <= N; j++)
				must((way(i, j, &found) > 0) == reach[i][j]);
		munmap(order, sizeof(*order));
	}
	return CHILD_GOOD;
}

static int play_places(void)
{
	struct order_place other = { .held_pc = 77 };

	make();
	must(!order_where(order, lock(1), lock(2)));
	must(add(1, 2) && add(2, 1));
	must(order_add(order, lock(1), lock(2), &other)); /* not the first */
	must(order_where(order, lock(1), lock(2))->pid == 1002);
	must(order_where(order, lock(2), lock(1))->held_pc == 2);
	return CHILD_GOOD;
}

static int play_telling(void)
{
	make();
	must(order_may_tell(order, lock(1), lock(2)));
	must(!order_may_tell(order, lock(2), lock(1)));
	must(!order_may_tell(order, lock(1), lock(2)));
	must(order_may_tell(order, lock(1), lock(3)));
	return CHILD_GOOD;
}

static int play_free(void)
{
	struct order_way found;

	make();
	must(add(1, 2) && !order_is_settled(order, lock(1), lock(2)));
	order_free(order, lock(1), lock(2));
	must(order_is_settled(order, lock(1), lock(2)));
	must(order_is_settled(order, lock(2), lock(1)));
	must(!way(1, 2, &found));
	return CHILD_GOOD;
}

static int play_forget(void)
{
	struct order_way found;

	make();
	must(add(1, 2) && add(2, 3) && add(1, 3));
	order_settle(order, lock(1), lock(2));
	order_settle(order, lock(2), lock(3));
	order_settle(order, lock(1), lock(3));
	must(order_may_tell(order, lock(1), lock(2)));
	order_forget(order, lock(2));
	must(!way(1, 2, &found) && !way(2, 3, &found) && way(1, 3, &found) == 1);
	must(!order_is_settled(order, lock(1), lock(2)));
	must(!order_is_settled(order, lock(2), lock(3)));
	must(order_is_settled(order, lock(1), lock(3)));
	must(order_where(order, lock(1), lock(3)) && !order_where(order, lock(1), lock(2)));
	must(order_may_tell(order, lock(1), lock(2)));
	/* and anew, at another place */
	must(order_add(order, lock(1), lock(2), &(struct order_place){ .pid = 5 }));
	must(order_where(order, lock(1), lock(2))->pid == 5 && way(1, 2, &found) == 1);
	return CHILD_GOOD;
}

static int play_no_number(void)
{
	unsigned got = 0, refused = 0;

	make();
	for (uint64_t i = 1; i <= 2 * ORDER_LOCKS; i++)
		*(lock(i * 0x9e3779b97f4a7c15ULL) ? &got : &refused) += 1;
	must(got <= ORDER_LOCKS && got > ORDER_LOCKS * 9 / 10 && refused);
	must(order_known(order, 0x9e3779b97f4a7c15ULL));
	return CHILD_GOOD;
}

static int play_no_place(void)
{
	unsigned got = 0;

	make();
	for (unsigned a = 1; a <= 400; a++)
		for (unsigned b = 401; b <= 500; b++)
			got += add(a, b);
	must(got <= ORDER_PLACES && got > ORDER_PLACES * 9 / 10);
	must(!add(1000, 1001));
	must(add(1, 401)); /* is there already */
	return CHILD_GOOD;
}

/* All at once the same edges: each has one place, whoever came first. */
static void *add_all(void *unused)
{
	(void)unused;
	for (unsigned a = 1; a <= 60; a++)
		for (unsigned b = a + 1; b <= 60; b++)
			if (!add(a, b))
				return "no room";
	return NULL;
}

static int play_at_once(void)
{
	struct order_way found;
	pthread_t threads[4];
	void *result;

	make();
	for (unsigned i = 0; i < 4; i++)
		must(pthread_create(&threads[i], NULL, add_all, NULL) == 0);
	for (unsigned i = 0; i < 4; i++)
		must(pthread_join(threads[i], &result) == 0 && !result);
	for (unsigned a = 1; a <= 60; a++)
		for (unsigned b = 1; b <= 60; b++)
			must((way(a, b, &found) > 0) == (a < b) &&
				(a >= b || order_where(order, lock(a), lock(b))->pid ==
						   a * 1000 + b));
	return CHILD_GOOD;
}

int main(void)
{
	test_play("a lock keeps its number", play_numbers);
	test_play("the shortest way is found, and none where there is none", play_ways);
	test_play("of a long one, its beginning and its end", play_long_way);
	test_play("as many as in the closure of random graphs", play_random);
	test_play("where an edge was first seen stays", play_places);
	test_play("of a pair is told once, in whatever order", play_telling);
	test_play("a pair that is free has no edges", play_free);
	test_play("what is known of a lock can be forgotten, and of no other", play_forget);
	test_play("locks beyond the room for them have no number", play_no_number);
	test_play("edges beyond the room for them are not added", play_no_place);
	test_play("four threads that add the same edges make each once", play_at_once);
	return tap_done();
}
