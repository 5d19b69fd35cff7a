/* SPDX-License-Identifier: MIT */
/*
 * cpu-lists.c - lists that belong to a processor, not to a thread
 *
 * Threads of a hundred processes would need a hundred caches, and what is in the cache of one
 * that is killed would be lost. A list per processor serves whoever runs there. Two threads
 * cannot run on one processor at a time; and of one that is preempted in the middle of a
 * change the kernel takes care: with rseq(2) it is sent back to the beginning, and nothing of
 * what it had begun has happened. What is committed is one word, which holds the number of
 * blocks in the list and of all that were ever taken from it: so the statistics are exact,
 * for nothing. Blocks are kept in an array, and not linked with one another: so nothing is
 * written to, nor read from, memory that is free.
 *
 * The idea of per-processor caches with one committing store is TCMalloc's; that it holds
 * between processes is because the kernel's number of the processor is the same for all,
 * and because a process that is killed is one that never came back.
 *
 * An older glibc, or one that was told so (GLIBC_TUNABLES=glibc.pthread.rseq=0), does not
 * register its threads with the kernel. Then they are when they first find no block at hand,
 * with an area of ours that lives as long as they do. Not with musl: there a detached thread unmaps
 * that area before its end, and the kernel would write to it once more.
 *
 * A thread that the kernel does not send back has lists of its own (thread-lists.c). One that
 * can have none, or is in the middle of a change to them, shares one of CPU_STRIPES lists with
 * others, under a lock; it changes them in the same order.
 */
#include "cpu-lists.h"
#include "spinlock.h"

static __thread struct rseq_area nobodys __attribute__((tls_model("initial-exec"))) = {
	.cpu_id = CPU_NOT_TRIED,
};

long cpu_lists_rseq_at;

void cpu_lists_start(long rseq_at)
{
	long none = (char *)&nobodys - fondue_thread_();

	cpu_lists_rseq_at = rseq_at ? rseq_at : none;
}

#if defined(__x86_64__) && defined(__GLIBC__) && defined(SYS_rseq)
/* What is before the label at which a sequence is abandoned: see CPU_SEQUENCE_. */
#define RSEQ_SIGNATURE 0x53053053

static void enlist(void)
{
	if (cpu_lists_rseq() != &nobodys || nobodys.cpu_id != CPU_NOT_TRIED)
		return;
	nobodys.cpu_id = CPU_REFUSED; /* or the kernel writes another one */
	(void)sys_call(SYS_rseq, &nobodys, sizeof(nobodys), 0, RSEQ_SIGNATURE);
}
#else
static void enlist(void)
{
}
#endif

bool cpu_lists_join(void)
{
	if (cpu_lists_are_ours())
		return true;
	if (heap_map.heap)
		enlist();
	return cpu_lists_are_ours();
}

static struct cpu *stripe(uint32_t hint)
{
	uintptr_t thread = (uintptr_t)fondue_thread_();

	return &heap_map.cpus[CPUS_BY_RSEQ + (hint + (thread >> 12)) % CPU_STRIPES];
}

static unsigned count_in(const struct list *list)
{
	return list_word(list) & LIST_COUNT;
}

/* Under the lock; whoever died before has either done it or not. */
static void commit(struct list *list, int taken, int more)
{
	list_commit(list, list_word(list) + taken * LIST_TAKEN + more);
}

/* Somebody else is at it, or it is us: then without. */
static bool try_lock(struct cpu *cpu)
{
	int result = fondue_spin_trylock(&cpu->lock);

	return result == 0 || result == EOWNERDEAD;
}

static void unlock(struct cpu *cpu)
{
	(void)spin_calls.unlock(&cpu->lock);
}

void *cpu_lists_pop_locked(unsigned class, uint32_t hint)
{
	struct cpu *cpu = stripe(hint);
	struct list *list = &cpu->lists[class];
	void *block = NULL;

	if (!try_lock(cpu))
		return NULL;
	if (count_in(list)) {
		block = (void *)list->blocks[count_in(list) - 1];
		commit(list, 1, -1);
	}
	unlock(cpu);
	return block;
}

bool cpu_lists_push_locked(unsigned class, void *block, uint32_t hint)
{
	struct cpu *cpu = stripe(hint);
	struct list *list = &cpu->lists[class];
	bool has_room;

	if (!try_lock(cpu))
		return false;
	has_room = count_in(list) < size_classes[class].list;
	if (has_room) {
		list->blocks[count_in(list)] = (uintptr_t)block;
		commit(list, 0, 1);
	}
	unlock(cpu);
	return has_room;
}

static unsigned fill_locked(unsigned class, void **blocks, unsigned count, uint32_t hint)
{
	struct cpu *cpu = stripe(hint);
	struct list *list = &cpu->lists[class];
	unsigned there, room;

	if (!try_lock(cpu))
		return 0;
	there = count_in(list);
	room = size_classes[class].list - there;
	count = count < room ? count : room;
	for (unsigned i = 0; i < count; i++)
		list->blocks[there + i] = (uintptr_t)blocks[i];
	commit(list, 0, (int)count);
	unlock(cpu);
	return count;
}

static unsigned drain_locked(unsigned class, void **blocks, unsigned count, uint32_t hint)
{
	struct cpu *cpu = stripe(hint);
	struct list *list = &cpu->lists[class];
	unsigned there;

	if (!try_lock(cpu))
		return 0;
	there = count_in(list);
	count = count < there ? count : there;
	for (unsigned i = 0; i < count; i++)
		blocks[i] = (void *)list->blocks[there - count + i];
	commit(list, 0, -(int)count);
	unlock(cpu);
	return count;
}

#if defined(__x86_64__)
/* All @count of them, or none: there is no room, or this thread is not registered. */
static bool fill_here(unsigned class, void **blocks, uint64_t n)
{
	uint64_t list, word, count, i, one;
	bool done;

	__asm__ volatile(CPU_SEQUENCE_ CPU_BEGIN_
		"\tleaq (%[count],%[n]), %[i]\n\tcmpq %[max], %[i]\n\tja 2f\n"
		"\txorl %k[i], %k[i]\n\tleaq 8(%[list],%[count],8), %[count]\n"
		"6:\tmovq (%[from],%[i],8), %[one]\n\tmovq %[one], (%[count],%[i],8)\n"
		"\tincq %[i]\n\tcmpq %[n], %[i]\n\tjb 6b\n"
		"\taddq %[n], %[word]\n\tstc\n\tmovq %[word], (%[list])\n"
		"2:\n"
		: [list] "=&r"(list), [word] "=&r"(word), [count] "=&r"(count), [i] "=&r"(i),
		[one] "=&r"(one), "=@ccc"(done)
		: CPU_INPUTS_(class), [from] "r"(blocks), [n] "r"(n),
		[max] "r"((uint64_t)size_classes[class].list)
		: "memory");
	return done;
}

static bool drain_here(unsigned class, void **blocks, uint64_t n)
{
	uint64_t list, word, count, i, one;
	bool done;

	__asm__ volatile(CPU_SEQUENCE_ CPU_BEGIN_
		"\tcmpq %[count], %[n]\n\tja 2f\n\tsubq %[n], %[count]\n"
		"\txorl %k[i], %k[i]\n\tleaq 8(%[list],%[count],8), %[count]\n"
		"6:\tmovq (%[count],%[i],8), %[one]\n\tmovq %[one], (%[to],%[i],8)\n"
		"\tincq %[i]\n\tcmpq %[n], %[i]\n\tjb 6b\n"
		"\tsubq %[n], %[word]\n\tstc\n\tmovq %[word], (%[list])\n"
		"2:\n"
		: [list] "=&r"(list), [word] "=&r"(word), [count] "=&r"(count), [i] "=&r"(i),
		[one] "=&r"(one), "=@ccc"(done)
		: CPU_INPUTS_(class), [to] "r"(blocks), [n] "r"(n)
		: "memory");
	return done;
}
#else
static bool fill_here(unsigned class, void **blocks, uint64_t n)
{
	(void)class;
	(void)blocks;
	(void)n;
	return false;
}

static bool drain_here(unsigned class, void **blocks, uint64_t n)
{
	return fill_here(class, blocks, n);
}
#endif

unsigned cpu_lists_fill(unsigned class, void **blocks, unsigned count, uint32_t hint)
{
	if (!cpu_lists_are_ours())
		return fill_locked(class, blocks, count, hint);
	return fill_here(class, blocks, count) ? count : 0;
}

unsigned cpu_lists_drain(unsigned class, void **blocks, unsigned count, uint32_t hint)
{
	if (!cpu_lists_are_ours())
		return drain_locked(class, blocks, count, hint);
	return drain_here(class, blocks, count) ? count : 0;
}
