/* SPDX-License-Identifier: MIT */
/*
 * remap.c - copy first, then one mremap()
 *
 * The shared pages are made elsewhere, filled, and then moved over the private ones by a
 * single system call: at no instant does an address of the program read as zero or not at
 * all. Anonymous shared memory has no name, lies in no file system (so a small /dev/shm
 * does not matter), and is gone with the last process that has it.
 */
#include <sys/mman.h>

#include "remap.h"
#include "advice.h"
#include "pages.h"

struct move {
	struct range *range;
	const char *kind;
	struct page_state state;
	long made; /* address of the shared pages before they are moved; 0: none */
};

/* All or none. */
struct moves {
	struct move *list;
	unsigned count;
	size_t page_size;
	struct refusal *refusal;
};

static size_t move_size(const struct move *move)
{
	return move->range->stop - move->range->start;
}

/*
 * MAP_NORESERVE: a table larger than memory, of which little is used, was no problem as
 * .bss and is none here.
 */
static long make_pages(size_t size, int sharing)
{
	return sys_call(SYS_mmap, 0, size, PROT_READ | PROT_WRITE,
		sharing | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

static bool refuse(struct moves *moves, const char *kind, enum reason reason, uint64_t value)
{
	if (!moves->refusal->reason)
		*moves->refusal = (struct refusal){
			.reason = reason, .kind = kind, .value = value };
	return false;
}

static bool refuse_error(struct moves *moves, const char *kind, long error)
{
	return refuse(moves, kind,
		error == -ENOMEM || error == -EAGAIN ? REASON_NO_MEMORY : REASON_DENIED, -error);
}

/* Everything that may fail for an ordinary reason happens here. */
static bool prepare(struct moves *moves, struct move *move)
{
	const struct range *range = move->range;

	advice_read(range->start, range->stop, &move->state);
	if (move->state.known && !move->state.ordinary)
		return refuse(moves, move->kind, REASON_MAPPING, range->start);
	move->made = make_pages(move_size(move), MAP_SHARED);
	if (sys_failed(move->made)) {
		refuse_error(moves, move->kind, move->made);
		move->made = 0;
		return false;
	}
	pages_copy(range, (void *)move->made, moves->page_size);
	return true;
}

static long put_in_place(const struct move *move, long made)
{
	return sys_call(SYS_mremap, made, move_size(move), move_size(move),
		MREMAP_MAYMOVE | MREMAP_FIXED, move->range->start);
}

/*
 * The kernel unmaps the target of mremap() before it moves. Should the move fail after
 * that, the contents, which we still have, go back to where the program expects them.
 * NOREPLACE: nothing happens where the old pages are still there, the usual failure.
 */
static void fill_hole(const struct move *move, size_t page_size)
{
	long at = sys_call(SYS_mmap, move->range->start, move_size(move),
		PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	struct range made = { .start = move->made, .stop = move->made + move_size(move),
		.file_end = move->made + move_size(move) };

	if (at != (long)move->range->start)
		return;
	pages_copy(&made, (void *)at, page_size);
	(void)advice_restore(&move->state, false);
}

/* A range that is shared already goes back, because its object's other range could not. */
static void make_private(const struct move *move, size_t page_size)
{
	long made = make_pages(move_size(move), MAP_PRIVATE);

	if (sys_failed(made))
		return; /* shared after all, though the object counts as refused */
	pages_copy(&(struct range){ .start = move->range->start, .stop = move->range->stop,
			   .file_end = move->range->stop },
		(void *)made, page_size);
	if (sys_failed(put_in_place(move, made)))
		(void)sys_call(SYS_munmap, made, move_size(move));
	else
		(void)advice_restore(&move->state, false);
}

static bool move_all(struct moves *moves)
{
	for (unsigned i = 0; i < moves->count; i++) {
		struct move *move = &moves->list[i];
		long result = put_in_place(move, move->made);

		if (sys_failed(result)) {
			fill_hole(move, moves->page_size);
			refuse_error(moves, move->kind, result);
			while (i-- > 0)
				make_private(&moves->list[i], moves->page_size);
			return false;
		}
		move->made = 0;
	}
	return true;
}

static bool remap(struct moves *moves)
{
	bool good = true;

	for (unsigned i = 0; good && i < moves->count; i++)
		good = prepare(moves, &moves->list[i]);
	good = good && move_all(moves);
	for (unsigned i = 0; i < moves->count; i++) {
		struct move *move = &moves->list[i];

		if (good)
			move->range->lost = advice_restore(&move->state, true);
		else if (move->made)
			(void)sys_call(SYS_munmap, move->made, move_size(move));
	}
	return good;
}

bool remap_shared(struct proof *proof)
{
	struct move list[KIND_COUNT]; /* some KiB of the host's stack */
	struct moves moves = { .list = list,
		.page_size = proof->image->page_size,
		.refusal = &proof->refusal };

	for (unsigned kind = 0; kind < KIND_COUNT; kind++)
		if (proof->ranges[kind].start < proof->ranges[kind].stop)
			list[moves.count++] = (struct move){
				.range = &proof->ranges[kind], .kind = kind_name[kind] };
	return remap(&moves);
}

bool remap_ranges(struct range *ranges, unsigned count, size_t page_size, struct refusal *ret)
{
	struct moves moves = { .count = count, .page_size = page_size, .refusal = ret };
	size_t size = count * sizeof(*moves.list);
	long at = sys_call(SYS_mmap, 0, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool good;

	*ret = (struct refusal){ 0 };
	if (sys_failed(at))
		return refuse_error(&moves, NULL, at);
	moves.list = (struct move *)at;
	for (unsigned i = 0; i < count; i++)
		moves.list[i] = (struct move){ .range = &ranges[i] };
	good = remap(&moves);
	(void)sys_call(SYS_munmap, at, size);
	return good;
}
