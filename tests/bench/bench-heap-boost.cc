/* SPDX-License-Identifier: MIT */
/*
 * bench-heap-boost.cc - Boost.Interprocess's heap, for a benchmark that is written in C
 *
 * As managed_shared_memory has it: a tree of free blocks, best fit, under one mutex that
 * processes share; only that the memory is anonymous, as ours is. (Boost's own name for a
 * heap in memory of the caller's has no lock.)
 */
#include <new>

#include <boost/interprocess/managed_external_buffer.hpp>
#include <boost/interprocess/mem_algo/rbtree_best_fit.hpp>
#include <boost/interprocess/sync/mutex_family.hpp>

using namespace boost::interprocess;

typedef basic_managed_external_buffer<char, rbtree_best_fit<mutex_family, offset_ptr<void>>,
	iset_index>
	locked_heap;

static locked_heap *heap;

extern "C" {
bool boost_start_in(void *memory, std::size_t size);
void *boost_alloc(std::size_t size);
void boost_free(void *block);
}

bool boost_start_in(void *memory, std::size_t size)
{
	static locked_heap made(create_only, memory, size);

	heap = &made;
	return true;
}

void *boost_alloc(std::size_t size)
{
	return heap->allocate(size, std::nothrow);
}

void boost_free(void *block)
{
	heap->deallocate(block);
}
