/* SPDX-License-Identifier: MIT */
/*
 * heap-plugin.c - a plugin that uses the heap, as a host gets it by dlopen()
 */
#include <fondue/heap.h>

void *plugin_malloc(size_t size);
void *plugin_malloc(size_t size)
{
	return fondue_malloc(size);
}

void plugin_free(void *block);
void plugin_free(void *block)
{
	fondue_free(block);
}

void *plugin_realloc(void *block, size_t size);
void *plugin_realloc(void *block, size_t size)
{
	return fondue_realloc(block, size);
}

void *plugin_calloc(size_t count, size_t size);
void *plugin_calloc(size_t count, size_t size)
{
	return fondue_calloc(count, size);
}

void *plugin_aligned_alloc(size_t alignment, size_t size);
void *plugin_aligned_alloc(size_t alignment, size_t size)
{
	return fondue_aligned_alloc(alignment, size);
}

size_t plugin_usable(const void *block);
size_t plugin_usable(const void *block)
{
	return fondue_malloc_usable_size(block);
}

int plugin_stats(struct fondue_heap_figures *stats);
int plugin_stats(struct fondue_heap_figures *stats)
{
	return fondue_heap_stats(stats);
}
