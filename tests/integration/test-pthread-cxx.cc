// SPDX-License-Identifier: MIT
/*
 * Description: the standard's mutexes in shared memory, in C++
 *
 * Each is a lock of libc by another name, made by a constexpr constructor or by its
 * function. What does not come back has an alarm.
 */
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <new>
#if __cplusplus >= 201402L
#include <shared_mutex>
#endif

#include <sys/wait.h>
#include <unistd.h>

#include <fondue/heap.h>
#include <fondue/shared.h>

#include "../tap.h"

static const int children = 4, rounds = 10000, turns = 1000;

FONDUE_SHARED static std::mutex mutex;
FONDUE_SHARED static std::condition_variable cond;
FONDUE_SHARED static volatile unsigned long count, turn;

/* Those that are not constant-initialised have to be made in shared memory. */
template <typename T> static T &allocated()
{
	static T *const one = new (fondue_malloc(sizeof(T))) T;

	return *one;
}

template <typename Work> static pid_t start(Work work)
{
	pid_t pid = fork();

	if (pid == 0) {
		alarm(10);
		_exit(work() ? 7 : 1);
	}
	return pid;
}

static bool ends_well(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7;
}

template <typename Work> static bool all_do(Work work)
{
	pid_t pids[children];
	bool good = true;

	for (auto &pid : pids)
		pid = start(work);
	for (auto pid : pids)
		good = ends_well(pid) && good;
	return good;
}

/* By any kind of guard. */
template <typename Guard, typename Mutex> static bool counts(Mutex &with)
{
	count = 0;
	return all_do([&with] {
		for (int i = 0; i < rounds; i++) {
			Guard guard(with);

			count = count + 1;
		}
		return true;
	}) && count == (unsigned long)children * rounds;
}

template <typename Wait> static bool takes_turns(unsigned long mine, Wait wait)
{
	for (int i = 0; i < turns; i++) {
		std::unique_lock<std::mutex> lock(mutex);

		if (!wait(lock, [mine] { return turn == mine; }))
			return false;
		turn = !mine;
		cond.notify_one();
	}
	return true;
}

template <typename Wait> static bool alternates(Wait wait)
{
	pid_t first, second;

	turn = 0;
	first = start([wait] { return takes_turns(0, wait); });
	second = start([wait] { return takes_turns(1, wait); });
	return ends_well(first) & ends_well(second);
}

struct for_ever {
	template <typename Mine> bool operator()(std::unique_lock<std::mutex> &lock, Mine mine) const
	{
		cond.wait(lock, mine);
		return true;
	}
};

struct long_enough {
	template <typename Mine> bool operator()(std::unique_lock<std::mutex> &lock, Mine mine) const
	{
		return cond.wait_for(lock, std::chrono::seconds(10), mine);
	}
};

int main()
{
	test("a std::mutex keeps count", counts<std::lock_guard<std::mutex>>(mutex));
	test("a std::condition_variable wakes another process", alternates(for_ever()));
	test("... that waits for a time", alternates(long_enough()));
	test("a std::recursive_mutex in the heap",
		counts<std::lock_guard<std::recursive_mutex>>(allocated<std::recursive_mutex>()));
	test("a std::timed_mutex in the heap",
		counts<std::lock_guard<std::timed_mutex>>(allocated<std::timed_mutex>()));
#if __cplusplus >= 201402L
	test("a std::shared_timed_mutex, to write",
		counts<std::lock_guard<std::shared_timed_mutex>>(
			allocated<std::shared_timed_mutex>()));
#endif
#if __cplusplus >= 201703L
	test("a std::shared_mutex, to write",
		counts<std::lock_guard<std::shared_mutex>>(allocated<std::shared_mutex>()));
#endif
	return tap_done();
}
