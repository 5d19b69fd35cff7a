/* SPDX-License-Identifier: MIT */
/*
 * Description: programs without the usual descriptors, and messages nobody can read
 *
 * Sharing needs no descriptor, so a daemon may close them all. What the runtime has to
 * say goes to standard error, which may be closed, full, a pipe without a reader, a file
 * that may not grow, a terminal that stops background writers, or by now the program's
 * database. In none of these cases may the message cost the program more than the
 * message.
 */
#include <dlfcn.h>
#include <pty.h>
#include <sys/stat.h>
#include <termios.h>

#include <fondue/shared.h>

#include "filter.h"
#include "plugins/plugin.h"
#include "run.h"
#include "sharing.h"

FONDUE_SHARED static volatile int word = 1;

/* Scenarios report by their exit status: most have nowhere to print to. */
enum { SAW_SHARED = 20, SAW_PRIVATE, SAW_WRONG };

static int saw(const char *sharing)
{
	if (!strcmp(sharing, "shared"))
		return SAW_SHARED;
	return strcmp(sharing, "private") ? SAW_WRONG : SAW_PRIVATE;
}

static int play_word(void)
{
	return saw(sharing_of(&word));
}

static int play_close_all(void)
{
	for (int fd = 0; fd < 1024; fd++)
		close(fd);
	return play_word();
}

static int play_close_range(void)
{
	if (syscall(SYS_close_range, 0, ~0U, 0) != 0)
		return SAW_WRONG;
	return play_word();
}

/* The lowest free descriptor is what it would be without the runtime. */
static int play_next_descriptor(void)
{
	return dup(0) == 3 ? play_word() : SAW_WRONG;
}

/* Load a plugin too late to be shared, which the runtime has to say. */
static volatile int *load_late(void)
{
	volatile int *(*hits)(void);
	void *plugin;

	if (!is_shared(&word)) /* forks, too */
		_exit(SAW_WRONG);
	plugin = dlopen(run_beside("plugins/counter.so"), RTLD_NOW);
	if (!plugin)
		_exit(SAW_WRONG);
	*(void **)&hits = dlsym(plugin, "plugin_hits");
	return hits();
}

static int play_late(void)
{
	return saw(sharing_of(load_late()));
}

/*
 * Standard error was closed, and its number is now that of a file with the host's data.
 */
static int play_database(void)
{
	char name[] = "/tmp/database-XXXXXX";
	struct stat now;

	close(2);
	if (mkstemp(name) != 2)
		return SAW_WRONG;
	unlink(name);
	load_late();
	return fstat(2, &now) == 0 && now.st_size == 0 ? SAW_PRIVATE : SAW_WRONG;
}

/* Or that of a pipe of the host's, as daemons have one to wake themselves. */
static int play_own_pipe(void)
{
	int ends[2], reader;
	char byte;

	close(2);
	if (pipe2(ends, O_NONBLOCK) < 0 || ends[0] != 2)
		return SAW_WRONG;
	reader = dup(ends[0]);
	dup2(ends[1], 2);
	load_late();
	return read(reader, &byte, 1) < 0 && errno == EAGAIN ? SAW_PRIVATE : SAW_WRONG;
}

/* Or that of a device. What is written there is gone, so whoever writes is killed. */
static int play_device(void)
{
	static const struct rule rules[] = {{SYS_write, KILLED, 0, ~0U, 2}, {0}};

	close(2);
	if (open(getenv("DEVICE"), O_WRONLY) != 2 || !filter_install(rules))
		return SAW_WRONG;
	load_late();
	return SAW_PRIVATE;
}

static volatile sig_atomic_t pipe_signals;

static void count_signal(int signal)
{
	(void)signal;
	pipe_signals++;
}

/* The host's own SIGPIPE handler has nothing to do with our message. */
static int play_pipe_handler(void)
{
	signal(SIGPIPE, count_signal);
	load_late();
	return pipe_signals == 0 ? SAW_PRIVATE : SAW_WRONG;
}

/* A SIGPIPE that the host has blocked and waiting is neither taken nor doubled. */
static int play_pipe_pending(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, count_signal);
	raise(SIGPIPE);
	load_late();
	if (pipe_signals)
		return SAW_WRONG;
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	return pipe_signals == 1 ? SAW_PRIVATE : SAW_WRONG;
}

/* After our message the host's own writes to the dead pipe still end it, as they must. */
static int play_pipe_own(void)
{
	load_late();
	(void)!write(2, "x", 1);
	return SAW_WRONG;
}

/* A late message in every thread of ours finds the signal mask as the host set it. */
static int play_mask(void)
{
	sigset_t set, after;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_SETMASK, &set, NULL);
	load_late();
	sigprocmask(SIG_SETMASK, NULL, &after);
	for (int i = 1; i < NSIG; i++)
		if (sigismember(&after, i) != sigismember(&set, i))
			return SAW_WRONG;
	return SAW_PRIVATE;
}

static const struct scenario scenarios[] = {
	{"word", play_word},
	{"close-all", play_close_all},
	{"close-range", play_close_range},
	{"next-descriptor", play_next_descriptor},
	{"late", play_late},
	{"database", play_database},
	{"own-pipe", play_own_pipe},
	{"device", play_device},
	{"pipe-handler", play_pipe_handler},
	{"pipe-pending", play_pipe_pending},
	{"pipe-own", play_pipe_own},
	{"mask", play_mask},
	{NULL, NULL},
};

/* How a program is started: bits for start(). */
enum {
	REFUSED = 1 << 0, /* the kernel refuses to remap: a message at start */
	CLOSED_0 = 1 << 1,
	CLOSED_1 = 1 << 2,
	CLOSED_2 = 1 << 3,
	DEAD_PIPE = 1 << 4,
	FULL_PIPE = 1 << 5, /* with a reader that does not read */
	NONBLOCKING = 1 << 6,
	FILE_LIMIT = 1 << 7, /* standard error is a file, and files may not grow */
	DEVICE_FULL = 1 << 8,
};

static void dead_pipe(void)
{
	int ends[2];

	if (pipe(ends) < 0)
		_exit(124);
	close(ends[0]);
	dup2(ends[1], 2);
	close(ends[1]);
}

/* The reading end stays open, under a number that is out of the way. */
static void full_pipe(int flags)
{
	char block[4096] = "";
	int ends[2];

	if (pipe2(ends, O_NONBLOCK) < 0)
		_exit(124);
	while (write(ends[1], block, sizeof(block)) > 0)
		;
	fcntl(ends[1], F_SETFL, flags);
	dup2(ends[1], 2);
	close(ends[1]);
	dup2(ends[0], 100);
	close(ends[0]);
}

static void limited_file(void)
{
	const struct rlimit none = {0, 0};
	char name[] = "/tmp/stderr-XXXXXX";
	int fd = mkstemp(name);

	unlink(name);
	dup2(fd, 2);
	close(fd);
	setrlimit(RLIMIT_FSIZE, &none);
}

static void start(const void *arg)
{
	static const struct rule rules[] = {{.number = SYS_mremap, .error = EPERM}, {0}};
	int how = *(const int *)arg;

	if (how & DEAD_PIPE)
		dead_pipe();
	if (how & FULL_PIPE)
		full_pipe(how & NONBLOCKING ? O_NONBLOCK : 0);
	if (how & FILE_LIMIT)
		limited_file();
	if (how & DEVICE_FULL)
		dup2(open("/dev/full", O_WRONLY | O_CLOEXEC), 2);
	for (int fd = 0; fd < 3; fd++)
		if (how & CLOSED_0 << fd)
			close(fd);
	if (how & REFUSED && !filter_install(rules))
		_exit(124);
}

/* Run @scenario, started as @how says; how did it end? */
static int play(const char *scenario, int how, const char *env)
{
	static struct run r;

	r = (struct run){
		.args = {run_self(), scenario},
		.env = {env},
		.prepare = start,
		.arg = &how,
	};
	run(&r);
	if (r.timed_out || !WIFEXITED(r.status)) {
		tap_note("%s: %s %d", scenario, r.timed_out ? "hangs" : "signal",
			WTERMSIG(r.status));
		return -1;
	}
	return WEXITSTATUS(r.status);
}

static void test_sharing(void)
{
	test("shares when the program closes descriptors 0 to 1023, then forks",
		play("close-all", 0, NULL) == SAW_SHARED);
	test("shares when the program calls close_range(0, ~0), then forks",
		play("close-range", 0, NULL) == SAW_SHARED);
	test("shares in a program started with standard error closed",
		play("word", CLOSED_2, NULL) == SAW_SHARED);
	test("shares in a program started with no descriptor at all",
		play("word", CLOSED_0 | CLOSED_1 | CLOSED_2, NULL) == SAW_SHARED);
	test("the program's first descriptor is 3, as ever",
		play("next-descriptor", 0, NULL) == SAW_SHARED);
}

static void test_messages_at_start(void)
{
	test("a refused program with standard error closed runs on",
		play("word", REFUSED | CLOSED_2, NULL) == SAW_PRIVATE);
	test("a refused program with no descriptor at all runs on",
		play("word", REFUSED | CLOSED_0 | CLOSED_1 | CLOSED_2, NULL) ==
			SAW_PRIVATE);
	test("its first descriptor is 3, as ever",
		play("next-descriptor", REFUSED, NULL) == SAW_PRIVATE);
	test("a refusal into a pipe without a reader does not kill the program",
		play("word", REFUSED | DEAD_PIPE, NULL) == SAW_PRIVATE);
	test("a refusal into a full pipe does not hang the program",
		play("word", REFUSED | FULL_PIPE, NULL) == SAW_PRIVATE);
	test("a refusal into a full non-blocking pipe does not hang the program",
		play("word", REFUSED | FULL_PIPE | NONBLOCKING, NULL) == SAW_PRIVATE);
	test("a refusal into a full device does not stop the program",
		play("word", REFUSED | DEVICE_FULL, NULL) == SAW_PRIVATE);
	test("a refusal into a file under ulimit -f 0 (SIGXFSZ) does not kill the "
	     "program",
		play("word", REFUSED | FILE_LIMIT, NULL) == SAW_PRIVATE);
	test("nor does one into a FONDUE_LOG that cannot be written",
		play("word", REFUSED | DEAD_PIPE, "FONDUE_LOG=/") == SAW_PRIVATE);
}

static void test_messages_later(void)
{
	test("a late message into a pipe without a reader does not kill the program",
		play("late", DEAD_PIPE, NULL) == SAW_PRIVATE);
	test("a late message with standard error closed does no harm",
		play("late", CLOSED_2, NULL) == SAW_PRIVATE);
	test("a late message does not go to a file that has become descriptor 2",
		play("database", 0, NULL) == SAW_PRIVATE);
	test("nor into a pipe of the host's", play("own-pipe", 0, NULL) == SAW_PRIVATE);
	test("nor to a device that is no terminal",
		play("device", 0, "DEVICE=/dev/zero") == SAW_PRIVATE);
	test("but to /dev/null, which is what daemons put there",
		play("device", 0, "DEVICE=/dev/null") == -1);
	test("the host's handler of SIGPIPE is not called for a message",
		play("pipe-handler", DEAD_PIPE, NULL) == SAW_PRIVATE);
	test("a SIGPIPE pending for the host stays, and stays one",
		play("pipe-pending", DEAD_PIPE, NULL) == SAW_PRIVATE);
	test("the signal mask after a message is what it was",
		play("mask", DEAD_PIPE, NULL) == SAW_PRIVATE);
	test("the host's own write into the dead pipe kills it, as ever",
		play("pipe-own", DEAD_PIPE, NULL) == -1);
}

/*
 * In a child that leads a session on a terminal which stops background writers: start the
 * scenario in the background and look how it stands.
 */
static int play_in_background(void)
{
	const int refused = REFUSED;
	struct termios mode;
	int status = -1;
	pid_t pid;

	tcgetattr(0, &mode);
	mode.c_lflag |= TOSTOP;
	tcsetattr(0, TCSANOW, &mode);
	setenv("LD_PRELOAD", run_library(), 1);
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		start(&refused);
		execl(run_self(), run_self(), "word", NULL);
		_exit(124);
	}
	setpgid(pid, pid);
	if (waitpid(pid, &status, WUNTRACED) != pid || WIFSTOPPED(status)) {
		kill(pid, SIGKILL);
		return SAW_WRONG;
	}
	return WEXITSTATUS(status);
}

static void test_background(void)
{
	char rest[512];
	int master;
	pid_t pid;

	pid = forkpty(&master, NULL, NULL, NULL);
	if (pid == 0)
		_exit(play_in_background());
	if (pid < 0)
		tap_bail_out("no terminal");
	while (read(master, rest, sizeof(rest)) > 0)
		; /* what it prints, until the terminal is closed */
	test("a message does not stop a background program (stty tostop)",
		exit_status(pid) == SAW_PRIVATE);
	close(master);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return run_scenario(scenarios, argv[1]);
	test_sharing();
	test_messages_at_start();
	test_messages_later();
	test_background();
	return tap_done();
}
