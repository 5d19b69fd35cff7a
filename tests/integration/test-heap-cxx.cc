// SPDX-License-Identifier: MIT
/*
 * Description: the heap in C++: under a standard allocator, in containers that a family shares
 */
#include <cerrno>
#include <cstring>
#include <map>
#include <new>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <fondue/heap.h>

#include "../tap.h"

template <typename T> struct shared_allocator {
	using value_type = T;

	shared_allocator() = default;
	template <typename U> shared_allocator(const shared_allocator<U> &)
	{
	}
	T *allocate(std::size_t count)
	{
		void *block = alignof(T) > 16 ?
				      fondue_aligned_alloc(alignof(T), count * sizeof(T)) :
				      fondue_malloc(count * sizeof(T));

		if (!block)
			throw std::bad_alloc();
		return static_cast<T *>(block);
	}
	void deallocate(T *block, std::size_t count)
	{
		fondue_free_sized(block, count * sizeof(T));
	}
};

template <typename T, typename U>
bool operator==(const shared_allocator<T> &, const shared_allocator<U> &)
{
	return true;
}
template <typename T, typename U>
bool operator!=(const shared_allocator<T> &, const shared_allocator<U> &)
{
	return false;
}

using text = std::basic_string<char, std::char_traits<char>, shared_allocator<char>>;
template <typename K, typename V>
using shared_map = std::map<K, V, std::less<K>, shared_allocator<std::pair<const K, V>>>;

struct alignas(256) wide {
	char bytes[256];
};

template <typename Work> static bool in_child(Work work)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(work() ? 7 : 1);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7;
}

static struct fondue_heap_figures figures()
{
	struct fondue_heap_figures stats{};

	stats.size = sizeof(stats);
	fondue_heap_stats(&stats);
	return stats;
}

template <typename T> static T *make()
{
	return new (fondue_malloc(sizeof(T))) T();
}

template <typename T> static void destroy(T *object)
{
	object->~T();
	fondue_free(object);
}

static bool fills_a_map()
{
	auto *map = make<shared_map<int, text>>();
	bool good = in_child([map] {
		for (int i = 0; i < 5000; i++)
			(*map)[i] = text(static_cast<std::size_t>(i % 300), 'x');
		return true;
	});

	good = good && map->size() == 5000 && (*map)[4999].size() == 4999 % 300;
	good = good && in_child([map] {
		map->clear();
		return true;
	});
	good = good && map->empty();
	destroy(map);
	return good && figures().blocks == 0 && fondue_heap_check(nullptr, nullptr) == 0;
}

static bool grows_a_vector()
{
	auto *all = make<std::vector<wide, shared_allocator<wide>>>();
	bool good = true;

	for (int i = 0; i < 2000 && good; i++)
		good = in_child([all] {
			all->emplace_back();
			return reinterpret_cast<std::uintptr_t>(all->data()) % 256 == 0;
		}) && i % 100 == 0 ? all->size() == static_cast<std::size_t>(i) + 1 : good;
	good = good && all->size() == 2000;
	destroy(all);
	return good && figures().blocks == 0 && figures().refused == 0;
}

static bool runs_out()
{
	bool caught = false;

	fondue_heap_set_limit(figures().used + (1 << 20));
	try {
		std::vector<char, shared_allocator<char>> large(8 << 20);
	} catch (const std::bad_alloc &) {
		caught = true;
	}
	fondue_heap_set_limit(0);
	return caught;
}

int main()
{
	if (!fondue_active() || !figures().reserved)
		tap_skip_all("to be preloaded");
	test("a child fills a map, another one empties it", fills_a_map());
	test("children grow a vector of wide elements", grows_a_vector());
	test("std::bad_alloc beyond the limit", runs_out());
	return tap_done();
}
