/* SPDX-License-Identifier: MIT */
/*
 * fondue/process-inline.h - the code of <fondue/process.h>
 *
 * The caller forks the workers with libc's fork(), so that all handlers of pthread_atfork()
 * run, and waits. Two kinds of memory: struct fondue_join_ is the caller's, of which each
 * worker has a copy; the desk, the pieces and the posts are a MAP_SHARED mapping, in which
 * workers write down what they take and what came of it. So a result does not depend on who
 * gets the exit status, and a death is known to be that of a certain piece.
 *
 * The caller knows a worker by a pidfd: it waits for that and for nobody else, and no number
 * can be used again under it. Until it has one the worker waits at a gate: not even a SIGCHLD
 * handler that reaps everything is faster.
 *
 * Plain system calls where libc's functions are declared in some language modes only.
 */
#ifndef FONDUE_PROCESS_INLINE_H
#define FONDUE_PROCESS_INLINE_H

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fondue/processors-inline.h>

#ifdef __cplusplus
extern "C" {
#define FONDUE_JOIN_NOEXCEPT_ noexcept
#else
#define FONDUE_JOIN_NOEXCEPT_
#endif

#if defined(MAP_ANONYMOUS)
#define FONDUE_JOIN_SHARED_ (MAP_SHARED | MAP_ANONYMOUS)
#elif defined(__mips__) /* strict C: the name is missing */
#define FONDUE_JOIN_SHARED_ (MAP_SHARED | 0x800)
#else
#define FONDUE_JOIN_SHARED_ (MAP_SHARED | 0x20)
#endif

extern long fondue_join_syscall_(long, ...) __asm__("syscall");

#define FONDUE_JOIN_CANCELS_ 1
#define FONDUE_JOIN_WEAK_
#if defined(__GLIBC__)
#if !__GLIBC_PREREQ(2, 34) /* a static program without threads may not have it, nor need it */
#undef FONDUE_JOIN_CANCELS_
#undef FONDUE_JOIN_WEAK_
#define FONDUE_JOIN_CANCELS_ (fondue_join_cancelstate_ != NULL)
#define FONDUE_JOIN_WEAK_    __attribute__((weak))
#endif
#endif
extern int fondue_join_cancelstate_(int, int *) __asm__(
	"pthread_setcancelstate") FONDUE_JOIN_WEAK_;

/* Which worker this process is; one in each linked object, never exported. */
struct fondue_worker_ {
	int pid; /* of the process for which the rest is true; 0: none */
	int index;
};
#if defined(__ELF__)
extern __attribute__((visibility("hidden"))) struct fondue_worker_ fondue_worker_;
__attribute__((weak, visibility("hidden"))) struct fondue_worker_ fondue_worker_;
#else
static struct fondue_worker_ fondue_worker_;
#endif

/* Shared. */
struct fondue_desk_ {
	unsigned next;	   /* the piece that is taken next, by whoever increments it */
	unsigned returned; /* so many have been done to their end */
	char line[56];	   /* what is written all the time is not beside what is not */
};

/* Shared. */
struct fondue_piece_ {
	unsigned owner; /* the worker that has begun it, + 1; never changes again */
	unsigned over;	/* FONDUE_PIECE_*_ */
	int status;	/* what work() returned */
	int pid;
};
#define FONDUE_PIECE_RETURNED_ 1u /* by the worker: the rest is valid */
#define FONDUE_PIECE_TOLD_     2u /* by the caller: its end is known, and in the results */

/* Shared: a worker's place, that of its replacement too. */
struct fondue_post_ {
	unsigned go;	/* 1: the caller has its pidfd */
	unsigned piece; /* the last that it has taken, or was about to, + 1; 0: none */
};

/* The caller's: who is at a post. */
struct fondue_hand_ {
	int pid; /* 0: nobody */
	int fd;	 /* -1: none, look at it now and then */
};

struct fondue_join_ {
	unsigned pieces, workers;
	int by_ticket; /* 0: worker i does piece i */
	int (*work)(unsigned, void *);
	void *arg;
	struct fondue_result *results; /* or NULL */
	struct fondue_fork_join_options options;

	struct fondue_desk_ *desk;
	struct fondue_piece_ *piece;
	struct fondue_post_ *post;
	size_t shared_size; /* of the three, bytes */
	struct fondue_hand_ *hand;
	struct pollfd *polled;

	int caller;	       /* its process id */
	unsigned live;	       /* workers */
	unsigned told, failed; /* pieces */
	unsigned fruitless;    /* workers in a row that died before they took a piece */
	int fork_error;	       /* of the last fork that failed */
	int stopped;	       /* no more pieces are handed out */
	int reported;	       /* progress has been told of */
	unsigned long due;     /* when it is to be again, ms */
};

/* So many, and it is not the pieces: more are not tried. */
#define FONDUE_JOIN_FRUITLESS_MAX_ 10
/* How often a worker without pidfd is looked at. Linux before 5.3, or too many descriptors. */
#define FONDUE_JOIN_LOOK_MS_ 10

#define FONDUE_JOIN_GET_(field)	       __atomic_load_n(&(field), __ATOMIC_ACQUIRE)
#define FONDUE_JOIN_SET_(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELEASE)

static __inline__ unsigned long fondue_join_ms_(void)
{
	long now[2] = { 0, 0 };

#if defined(SYS_clock_gettime)
	(void)fondue_join_syscall_(SYS_clock_gettime, 1 /* CLOCK_MONOTONIC */, now);
#endif
	return (unsigned long)now[0] * 1000 + (unsigned long)now[1] / 1000000;
}

static __inline__ void fondue_join_flush_(const struct fondue_join_ *join)
{
	if (!(join->options.flags & FONDUE_JOIN_NO_FLUSH))
		(void)fflush(NULL);
}

/* ---- in the worker ---- */

/* A second at most: whatever has become of the caller, the work is done. */
static __inline__ void fondue_join_await_go_(unsigned *go)
{
#if defined(__LP64__) && defined(SYS_futex) /* elsewhere there are two kinds of time */
	long tenth[2];
	int i;

	tenth[0] = 0;
	tenth[1] = 100000000;
	for (i = 0; i < 10 && !FONDUE_JOIN_GET_(*go); i++)
		(void)fondue_join_syscall_(
			SYS_futex, go, 0 /* FUTEX_WAIT */, 0, tenth, NULL, 0);
#else
	(void)go;
#endif
}

static __inline__ void fondue_join_open_(unsigned *go)
{
	FONDUE_JOIN_SET_(*go, 1);
#if defined(__LP64__) && defined(SYS_futex)
	(void)fondue_join_syscall_(SYS_futex, go, 1 /* FUTEX_WAKE */, 1, NULL, NULL, 0);
#endif
}

static __inline__ void fondue_join_follow_(const struct fondue_join_ *join)
{
	int parent;

	(void)fondue_join_syscall_(
		SYS_prctl, 1 /* PR_SET_PDEATHSIG */, 9ul /* SIGKILL */, 0ul, 0ul, 0ul);
	parent = getppid(); /* 0: it is in another namespace */
	if (parent != join->caller && parent != 0)
		(void)fondue_join_syscall_(SYS_kill, getpid(), 9);
}

/*
 * The next piece, or join->pieces. The post is written before the piece: who dies in between
 * has not begun it, as the caller can see.
 */
static __inline__ unsigned fondue_join_take_(struct fondue_join_ *join, unsigned who)
{
	while (FONDUE_JOIN_GET_(join->desk->next) < join->pieces) {
		unsigned nobody = 0;
		/* which one is all that matters; relaxed */
		unsigned piece = __atomic_fetch_add(&join->desk->next, 1, __ATOMIC_RELAXED);

		if (piece >= join->pieces)
			break;
		FONDUE_JOIN_SET_(join->post[who].piece, piece + 1);
		/* release: the post before; taken already if it was handed out once before */
		if (__atomic_compare_exchange_n(&join->piece[piece].owner, &nobody, who + 1, 0,
			    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return piece;
	}
	return join->pieces;
}

static __inline__ int fondue_join_do_(struct fondue_join_ *join, unsigned number)
{
	struct fondue_piece_ *piece = &join->piece[number];
	int status = join->work(number, join->arg);

	/* first what it has printed: if that kills the worker, the piece is not done */
	fondue_join_flush_(join);
	if (getpid() != fondue_worker_.pid)
		_exit(status); /* a child of the worker that has come back from work(), too */
	piece->status = status;
	piece->pid = fondue_worker_.pid;
	/* release: the two, and the work; pairs with the acquire in fondue_join_tell_all_() */
	FONDUE_JOIN_SET_(piece->over, FONDUE_PIECE_RETURNED_);
	(void)__atomic_fetch_add(&join->desk->returned, 1, __ATOMIC_RELAXED);
	return status;
}

/* noexcept: an exception must not get past here, into a second copy of the caller. */
__attribute__((noreturn)) static __inline__ void fondue_join_be_worker_(
	struct fondue_join_ *join, unsigned who) FONDUE_JOIN_NOEXCEPT_
{
	unsigned i, number;
	int status = 0;

	fondue_worker_.pid = getpid();
	fondue_worker_.index = (int)who;
	for (i = 0; i < join->workers; i++)
		if (join->hand[i].pid && join->hand[i].fd >= 0)
			(void)close(join->hand[i].fd);
	if (join->options.flags & FONDUE_JOIN_DIE_WITH_PARENT)
		fondue_join_follow_(join);
	fondue_join_await_go_(&join->post[who].go);
	if (!join->by_ticket)
		status = fondue_join_do_(join, who);
	else
		while ((number = fondue_join_take_(join, who)) < join->pieces)
			(void)fondue_join_do_(join, number);
	_exit(status);
}

/* ---- in the caller ---- */

/* Return: 0, or the error of fork(). */
static __inline__ int fondue_join_hire_one_(struct fondue_join_ *join, unsigned who)
{
	struct fondue_post_ *post = &join->post[who];
	int pid;

	FONDUE_JOIN_SET_(post->go, 0);
	FONDUE_JOIN_SET_(post->piece, 0);
	fondue_join_flush_(join);
	pid = (int)fork();
	if (pid < 0)
		return join->fork_error = errno;
	if (pid == 0)
		fondue_join_be_worker_(join, who);
	join->hand[who].pid = pid;
	join->hand[who].fd = (int)fondue_join_syscall_(434 /* pidfd_open */, pid, 0);
	join->live++;
	fondue_join_open_(&post->go);
	return 0;
}

/* The end of a piece that did not return, or was not begun. */
static __inline__ void fondue_join_tell_(
	struct fondue_join_ *join, unsigned number, const struct fondue_result *result)
{
	FONDUE_JOIN_SET_(join->piece[number].over, FONDUE_PIECE_TOLD_);
	join->told++;
	join->failed += result->error || result->signal || result->status;
	if (join->results)
		join->results[number] = *result;
}

static __inline__ void fondue_join_tell_error_(
	struct fondue_join_ *join, unsigned number, int error)
{
	struct fondue_result result;

	memset(&result, 0, sizeof(result));
	result.error = error;
	fondue_join_tell_(join, number, &result);
}

/* A worker for each post that is vacant, as long as there are pieces for them. */
static __inline__ void fondue_join_hire_(struct fondue_join_ *join)
{
	unsigned who, next = FONDUE_JOIN_GET_(join->desk->next);
	unsigned wanted = next < join->pieces && !join->stopped ? join->pieces - next : 0;

	for (who = 0; who < join->workers && wanted; who++)
		if (!join->hand[who].pid) {
			if (fondue_join_hire_one_(join, who))
				break;
			wanted--;
		}
}

/*
 * The status of a process that somebody else has reaped; since Linux 6.15.
 * @status: as from waitpid()
 */
static __inline__ int fondue_join_recall_(int fd, int *ret_status)
{
	struct { /* struct pidfd_info of <linux/pidfd.h> */
		uint64_t mask, cgroup;
		unsigned ids[11];
		int exit_code;
	} info;
	int tries;

	/*
	 * It may be about to go: no child any more, and the rest not yet done, or not yet told
	 * (ESRCH for an instant; for ever in Linux 6.13 and 6.14).
	 */
	for (tries = 0; tries < 300; tries++) {
		memset(&info, 0, sizeof(info));
		info.mask = 8; /* PIDFD_INFO_EXIT */
		if (fondue_join_syscall_(
			    SYS_ioctl, fd, 0xc040ff0bul /* PIDFD_GET_INFO */, &info) < 0) {
			if (errno != ESRCH)
				return 0;
		} else if (info.mask & 8) {
			*ret_status = info.exit_code;
			return 1;
		}
		(void)poll(NULL, 0, tries < 100 ? 0 : 1);
	}
	return 0;
}

/* What siginfo_t has of a child, and room for all of it. */
struct fondue_join_info_ {
#if defined(__mips__)
	int signal, code, error;
#else
	int signal, error, code;
#endif
#if defined(__LP64__)
	int pad;
#endif
	int pid;
	unsigned user;
	int status;
	int more[32];
};

/* Return: 0: *@info tells, or has pid 0: it has not ended; -1: it is no child, any more. */
static __inline__ long fondue_join_waitid_(
	const struct fondue_hand_ *hand, struct fondue_join_info_ *info)
{
	int by_fd = hand->fd >= 0;
	long got;

	memset(info, 0, sizeof(*info));
	do {
		/* P_PIDFD, P_PID; WEXITED, WNOHANG */
		got = fondue_join_syscall_(SYS_waitid, by_fd ? 3 : 1,
			by_fd ? hand->fd : hand->pid, info, hand->fd >= 0 ? 4 : 4 | 1, NULL);
		if (got < 0 && errno == EINVAL && by_fd) {
			by_fd = 0; /* Linux before 5.4 */
			errno = EINTR;
		}
	} while (got < 0 && errno == EINTR);
	return got;
}

/*
 * Has the worker @who ended, and how? If it has a pidfd, it is known that it has.
 * Return: 0: not yet.
 */
static __inline__ int fondue_join_reap_(
	struct fondue_join_ *join, unsigned who, struct fondue_result *result)
{
	struct fondue_hand_ hand = join->hand[who];
	struct fondue_join_info_ info;
	long got = fondue_join_waitid_(&hand, &info);
	int status;

	memset(result, 0, sizeof(*result));
	result->pid = hand.pid;
	if (got == 0 && info.pid == 0)
		return 0;
	if (got == 0 && info.code == 1 /* CLD_EXITED */) {
		result->status = info.status;
	} else if (got == 0) {
		result->signal = info.status;
		result->core = info.code == 3 /* CLD_DUMPED */;
	} else if (hand.fd >= 0 && fondue_join_recall_(hand.fd, &status)) {
		result->signal = status & 0x7f;
		result->core = (status & 0x80) != 0;
		result->status = (status >> 8) & 0xff;
	} else {
		result->error = ECHILD;
	}
	return 1;
}

/* A worker has ended: if that was in the middle of a piece, it is the end of the piece. */
static __inline__ void fondue_join_dismiss_(
	struct fondue_join_ *join, unsigned who, const struct fondue_result *result)
{
	unsigned last = FONDUE_JOIN_GET_(join->post[who].piece);
	unsigned number = join->by_ticket ? last - 1 : who;

	if (join->hand[who].fd >= 0)
		(void)close(join->hand[who].fd);
	join->hand[who].pid = 0;
	join->live--;
	if (number < join->pieces && FONDUE_JOIN_GET_(join->piece[number].over) == 0 &&
		(!join->by_ticket || FONDUE_JOIN_GET_(join->piece[number].owner) == who + 1))
		fondue_join_tell_(join, number, result);
	if (!join->by_ticket || FONDUE_JOIN_GET_(join->desk->next) >= join->pieces)
		return; /* that is why */
	join->fruitless = last ? 0 : join->fruitless + 1;
	if (join->fruitless >= FONDUE_JOIN_FRUITLESS_MAX_)
		join->stopped = 1;
}

static __inline__ void fondue_join_report_(struct fondue_join_ *join, unsigned done)
{
	const struct fondue_fork_join_options *options = &join->options;

	join->reported = 1;
	join->due = fondue_join_ms_() + options->progress_ms;
	if (!options->progress) {
		(void)fprintf(stderr, "%u of %u pieces done\n", done, join->pieces);
	} else if (options->progress(done, join->pieces, options->progress_arg)) {
		join->stopped = 1;
		FONDUE_JOIN_SET_(join->desk->next, join->pieces);
	}
}

/* ms until something is to be done whatever the workers do; -1: never */
static __inline__ int fondue_join_patience_(const struct fondue_join_ *join, int looking)
{
	long left = INT_MAX;

	if (join->options.progress_ms && !join->stopped)
		left = (long)(join->due - fondue_join_ms_());
	if (left < 0)
		left = 0;
	if (looking && left > FONDUE_JOIN_LOOK_MS_)
		left = FONDUE_JOIN_LOOK_MS_;
	return left >= INT_MAX ? -1 : (int)left;
}

/* Until at least one worker has ended, or progress is due, or a signal has come. */
static __inline__ int fondue_join_poll_(struct fondue_join_ *join)
{
	unsigned who, count = 0;
	int looking = 0;

	for (who = 0; who < join->workers; who++) {
		if (!join->hand[who].pid)
			continue;
		if (join->hand[who].fd < 0) {
			looking = 1;
			continue;
		}
		join->polled[count].fd = join->hand[who].fd;
		join->polled[count].events = POLLIN;
		join->polled[count++].revents = 0;
	}
	return poll(join->polled, count, fondue_join_patience_(join, looking)) > 0;
}

static __inline__ void fondue_join_wait_(struct fondue_join_ *join)
{
	struct fondue_result result;
	int some = fondue_join_poll_(join);
	unsigned who, at = 0;

	for (who = 0; who < join->workers; who++) {
		if (!join->hand[who].pid)
			continue;
		if (join->hand[who].fd >= 0 && !(join->polled[at++].revents && some))
			continue;
		if (fondue_join_reap_(join, who, &result))
			fondue_join_dismiss_(join, who, &result);
	}
	if (join->options.progress_ms && !join->stopped &&
		(long)(join->due - fondue_join_ms_()) <= 0)
		fondue_join_report_(join, FONDUE_JOIN_GET_(join->desk->returned) + join->told);
}

/* Nobody works, and all pieces have been handed out: has somebody died before he began one? */
static __inline__ int fondue_join_again_(struct fondue_join_ *join)
{
	unsigned i;

	if (!join->by_ticket || join->stopped ||
		FONDUE_JOIN_GET_(join->desk->next) < join->pieces)
		return 0;
	for (i = 0; i < join->pieces; i++)
		if (!FONDUE_JOIN_GET_(join->piece[i].owner)) {
			FONDUE_JOIN_SET_(join->desk->next, i);
			return 1;
		}
	return 0;
}

static __inline__ void fondue_join_work_(struct fondue_join_ *join)
{
	unsigned i;

	if (join->options.progress_ms)
		join->due = fondue_join_ms_() + join->options.progress_ms;
	for (i = 0; i < join->workers && !join->by_ticket; i++)
		if (fondue_join_hire_one_(join, i))
			fondue_join_tell_error_(join, i, join->fork_error);
	do {
		if (join->by_ticket)
			fondue_join_hire_(join);
		while (join->live) {
			fondue_join_wait_(join);
			if (join->by_ticket)
				fondue_join_hire_(join);
		}
	} while (fondue_join_again_(join));
}

/* The results of the pieces that returned, and of those that nobody has begun. */
static __inline__ void fondue_join_tell_all_(struct fondue_join_ *join)
{
	unsigned i;

	for (i = 0; i < join->pieces; i++) {
		const struct fondue_piece_ *piece = &join->piece[i];
		/* acquire: what the worker wrote; pairs with the release in fondue_join_do_() */
		unsigned over = FONDUE_JOIN_GET_(piece->over);

		if (over == 0) {
			fondue_join_tell_error_(join, i,
				join->stopped || !join->fork_error ? ECANCELED :
								     join->fork_error);
		} else if (over == FONDUE_PIECE_RETURNED_) {
			join->failed += piece->status != 0;
			if (!join->results)
				continue;
			memset(&join->results[i], 0, sizeof(join->results[i]));
			join->results[i].status = piece->status;
			join->results[i].returned = 1;
			join->results[i].pid = piece->pid;
		}
	}
	if (join->reported && !join->stopped)
		fondue_join_report_(join, join->pieces);
}

/* Return: 0, or an error, of which nothing is left. */
static __inline__ int fondue_join_prepare_(struct fondue_join_ *join)
{
	void *shared;

	join->shared_size = sizeof(struct fondue_desk_) +
			    join->pieces * sizeof(struct fondue_piece_) +
			    join->workers * sizeof(struct fondue_post_);
	if (join->shared_size / sizeof(struct fondue_piece_) < join->pieces)
		return ENOMEM; /* more than there are addresses */
	shared = mmap(
		NULL, join->shared_size, PROT_READ | PROT_WRITE, FONDUE_JOIN_SHARED_, -1, 0);
	if (shared == MAP_FAILED)
		return errno;
	join->desk = (struct fondue_desk_ *)shared;
	join->piece = (struct fondue_piece_ *)(void *)(join->desk + 1);
	join->post = (struct fondue_post_ *)(void *)(join->piece + join->pieces);
	join->hand = (struct fondue_hand_ *)calloc(join->workers, sizeof(*join->hand));
	join->polled = (struct pollfd *)calloc(join->workers, sizeof(*join->polled));
	return join->hand && join->polled ? 0 : ENOMEM;
}

static __inline__ void fondue_join_clear_(struct fondue_join_ *join)
{
	free(join->polled);
	free(join->hand);
	if (join->desk)
		(void)munmap(join->desk, join->shared_size);
}

/* Return: as the two public functions, whose common part it is. */
static __inline__ int fondue_join_run_(struct fondue_join_ *join)
{
	int saved = errno, before = 0, error;
	unsigned i;

	/* for good in the workers: whom their parent's thread was to be cancelled, they are not */
	if (FONDUE_JOIN_CANCELS_)
		(void)fondue_join_cancelstate_(1 /* PTHREAD_CANCEL_DISABLE */, &before);
	join->caller = getpid();
	error = fondue_join_prepare_(join);
	if (!error) {
		fondue_join_work_(join);
		fondue_join_tell_all_(join);
		if (join->failed)
			error = ECHILD;
	} else if (join->results) {
		memset(join->results, 0, join->pieces * sizeof(*join->results));
		for (i = 0; i < join->pieces; i++)
			join->results[i].error = error;
	}
	fondue_join_clear_(join);
	if (FONDUE_JOIN_CANCELS_)
		(void)fondue_join_cancelstate_(before, NULL);
	errno = saved;
	return error;
}

static __inline__ int fondue_fork_join(unsigned n, int (*work)(unsigned i, void *arg),
	void *arg, struct fondue_result *results)
{
	struct fondue_join_ join;

	if (!work || n > INT_MAX)
		return EINVAL;
	if (n == 0)
		return 0;
	memset(&join, 0, sizeof(join));
	join.pieces = join.workers = n;
	join.work = work;
	join.arg = arg;
	join.results = results;
	return fondue_join_run_(&join);
}

static __inline__ int fondue_fork_join_pieces(unsigned pieces,
	const struct fondue_fork_join_options *options, int (*work)(unsigned piece, void *arg),
	void *arg, struct fondue_result *results)
{
	struct fondue_join_ join;

	memset(&join, 0, sizeof(join));
	if (options)
		join.options = *options;
	if (!work || pieces > INT_MAX ||
		(join.options.size && join.options.size != sizeof(join.options)) ||
		(join.options.flags & ~(FONDUE_JOIN_NO_FLUSH | FONDUE_JOIN_DIE_WITH_PARENT)))
		return EINVAL;
	if (pieces == 0)
		return 0;
	join.pieces = pieces;
	join.workers = join.options.workers ? join.options.workers : fondue_processors();
	if (join.workers > pieces)
		join.workers = pieces;
	join.by_ticket = 1;
	join.work = work;
	join.arg = arg;
	join.results = results;
	return fondue_join_run_(&join);
}

static __inline__ int fondue_worker_index(void)
{
	return fondue_worker_.pid && fondue_worker_.pid == getpid() ? fondue_worker_.index : -1;
}

#ifdef __cplusplus
}
#endif

#endif
