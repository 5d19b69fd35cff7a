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

static bool refuse(struct proof *proof, const char *kind, long error)
{
	return proof_refuse(proof,
		error == -ENOMEM || error == -EAGAIN ? REASON_NO_MEMORY : REASON_DENIED, kind,
		-error);
}

/* Everything that may fail for an ordinary reason happens here. */
static bool prepare(struct proof *proof, struct move *move)
{
	const struct range *range = move->range;

	advice_read(range->start, range->stop, &move->state);
	if (move->state.known && !move->state.ordinary)
		return proof_refuse(proof, REASON_MAPPING, move->kind, range->start);
	move->made = make_pages(move_size(move), MAP_SHARED);
	if (sys_failed(move->made)) {
		refuse(proof, move->kind, move->made);
		move->made = 0;
		return false;
	}
	pages_copy(range, (void *)move->made, proof->image->page_size);
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

static bool move_all(struct proof *proof, struct move *moves, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		long result = put_in_place(&moves[i], moves[i].made);

		if (sys_failed(result)) {
			fill_hole(&moves[i], proof->image->page_size);
			refuse(proof, moves[i].kind, result);
			while (i-- > 0)
				make_private(&moves[i], proof->image->page_size);
			return false;
		}
		moves[i].made = 0;
	}
	return true;
}

bool remap_shared(struct proof *proof)
{
	struct move moves[KIND_COUNT]; /* some KiB of the host's stack */
	unsigned count = 0;
	bool good = true;

	for (unsigned kind = 0; kind < KIND_COUNT; kind++)
		if (proof->ranges[kind].start < proof->ranges[kind].stop)
			moves[count++] = (struct move){
				.range = &proof->ranges[kind], .kind = kind_name[kind] };
	for (unsigned i = 0; good && i < count; i++)
		good = prepare(proof, &moves[i]);
	good = good && move_all(proof, moves, count);
	for (unsigned i = 0; i < count; i++) {
		struct range *range = moves[i].range;

		if (good)
			range->lost = advice_restore(&moves[i].state, true);
		else if (moves[i].made)
			(void)sys_call(SYS_munmap, moves[i].made, move_size(&moves[i]));
	}
	return good;
}
