// SPDX-License-Identifier: MIT
/*
 * Description: fork and join in C++: lambdas, exceptions, destructors
 */
#include <cstring>
#include <iostream>
#include <stdexcept>
#include <vector>

#include <csignal>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fondue/fondue.h>

#include "../tap.h"

/* Shared by mmap(), so that all is the same without the runtime. */
static volatile int *counter;

/* Of a global one the destructor runs in no worker, and of the caller's variables neither. */
struct mortal {
	~mortal()
	{
		__atomic_add_fetch(&counter[1], 1, __ATOMIC_RELAXED);
	}
};
static mortal global;

template <typename Play> static bool in_child(Play play)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(play() ? 7 : 1);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7;
}

static bool lambdas()
{
	std::vector<fondue_result> results(6);
	int start = 10, seen = 0;
	int result = fondue::fork_join(
		6,
		[&](unsigned i) {
			seen++; /* a copy's */
			__atomic_add_fetch(
				&counter[0], start + static_cast<int>(i), __ATOMIC_RELAXED);
			return static_cast<int>(i);
		},
		results.data());

	for (int i = 0; i < 6; i++)
		if (results[i].status != i || !results[i].returned)
			return false;
	return result == ECHILD && counter[0] == 75 && seen == 0;
}

static bool pieces()
{
	fondue_fork_join_options options = {};

	options.workers = 3;
	return fondue::fork_join_pieces(100, &options,
		       [](unsigned) {
			       __atomic_add_fetch(&counter[2], 1, __ATOMIC_RELAXED);
			       return fondue_worker_index() < 0;
		       }) == 0 &&
	       counter[2] == 100;
}

/* If it came through to here, a copy of the caller would go on. */
static bool exceptions()
{
	fondue_result results[2];
	mortal local;

	std::signal(SIGABRT, SIG_DFL);
	try {
		if (!freopen("/dev/null", "w", stderr)) /* what std::terminate() says */
			return false;
		if (fondue::fork_join(
			    2,
			    [](unsigned i) -> int {
				    if (i == 1)
					    throw std::runtime_error("not to be caught");
				    return 0;
			    },
			    results) != ECHILD)
			return false;
	} catch (...) {
		__atomic_add_fetch(&counter[3], 1, __ATOMIC_RELAXED);
	}
	return counter[3] == 0 && counter[1] == 0 && results[0].returned &&
	       results[1].signal == SIGABRT;
}

static bool streams()
{
	char text[256] = "";
	int ends[2];

	if (pipe(ends) < 0 || dup2(ends[1], STDOUT_FILENO) < 0)
		return false;
	std::cout << "before\n";
	if (fondue::fork_join(1, [](unsigned) {
		    std::cout << "worker\n";
		    return 0;
	    }) != 0)
		return false;
	std::cout << "after\n" << std::flush;
	return read(ends[0], text, sizeof(text) - 1) > 0 &&
	       std::strcmp(text, "before\nworker\nafter\n") == 0;
}

int main()
{
	void *shared =
		mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		tap_bail_out("no memory");
	counter = static_cast<volatile int *>(shared);
	test("a lambda is run in each worker, on copies", in_child(lambdas));
	test("and with pieces", in_child(pieces));
	test("an exception ends its worker, by SIGABRT", in_child(exceptions));
	test("std::cout says all once", in_child(streams));
	return tap_done();
}
