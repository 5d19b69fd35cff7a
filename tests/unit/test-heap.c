/* SPDX-License-Identifier: MIT */
/*
 * Description: making a heap, the numbers of its users, and finding what is wrong with it
 */
#include <sys/resource.h>

#include "heap-made.h"
#include "kernel.h"

#define HEAP_BYTES (64UL << 20)
#define SIZE	   1000
#define CLASS	   class_of(SIZE)

static int play_smaller(void)
{
	struct rlimit limit = { 2UL << 30, 2UL << 30 };

	must(setrlimit(RLIMIT_AS, &limit) == 0 && make_heap(64UL << 30, false));
	must(heap_map.heap->units >= 256 && heap_map.heap->size < 2UL << 30);
	must(heap_map.heap->magic == HEAP_MAGIC && heap_map.heap->version == HEAP_VERSION);
	must(is_aligned((uintptr_t)heap_map.blocks, 2 << 20));
	return CHILD_GOOD;
}

static int play_none(void)
{
	char *block;

	must(registry_create());
	heap_start(NULL);
	kernel_refuse(SYS_mmap, ENOMEM);
	must(!heap_create(HEAP_BYTES) && !heap_map.heap);
	kernel_reset();
	/* then each is a mapping */
	must((block = heap_calls.malloc(100)) && heap_calls.usable_size(block) >= 100);
	strcpy(block, "kept");
	must((block = heap_calls.realloc(block, 100000)) && !strcmp(block, "kept"));
	heap_calls.free(block);
	must((block = heap_calls.calloc(10, 10000)) && !block[0] && !block[99999]);
	heap_calls.free_sized(block, 100000);
	must(heap_stats(&(struct fondue_heap_figures){ .size = 8 }) == ENOSYS);
	must(heap_check(NULL, NULL) == ENOSYS && heap_set_limit(1) == ENOSYS && !heap_reclaim(0));
	return CHILD_GOOD;
}

/* The parts do not overlap, and the last bytes of all are there. */
static int play_parts(void)
{
	static const size_t sizes[] = { 16UL << 20, 17UL << 20, 100UL << 20, 1UL << 30, 64UL << 30 };

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		uint32_t last = (sizes[i] >> UNIT_SHIFT) - 1;

		heap_map = (struct heap_map){ .heap = NULL };
		must(make_heap(sizes[i], false) && heap_map.heap->units == last + 1);
		*tag_at(last, 4095) = 5;
		*tag_at(0, 0) = 6;
		heap_map.kinds[last] = 7;
		heap_map.idle[last] = 8;
		heap_map.unit[last].count = 9;
		heap_map.bitmaps[(size_t)last * BITMAP_WORDS + 63] = 10;
		unit_start(last)[UNIT_SIZE - 1] = 11;
		heap_map.cpus[CPUS - 1].lock.word = 12;
		heap_map.heap->owners[OWNERS - 1].pid = 13;
		must(*tag_at(last, 4095) == 5 && *tag_at(0, 0) == 6 && heap_map.kinds[last] == 7);
		must(heap_map.idle[last] == 8 && heap_map.unit[last].count == 9);
		must(heap_map.bitmaps[(size_t)last * BITMAP_WORDS + 63] == 10);
		must(heap_map.heap->owners[OWNERS - 1].pid == 13 && heap_map.cpus[0].lock.word == 0);
	}
	return CHILD_GOOD;
}

static uint64_t damaged;

static void on_damage(uint64_t blocks)
{
	damaged = blocks;
}

/* With two blocks, one of which is free and in the list. */
static char *make_two(char **ret_free)
{
	char *block, *other;

	if (!make_heap(HEAP_BYTES, false))
		return NULL;
	heap_damaged = on_damage;
	block = heap_calls.malloc(SIZE);
	other = heap_calls.malloc(SIZE);
	heap_calls.free(other);
	*ret_free = other;
	return heap_check(NULL, NULL) == 0 && figures().lost_blocks == 0 ? block : NULL;
}

static struct list *list_with(const char *block)
{
	for (unsigned i = 0; i < CPUS; i++) {
		struct list *list = &heap_map.cpus[i].lists[CLASS];
		unsigned count = list->word & 0xffff;

		for (unsigned j = 0; j < count; j++)
			if (list->blocks[j] == (uintptr_t)block)
				return list;
	}
	return NULL;
}

static tag *tag_of(const char *block)
{
	return tag_at(unit_of(block), class_index(CLASS, (uintptr_t)block & (UNIT_SIZE - 1)));
}

static int play_damage(void)
{
	char *free, *block = make_two(&free);
	struct list *list = block ? list_with(free) : NULL;
	unsigned last;
	uint64_t *word;

	must(list);
	last = (list->word & 0xffff) - 1;
	/* twice in a list */
	list->word++;
	list->blocks[last + 1] = (uintptr_t)free;
	must(heap_check(NULL, NULL) == EBADMSG && damaged == 1);
	/* free, and somebody's */
	list->blocks[last + 1] = (uintptr_t)block;
	must(heap_check(NULL, NULL) == EBADMSG && damaged == 1);
	/* no blocks at all */
	list->blocks[last + 1] = (uintptr_t)block + 16;
	must(heap_check(NULL, NULL) == EBADMSG);
	list->blocks[last + 1] = 0;
	must(heap_check(NULL, NULL) == EBADMSG);
	list->blocks[last + 1] = UINTPTR_MAX;
	must(heap_check(NULL, NULL) == EBADMSG);
	list->blocks[last + 1] = (uintptr_t)unit_start(heap_map.heap->units - 1);
	must(heap_check(NULL, NULL) == EBADMSG);
	list->blocks[last + 1] = (uintptr_t)heap_map.heap;
	must(heap_check(NULL, NULL) == EBADMSG && damaged == 1);
	list->word--;
	must(heap_check(NULL, NULL) == 0);
	/* more than there is room for */
	list->word += 1000;
	must(heap_check(NULL, NULL) == EBADMSG);
	list->word -= 1000;
	/* in the list and in the bitmap */
	word = &heap_map.bitmaps[(size_t)unit_of(free) * BITMAP_WORDS];
	*word |= 1ULL << class_index(CLASS, (uintptr_t)free & (UNIT_SIZE - 1));
	must(heap_check(NULL, NULL) == EBADMSG && damaged == 1);
	*word &= ~(1ULL << class_index(CLASS, (uintptr_t)free & (UNIT_SIZE - 1)));
	/* in the bitmap and somebody's */
	*word |= 1ULL << class_index(CLASS, (uintptr_t)block & (UNIT_SIZE - 1));
	must(heap_check(NULL, NULL) == EBADMSG && damaged == 1);
	*word &= ~(1ULL << class_index(CLASS, (uintptr_t)block & (UNIT_SIZE - 1)));
	must(heap_check(NULL, NULL) == 0);
	return CHILD_GOOD;
}

static int play_lost(void)
{
	char *free, *block = make_two(&free), *large;

	must(block && (large = heap_calls.malloc(100000)));
	*tag_of(block) = TAG_FREE; /* as if its owner had died between two stores */
	*tag_at(unit_of(large), 0) = TAG_FREE;
	must(heap_check(NULL, NULL) == 0 && figures().lost_blocks == 2 && figures().blocks == 0);
	must(heap_reclaim(4711) == 0 && heap_reclaim(0) == 2);
	must(figures().lost_blocks == 0 && heap_check(NULL, NULL) == 0);
	return CHILD_GOOD;
}

/* Memory that has been freed, or lies behind a block, is not the heap's. */
static int play_written(void)
{
	char *free, *block = make_two(&free);

	must(block);
	memset(free, 0xff, SIZE);
	memset(block, 0xff, 60000 - ((uintptr_t)block & (UNIT_SIZE - 1)));
	must(heap_check(NULL, NULL) == 0);
	for (unsigned i = 0; i < 500; i++)
		must(heap_calls.malloc(SIZE));
	must(heap_check(NULL, NULL) == 0 && figures().blocks == 501);
	return CHILD_GOOD;
}

static const char *why_refused;
static tag whose_refused;

static void on_refused(const void *block, const char *why, tag owner, uintptr_t pc)
{
	(void)block;
	(void)pc;
	why_refused = why;
	whose_refused = owner;
}

static int play_refused(void)
{
	char *free, *block = make_two(&free);

	must(block);
	heap_refused = on_refused;
	heap_calls.free(free);
	must(strstr(why_refused, "free already") && whose_refused == TAG_FREE);
	heap_calls.free(block + 8);
	must(strstr(why_refused, "beginning") && owners_pid(whose_refused) == getpid());
	heap_calls.free_sized(block, SIZE + 100);
	must(strstr(why_refused, "size"));
	heap_calls.free(&free);
	must(strstr(why_refused, "no block") && figures().refused == 4);
	return CHILD_GOOD;
}

/* A child that allocates one block, and its number. */
static tag leave_one(char **ret_block)
{
	static char **shared;
	pid_t pid;

	if (!shared)
		shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid = fork();
	if (pid == 0) {
		*shared = heap_calls.malloc(SIZE);
		raise(SIGKILL);
	}
	unit_wait(pid);
	*ret_block = *shared;
	return *tag_of(*shared);
}

static int play_numbers(void)
{
	char *block, *blocks[3];
	tag first, second, again;

	must(make_heap(HEAP_BYTES, false));
	must((block = heap_calls.malloc(SIZE)) && owners_pid(*tag_of(block)) == getpid());
	must(!owners_is_dead(*tag_of(block)) && !owners_is_dead(TAG_NOBODY));
	first = leave_one(&blocks[0]);
	second = leave_one(&blocks[1]);
	must(first != second && owners_is_dead(first) && owners_is_dead(second));
	heap_calls.free(blocks[0]);
	/* all have been given: those of the dead come again, if they have left nothing */
	atomic_store(&heap_map.heap->owners_used, TAG_NOBODY - 1);
	for (unsigned i = 3; i < OWNERS; i++)
		atomic_store(&heap_map.heap->owners[i].pid, getpid());
	again = leave_one(&blocks[2]);
	must(again == first);
	again = leave_one(&blocks[0]);
	must(again == TAG_NOBODY && owners_pid(again) == 0); /* there is none to be had */
	must(figures().dead_blocks == 2 && figures().blocks == 4);
	/* it is not sought again for each that comes, but when there are some */
	must(heap_map.heap->unswept > 1);
	must(leave_one(&blocks[1]) == TAG_NOBODY && heap_map.heap->unswept > 0);
	must(heap_reclaim(0) == 2 && figures().blocks == 3);
	again = leave_one(&blocks[1]);
	must(again == first || again == second);
	return CHILD_GOOD;
}

/* Not the same process, though it has the number of one that is alive. */
static int play_pid_again(void)
{
	char *block;
	tag mine;

	must(make_heap(HEAP_BYTES, false) && (block = heap_calls.malloc(SIZE)));
	mine = *tag_of(block);
	atomic_fetch_add(&heap_map.heap->owners[mine - 1].started, 1);
	must(owners_is_dead(mine));
	atomic_fetch_sub(&heap_map.heap->owners[mine - 1].started, 1);
	must(!owners_is_dead(mine));
	atomic_store(&heap_map.heap->owners[mine - 1].namespace, 1);
	must(!owners_is_dead(mine)); /* of other namespaces we do not know */
	return CHILD_GOOD;
}

int main(void)
{
	if (is_emulated()) {
		skip("the heap", "the emulator has no robust futexes, and ignores MADV_REMOVE");
		return tap_done();
	}
	if (__sanitizer_set_report_fd)
		skip("it is as large as there is room for", "a sanitizer takes all there is");
	else
		test_play("it is as large as there is room for", play_smaller);
	test_play("without it, each block is a mapping", play_none);
	test_play("its parts have room", play_parts);
	test_play("damage is found", play_damage);
	test_play("what is lost is found, and given back", play_lost);
	test_play("what is written into free memory does no harm", play_written);
	test_play("what is refused is told, and why", play_refused);
	test_play("numbers of the dead are given again, if they left nothing", play_numbers);
	test_play("a process that has another's number is another", play_pid_again);
	return tap_done();
}
