/* SPDX-License-Identifier: MIT */
/*
 * Description: which system calls notice that their thread was asked: the table in fondue(7)
 *
 * A sleeping thread can be looked at without asking it. But one that was running may fall
 * asleep before the signal comes.
 */
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>

#include "asked.h"

#define FUTEX_WAIT 0 /* <linux/futex.h>, which musl's compiler does not find */

static const struct timespec long_time = { .tv_sec = 1000 };

static struct timespec far_away(void)
{
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += 1000;
	return at;
}

static int call_read(void)
{
	int ends[2];
	char byte;

	return pipe(ends) == 0 && read(ends[0], &byte, 1) < 0;
}

static int call_recv(void)
{
	int ends[2];
	char byte;

	return socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 && recv(ends[0], &byte, 1, 0) < 0;
}

/* A child that ends with us. */
static pid_t fork_along(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

static int call_waitpid(void)
{
	pid_t pid = fork_along();

	if (pid == 0)
		for (;;)
			pause();
	return waitpid(pid, NULL, 0) < 0;
}

static int call_setlkw(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_len = 1 };
	int fd = memfd_create("locked", 0), ends[2];
	char byte;

	if (pipe(ends) != 0)
		return -1;
	if (fork_along() == 0) {
		if (fcntl(fd, F_SETLK, &lock) == 0 && write(ends[1], "x", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	return read(ends[0], &byte, 1) == 1 && fcntl(fd, F_SETLKW, &lock) < 0;
}

static int call_flock(void)
{
	char name[] = "/tmp/fondue-XXXXXX";
	int first = mkstemp(name), second = open(name, O_RDWR);

	unlink(name);
	return flock(first, LOCK_EX) == 0 && flock(second, LOCK_EX) < 0;
}

static int call_sem_wait(void)
{
	sem_t semaphore;

	sem_init(&semaphore, 0, 0);
	return sem_wait(&semaphore) < 0;
}

static int call_mutex(void)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&mutex);
	return pthread_mutex_lock(&mutex) != 0;
}

static int call_cond_timedwait(void)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
	struct timespec end = far_away();

	pthread_mutex_lock(&mutex);
	return pthread_cond_timedwait(&condition, &mutex, &end) >= 0;
}

static int call_futex(void)
{
	int word = 0;

	return syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0) < 0;
}

static int call_futex_timed(void)
{
	int word = 0;

	return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &long_time, NULL, 0) < 0;
}

static int call_nanosleep(void)
{
	return nanosleep(&long_time, NULL) < 0;
}

static int call_clock_nanosleep(void)
{
	return clock_nanosleep(CLOCK_MONOTONIC, 0, &long_time, NULL) == EINTR;
}

static int call_sleep(void)
{
	return sleep(1000) > 0;
}

static int call_poll(void)
{
	return poll(NULL, 0, -1) < 0;
}

static int call_select(void)
{
	struct timeval time = { .tv_sec = 1000 };

	return select(0, NULL, NULL, NULL, &time) < 0;
}

static int call_epoll_wait(void)
{
	struct epoll_event event;

	return epoll_wait(epoll_create1(0), &event, 1, -1) < 0;
}

static int call_sem_timedwait(void)
{
	struct timespec end = far_away();
	sem_t semaphore;

	sem_init(&semaphore, 0, 0);
	return sem_timedwait(&semaphore, &end) < 0;
}

static int call_msgrcv(void)
{
	int queue = msgget(IPC_PRIVATE, 0600), result;
	struct {
		long type;
		char text[8];
	} message;

	result = msgrcv(queue, &message, sizeof(message.text), 0, 0) < 0;
	msgctl(queue, IPC_RMID, NULL);
	return result;
}

static int call_semop(void)
{
	struct sembuf down = { .sem_op = -1 };
	int set = semget(IPC_PRIVATE, 1, 0600), result;

	result = semop(set, &down, 1) < 0;
	semctl(set, 0, IPC_RMID);
	return result;
}

static int call_sigtimedwait(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return sigtimedwait(&set, NULL, &long_time) < 0;
}

static int call_recv_timed(void)
{
	struct timeval time = { .tv_sec = 1000 };
	int ends[2];
	char byte;

	return socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 &&
	       setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)) == 0 &&
	       recv(ends[0], &byte, 1, 0) < 0;
}

static int call_pause(void)
{
	return pause() < 0;
}

static int call_sigsuspend(void)
{
	sigset_t none;

	sigemptyset(&none);
	return sigsuspend(&none) < 0;
}

#ifdef __GLIBC__
#define LIBC_RETRIES false
#else
#define LIBC_RETRIES true /* musl does, in these two */
#endif

static const struct call {
	const char *name;
	int (*make)(void);
	bool notices;
} calls[] = {
	{ "read() of a pipe goes on", call_read, false },
	{ "recv() goes on", call_recv, false },
	{ "waitpid() goes on", call_waitpid, false },
	{ "fcntl(F_SETLKW) goes on", call_setlkw, false },
	{ "flock() goes on", call_flock, false },
	{ "sem_wait() goes on", call_sem_wait, false },
	{ "pthread_mutex_lock() goes on", call_mutex, false },
	{ "pthread_cond_timedwait() goes on", call_cond_timedwait, false },
	{ "a futex without a time-out goes on", call_futex, false },
	{ "nanosleep() ends with EINTR", call_nanosleep, true },
	{ "clock_nanosleep() ends with EINTR", call_clock_nanosleep, true },
	{ "sleep() returns early", call_sleep, true },
	{ "poll() ends with EINTR", call_poll, true },
	{ "select() ends with EINTR", call_select, true },
	{ "epoll_wait() ends with EINTR", call_epoll_wait, true },
	{ "sem_timedwait() ends with EINTR, unless libc goes on", call_sem_timedwait,
		!LIBC_RETRIES },
	{ "a futex with a time-out ends with EINTR", call_futex_timed, true },
	{ "msgrcv() ends with EINTR", call_msgrcv, true },
	{ "semop() ends with EINTR", call_semop, true },
	{ "sigtimedwait() ends with EINTR, unless libc goes on", call_sigtimedwait,
		!LIBC_RETRIES },
	{ "recv() with SO_RCVTIMEO ends with EINTR", call_recv_timed, true },
	{ "pause() ends with EINTR", call_pause, true },
	{ "sigsuspend() ends with EINTR", call_sigsuspend, true },
};

static const struct call *call;

/* After the call it never sleeps again. */
static void owner_calling(void)
{
	become_owner();
	atomic_store(&board->ready, 1);
	atomic_store(&board->result, 1 + call->make());
	while (!atomic_load(&board->go))
		NO_TAIL;
}

/* Asleep, or back from the call; and not on the way. */
static bool is_settled(pid_t pid)
{
	return atomic_load(&board->result) || state_of(pid, pid) == 'S';
}

static int play_call(void)
{
	pid_t pid = owner_start(owner_calling);
	struct question *question;
	struct snapshot snapshot;

	must(pid > 0 && eventually(is_settled(pid)) && !atomic_load(&board->result));
	must(owner_ask(&snapshot, &question) == 0);
	ask_done(question);
	must(eventually(is_settled(pid)));
	must(atomic_load(&board->result) == (call->notices ? 2 : 0));
	if (call->notices)
		must(owner_ends(pid));
	else
		must(owner_is_killed(pid));
	return CHILD_GOOD;
}

int main(void)
{
	if (is_emulated() || !owners_start()) {
		skip("asking", "an emulator stands between us and the kernel");
		return tap_done();
	}
	for (call = calls; call < calls + FONDUE_COUNT(calls); call++)
		test_play(call->name, play_call);
	return tap_done();
}
