// SPDX-License-Identifier: MIT
/*
 * Description: the lock in C++, with the standard's own guards
 *
 * A global one is constant-initialised, so that an annotated one is in its section and there
 * before any constructor.
 */
#include <mutex>
#include <system_error>

#include <sys/wait.h>
#include <unistd.h>

#include <fondue/spinlock.h>

#include "../tap.h"

FONDUE_SHARED static fondue::spinlock lock, second;
FONDUE_SHARED static volatile int counter = 1;

static_assert(sizeof(fondue::spinlock) == 8, "the lock itself");

struct early {
	bool good;
	early() : good(fondue_spin_trylock(lock.native_handle()) == 0)
	{
		lock.unlock();
	}
};
static early before_main;

template <typename Work> static bool in_child(Work work)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(work() ? 7 : 1);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7;
}

static bool is_busy()
{
	return in_child([] {
		bool got = lock.try_lock();

		if (got)
			lock.unlock();
		return !got;
	});
}

static bool count()
{
	pid_t children[4];
	bool good = true;

	for (auto &child : children)
		if ((child = fork()) == 0) {
			for (int i = 0; i < 10000; i++) {
				std::lock_guard<fondue::spinlock> guard(lock);
				counter = counter + 1;
			}
			_exit(7);
		}
	for (auto child : children) {
		int status;
		good = waitpid(child, &status, 0) == child && status == 7 << 8 && good;
	}
	return good && counter == 40001;
}

static bool throws()
{
	std::lock_guard<fondue::spinlock> guard(lock);

	try {
		lock.lock();
	} catch (const std::system_error &error) {
		return error.code() == std::errc::resource_deadlock_would_occur;
	}
	return false;
}

static bool leaves_by_exception()
{
	try {
		FONDUE_SCOPED_LOCK(lock.native_handle());
		throw 1;
	} catch (int) {
	}
	return !is_busy();
}

int main()
{
	test("it can be had before main()", before_main.good);
	test("std::lock_guard: processes exclude one another", count());
	{
		std::unique_lock<fondue::spinlock> guard(lock, std::try_to_lock);
		test("std::unique_lock tries", guard.owns_lock() && is_busy());
		guard.unlock();
		test("and unlocks", !is_busy());
	}
#if __cplusplus >= 201703L
	{
		std::scoped_lock guard(lock, second);
		test("std::scoped_lock takes two", is_busy());
	}
	test("and releases them", !is_busy());
#endif
	test("taken twice it throws", throws());
	test("and is released by its owner", !is_busy());
	test("the scoped form ends with an exception", leaves_by_exception());
	test("the next owner is told of a death", in_child([] { return lock.lock() == 0; }) &&
			lock.lock() == EOWNERDEAD);
	lock.unlock();
	return tap_done();
}
