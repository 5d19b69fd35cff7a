/* SPDX-License-Identifier: MIT */
/*
 * fondue/process.h - n workers, each its piece; wait; collect
 *
 *	FONDUE_SHARED int sum[4];
 *
 *	static int add(unsigned i, void *arg)		in a process of its own
 *	{
 *		sum[i] = compute(i);
 *		return 0;
 *	}
 *
 *	if (fondue_fork_join(4, add, NULL, NULL))	all have ended when it returns
 *		complain();
 *
 * Each worker is a fork of the caller: it has a copy of all its variables as they are now,
 * and what it changes nobody else sees, but for what is shared: annotated globals under
 * libfondue.so, or memory from mmap(MAP_SHARED). These calls themselves need no runtime and
 * no library; the code is in <fondue/process-inline.h>.
 *
 * What to know before using it:
 *  - Output. What the caller has printed before and is still in a stdio buffer appears once;
 *    what a worker prints through stdio appears, even if a later piece kills it. For this
 *    fflush(NULL) is called before each fork and after each piece. It waits for a stream that
 *    another thread is in, as one in fgets(stdin) is: see FONDUE_JOIN_NO_FLUSH. What other
 *    threads print at the very moment of a fork may appear twice.
 *  - The end. A worker ends with _exit() when work() returns: handlers of atexit() and
 *    destructors of globals do not run in it, unless work() itself calls exit(). An exception
 *    that leaves work() is std::terminate(), where this header is included by C++. work() must
 *    not be left by longjmp(): it would go on as a second copy of the caller.
 *  - Children. Only the workers are waited for: not what they fork, daemons included. The
 *    program's own children, SIGCHLD handler and waitpid(-1) work as ever. They are told of the
 *    workers, too, and if they take the status of one, or if SIGCHLD is ignored, the results
 *    are right nevertheless: a worker writes down what work() returned, and how it died the
 *    kernel tells (from Linux 6.15; older ones: ECHILD in fondue_result.error).
 *  - Threads. A worker has only the thread that called. As after any fork() of a program with
 *    threads, locks that others held stay locked in it; malloc() and stdio are safe in glibc.
 *  - kill -9 of the caller leaves the workers running, as fork() does: see
 *    FONDUE_JOIN_DIE_WITH_PARENT. Ctrl-C reaches all of them.
 *
 * Both calls: thread-safe; may be nested, in a worker; not async-signal-safe; not to be left
 * by longjmp() from a signal handler. No cancellation points: a pthread_cancel() waits for
 * the end, and in work() and progress() it is disabled. Signal handlers of the program run
 * meanwhile, and the wait goes on. errno is left alone. One descriptor for each running
 * worker, closed on exec; those beyond RLIMIT_NOFILE are looked at every 10 ms instead.
 *
 * GNU C89 to C23 and C++11 to C++20, gcc and clang, Linux.
 */
#ifndef FONDUE_PROCESS_H
#define FONDUE_PROCESS_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * struct fondue_result - what became of one piece
 *
 * It is done if error and signal are 0; and well if status is, too.
 */
struct fondue_result {
	/*
	 * 0; or why nothing is known or was done: an error of fork(), as EAGAIN or ENOMEM: the
	 * piece has not run; ECANCELED: it has not run, as fondue_fork_join_pieces() tells;
	 * ECHILD: the worker has ended without a result, and the program has taken its status.
	 */
	int error;
	int signal;   /* that killed the worker in this piece; 0: none */
	int core;     /* 1: it has dumped core, too */
	int status;   /* what work() returned, all of it; or how the worker has exited */
	int returned; /* 1: work() returned; 0: the worker died, called exit(), or was exec'ed */
	int pid;      /* of the worker; 0: none */
};

/**
 * fondue_fork_join() - run n pieces of work in n processes at once, and wait for all
 * @n: 0: nothing is done
 * @work: called in worker i as work(i, @arg); its result is the exit status, and 0 is good
 * @results: n of them, filled in; NULL: not wanted
 *
 * A piece that cannot be forked is not run later: its result says so, and the others run.
 *
 * Ordering: work() sees what the caller did before; the caller sees, in memory they share,
 * what all workers did.
 * Return: 0 when all pieces are done, with status 0; ECHILD when some are not, which
 * @results tells; EINVAL, @work is NULL or n above INT_MAX; ENOMEM or another error of mmap():
 * nothing was run. Since: 0.1
 */
static __inline__ int fondue_fork_join(unsigned n, int (*work)(unsigned i, void *arg),
	void *arg, struct fondue_result *results);

/**
 * fondue_worker_index() - which worker is this?
 *
 * In fondue_fork_join() the number of the piece; in fondue_fork_join_pieces() from 0 to workers
 * - 1, for scratch memory, say: a worker that has died and its replacement have the same.
 * In nested calls the innermost counts. Known to the program or library that made the call.
 *
 * Return: -1 outside of a worker, and in processes that a worker has forked itself.
 * Safety: thread- and async-signal-safe. Since: 0.1
 */
static __inline__ int fondue_worker_index(void);

/**
 * fondue_processors() - how many processes can this one have running at once?
 *
 * Return: the number of processors in its affinity mask, but no more than the quota of its
 * control group (cpu.max of version 2, rounded up); at least 1.
 * Safety: thread-safe. Since: 0.1
 */
static __inline__ unsigned fondue_processors(void);

/* fondue_fork_join_options.flags */
#define FONDUE_JOIN_NO_FLUSH	    1u /* see to stdio yourself, before the call and in work() */
#define FONDUE_JOIN_DIE_WITH_PARENT 2u /* SIGKILL for the workers if the caller dies */

/*
 * struct fondue_fork_join_options - all zero is a good choice for all of it
 */
struct fondue_fork_join_options {
	unsigned size;	  /* bytes of this structure; 0: all that this header knows */
	unsigned workers; /* at once; 0: fondue_processors() */
	unsigned flags;	  /* FONDUE_JOIN_* */
	/*
	 * How often the caller is told how far it is, in milliseconds; 0: never. The last time
	 * all is done; if that is within the first interval, it is not told at all.
	 */
	unsigned progress_ms;
	/*
	 * Called in the calling thread with the number of pieces that are over. Other than 0: no
	 * more are handed out, those that run are waited for, the rest is ECANCELED. NULL: a
	 * line on standard error.
	 */
	int (*progress)(unsigned done, unsigned pieces, void *progress_arg);
	void *progress_arg;
};

/**
 * fondue_fork_join_pieces() - more pieces than processes: whoever is free takes the next
 * @options: NULL: all zero
 * @work: called as work(piece, @arg), for each piece at most once
 * @results: one for each piece
 *
 * Pieces are begun in order. If a worker dies, calls exit() or execs, the result of its
 * piece tells; another takes its place, and the other pieces are done. If not all workers
 * can be forked, fewer do the work; if none can, the pieces that are left have fork()'s error.
 * Should workers die again and again before they have begun a piece, those left are ECANCELED.
 * Between two pieces lie some hundred nanoseconds; a fork costs a thousand times that.
 *
 * Ordering, Return: as fondue_fork_join(); EINVAL for a size or a flag unknown, too. Since: 0.1
 */
static __inline__ int fondue_fork_join_pieces(unsigned pieces,
	const struct fondue_fork_join_options *options, int (*work)(unsigned piece, void *arg),
	void *arg, struct fondue_result *results);

#ifdef __cplusplus
}
#endif

#include <fondue/process-inline.h>

#ifdef __cplusplus
namespace fondue
{
/* fondue::fork_join(n, [&](unsigned i) { ...; return 0; }, results): captures are copies, too. */
template <typename Work>
int fork_join(unsigned n, Work work, struct fondue_result *results = nullptr)
{
	struct call {
		static int piece(unsigned i, void *arg)
		{
			return (*static_cast<Work *>(arg))(i);
		}
	};

	return fondue_fork_join(n, &call::piece, &work, results);
}

template <typename Work>
int fork_join_pieces(unsigned pieces, const struct fondue_fork_join_options *options, Work work,
	struct fondue_result *results = nullptr)
{
	struct call {
		static int piece(unsigned i, void *arg)
		{
			return (*static_cast<Work *>(arg))(i);
		}
	};

	return fondue_fork_join_pieces(pieces, options, &call::piece, &work, results);
}
} /* namespace fondue */
#endif

#endif
