/* SPDX-License-Identifier: MIT */
/*
 * Description: messages are whole lines, and never cost the host anything but time
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>

#include "kernel.h"
#include "log.h"
#include "said.h"
#include "scratch.h"

/* What is said starts with this. */
static const char *prefix(void)
{
	static char text[64];

	snprintf(text, sizeof(text), "fondue[%d]: ", (int)getpid());
	return text;
}

static bool says(const char *line)
{
	const char *seen = said();

	return !strncmp(seen, prefix(), strlen(prefix())) &&
	       !strcmp(seen + strlen(prefix()), line);
}

/* Formats */

#define formats(expected, ...)                                                           \
	({                                                                               \
		char text_[256];                                                         \
		log_format(text_, sizeof(text_), __VA_ARGS__);                           \
		!strcmp(text_, expected);                                                \
	})

static void test_formats(void)
{
	const char *volatile nothing = NULL; /* the compiler would warn of it */

	test("plain text", formats("as it is", "as it is"));
	test("%s", formats("a b", "%s %s", "a", "b"));
	test("%s of NULL is a question mark", formats("?", "%s", nothing));
	test("%s of an empty string", formats("()", "(%s)", ""));
	test("a newline in %s is a question mark",
		formats("a?b?", "%s", "a\nb\n"));
	test("%d", formats("0 42 -42", "%d %d %d", 0, 42, -42));
	test("%d at its limits",
		formats("2147483647 -2147483648", "%d %d", INT_MAX, INT_MIN));
	test("%u", formats("0 4294967295", "%u %u", 0U, UINT_MAX));
	test("%lu", formats("0 18446744073709551615", "%lu %lu", 0UL, ULONG_MAX));
	test("%zu", formats("0 18446744073709551615", "%zu %zu", (size_t)0, SIZE_MAX));
	test("%lx", formats("0 7f00deadbeef ffffffffffffffff", "%lx %lx %lx", 0UL,
			    0x7f00deadbeefUL, ULONG_MAX));
	test("%%", formats("100%", "%d%%", 100));
	test("many arguments", formats("1 2 3 4 5 6 7 8 9 10", "%d %d %d %d %d %d %d %d %d %d",
				       1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
}

static void test_cutting(void)
{
	char text[8];

	memset(text, 'x', sizeof(text));
	log_format(text, 5, "%s", "abcdefgh");
	test("a text is cut at its size, and ended",
		!memcmp(text, "abcd\0xxx", sizeof(text)));
	log_format(text, 5, "%d", 123456);
	test("in a number too", !strcmp(text, "1234"));
	log_format(text, 1, "%s", "abc");
	test("a text of one byte is empty", !*text && text[1] == '2');
	log_format(text, 8, "%s", "1234567");
	test("what just fits is whole", !strcmp(text, "1234567"));
}

/* Standard error */

static int play_line(void)
{
	said_start();
	log_start();
	errno = EXDEV;
	log_line("%s held %d ms", "lock", 312);
	must(errno == EXDEV);
	must(says("lock held 312 ms\n"));
	log_line("%s", "two\nlines\n");
	must(says("two?lines?\n"));
	must(said_lines() == 0);
	return CHILD_GOOD;
}

static int play_long_lines(void)
{
	static char text[3 * LOG_LINE_MAX];

	said_start();
	log_start();
	/* around the limit by single bytes, and far behind it */
	for (size_t len = LOG_LINE_MAX - 64; len < sizeof(text);
		len += len < LOG_LINE_MAX + 64 ? 1 : 500) {
		const char *line;
		size_t seen, whole = strlen(prefix()) + len + 1;

		memset(text, 'x', len);
		text[len] = '\0';
		log_line("%s", text);
		line = said();
		seen = strlen(line);
		must(seen == (whole < LOG_LINE_MAX ? whole : LOG_LINE_MAX));
		must(strchr(line, '\n') == line + seen - 1);
		must(said_lines() == 0);
	}
	return CHILD_GOOD;
}

static int play_one_write(void)
{
	said_start();
	log_start();
	kernel_reset();
	log_line("line");
	must(kernel_calls(SYS_write) == 1);
	must(kernel_calls(SYS_openat) == 0);
	log_set_file(scratch_path("one-write"));
	log_line("line");
	must(kernel_calls(SYS_write) == 2);
	must(kernel_calls(SYS_openat) == 1 && kernel_calls(SYS_close) == 1);
	return CHILD_GOOD;
}

static int play_closed(void)
{
	close(STDERR_FILENO);
	log_start();
	errno = EXDEV;
	log_line("nobody hears this");
	must(errno == EXDEV);
	must(open("/dev/zero", O_RDONLY) == STDERR_FILENO); /* it was not opened meanwhile */
	log_line("nor this");
	must(errno == EXDEV);
	return CHILD_GOOD;
}

/* Descriptor 2 was closed, and the program's database is there now. */
static int play_taken(void)
{
	const char *path = scratch_path("database");

	close(STDERR_FILENO);
	log_start();
	must(open(path, O_RDWR | O_CREAT, 0600) == STDERR_FILENO);
	must(write(STDERR_FILENO, "data", 4) == 4);
	log_line("this does not belong into a database");
	must(!strcmp(scratch_read("database"), "data"));
	return CHILD_GOOD;
}

/* The same, and standard error was something else at start. */
static int play_exchanged(void)
{
	const char *path = scratch_path("exchanged");

	said_start();
	log_start();
	close(STDERR_FILENO);
	must(open(path, O_RDWR | O_CREAT, 0600) == STDERR_FILENO);
	log_line("this does not belong into a database");
	must(!*scratch_read("exchanged"));
	return CHILD_GOOD;
}

/* A file, and then another one. */
static int play_exchanged_file(void)
{
	close(STDERR_FILENO);
	must(open(scratch_path("first"), O_WRONLY | O_CREAT, 0600) == STDERR_FILENO);
	log_start();
	close(STDERR_FILENO);
	must(open(scratch_path("second"), O_WRONLY | O_CREAT, 0600) == STDERR_FILENO);
	log_line("this does not belong into a database");
	must(!*scratch_read("first") && !*scratch_read("second"));
	return CHILD_GOOD;
}

/* A program that sends its standard error to a log file by itself. */
static int play_redirected(void)
{
	const char *path = scratch_path("redirected");

	said_start();
	log_start();
	close(STDERR_FILENO);
	must(open(path, O_WRONLY | O_CREAT | O_APPEND, 0600) == STDERR_FILENO);
	log_line("line");
	must(strstr(scratch_read("redirected"), "line\n"));
	return CHILD_GOOD;
}

/* `2>file` of a shell, without O_APPEND: it was so at start. */
static int play_file_at_start(void)
{
	const char *path = scratch_path("at-start");

	close(STDERR_FILENO);
	must(open(path, O_WRONLY | O_CREAT, 0600) == STDERR_FILENO);
	log_start();
	log_line("line");
	must(strstr(scratch_read("at-start"), "line\n"));
	return CHILD_GOOD;
}

/* Pipes and signals */

static volatile sig_atomic_t pipe_signals;

static void on_pipe(int number)
{
	(void)number;
	pipe_signals++;
}

static bool same_set(const sigset_t *a, const sigset_t *b)
{
	for (int number = 1; number < NSIG; number++)
		if (sigismember(a, number) != sigismember(b, number))
			return false;
	return true;
}

static int play_reader_gone(void)
{
	sigset_t before, after;

	signal(SIGPIPE, on_pipe);
	said_start();
	log_start();
	close(said_pipe[0]);
	sigprocmask(SIG_BLOCK, NULL, &before);
	errno = EXDEV;
	log_line("nobody hears this");
	sigprocmask(SIG_BLOCK, NULL, &after);
	must(errno == EXDEV);
	must(pipe_signals == 0);
	must(same_set(&before, &after));
	/* nor does one come later: it was taken back, and was not left pending */
	must(raise(SIGPIPE) == 0 && pipe_signals == 1);
	return CHILD_GOOD;
}

static int play_pending_pipe(void)
{
	sigset_t set;

	signal(SIGPIPE, on_pipe);
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	said_start();
	log_start();
	close(said_pipe[0]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGPIPE);
	log_line("nobody hears this");
	must(sigpending(&set) == 0 && sigismember(&set, SIGPIPE) == 1);
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	must(pipe_signals == 1);
	return CHILD_GOOD;
}

static void fill(int fd)
{
	static char bytes[4096];
	int flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	while (write(fd, bytes, sizeof(bytes)) > 0)
		;
	fcntl(fd, F_SETFL, flags);
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int play_full(void)
{
	long start;

	said_start();
	log_start();
	fill(STDERR_FILENO);
	start = now_ms();
	errno = EXDEV;
	log_line("there is no room for this");
	must(errno == EXDEV);
	must(now_ms() - start >= 50); /* it did wait for a reader that is merely slow */
	return CHILD_GOOD; /* and not for ever: the child would have been killed */
}

static void on_tick(int number)
{
	(void)number;
}

/* @number comes again and again, and system calls that can be restarted are. */
static bool start_ticking(int number, void (*handler)(int), long interval_ns)
{
	const struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = number };
	const struct itimerspec often = { { 0, interval_ns }, { 0, interval_ns } };
	timer_t timer;

	return sigaction(number, &action, NULL) == 0 &&
	       timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 &&
	       timer_settime(timer, 0, &often, NULL) == 0;
}

static int play_full_and_interrupted(void)
{
	alarm(10);
	said_start();
	log_start();
	fill(STDERR_FILENO);
	must(start_ticking(SIGUSR1, on_tick, 5000000));
	log_line("there is no room for this");
	return CHILD_GOOD;
}

/* A handler that interrupts everything, a log line included, and says something itself. */
static volatile sig_atomic_t handled;

static void say_in_handler(int number)
{
	(void)number;
	log_line("handler %d", (int)++handled);
}

/* One of the two lines below, with its own number and not a byte more or less. */
static bool is_whole(const char *line, int *main_lines, int *handler_lines)
{
	const char *text = line + strlen(prefix());
	char expected[64];

	if (strncmp(line, prefix(), strlen(prefix())))
		return false;
	snprintf(expected, sizeof(expected), "handler %d\n", *handler_lines + 1);
	if (!strcmp(text, expected))
		return ++*handler_lines;
	snprintf(expected, sizeof(expected), "main %d and a long tail\n", *main_lines + 1);
	if (!strcmp(text, expected))
		return ++*main_lines;
	return false;
}

static int play_in_handler(void)
{
	int main_lines = 0, handler_lines = 0;

	said_start();
	log_start();
	must(start_ticking(SIGUSR1, say_in_handler, 200000));
	for (int i = 0; handled < 500; i++) {
		/* interrupted inside malloc() as well, which must not be called then */
		free(malloc(i % 1000));
		if (i % 16 == 0)
			log_line("main %d and a long tail", i / 16 + 1);
		for (const char *line = said(); *line; line = said())
			must(is_whole(line, &main_lines, &handler_lines));
	}
	must(main_lines > 0 && handler_lines > 400);
	return CHILD_GOOD;
}

/* A file */

static int play_file(void)
{
	const char *path = scratch_path("file");
	char expected[256];
	struct stat status;
	int fd;

	said_start();
	fd = next_descriptor();
	log_start();
	log_set_file(path);
	errno = EXDEV;
	log_line("first");
	log_line("second");
	must(errno == EXDEV);
	snprintf(expected, sizeof(expected), "%sfirst\n%ssecond\n", prefix(), prefix());
	must(!strcmp(scratch_read("file"), expected));
	must(stat(path, &status) == 0 && (status.st_mode & 0777 & ~0644) == 0);
	must(said_lines() == 0);
	must(next_descriptor() == fd);

	/* a rotated log is written anew */
	must(rename(path, scratch_path("file.1")) == 0);
	log_line("third");
	must(strstr(scratch_read("file"), "third\n") && !strstr(scratch_read("file"), "second"));

	log_set_file(NULL);
	log_line("fourth");
	must(says("fourth\n"));
	return CHILD_GOOD;
}

/* All children write into one file: lines stay whole. */
static int play_together(void)
{
	static const char tail[] = "the quick brown fox jumps over the lazy dog; "
				   "the quick brown fox jumps over the lazy dog";
	unsigned lines = 0, seen[4] = { 0 };
	pid_t pids[4];
	FILE *file;
	char line[512];

	log_set_file(scratch_path("together"));
	for (unsigned i = 0; i < 4; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			for (unsigned n = 0; n < 250; n++)
				log_line("%u %u %s", i, n, tail);
			_exit(CHILD_GOOD);
		}
	}
	for (unsigned i = 0; i < 4; i++)
		must(unit_wait(pids[i]) == CHILD_GOOD);
	file = fopen(scratch_path("together"), "r");
	must(file);
	while (fgets(line, sizeof(line), file)) {
		unsigned i, n;
		int pid, end = -1;

		must(sscanf(line, "fondue[%d]: %u %u %n", &pid, &i, &n, &end) == 3);
		must(i < 4 && pid == pids[i] && n == seen[i]++);
		must(!strncmp(line + end, tail, sizeof(tail) - 1) &&
			!strcmp(line + end + sizeof(tail) - 1, "\n"));
		lines++;
	}
	must(lines == 1000);
	return CHILD_GOOD;
}

static int play_unopenable(void)
{
	int fd;

	said_start();
	fd = next_descriptor();
	log_start();
	errno = EXDEV;
	log_set_file(scratch_path("no-such-directory/log"));
	log_line("first");
	must(says("first\n"));
	log_set_file(scratch);
	log_line("second");
	must(says("second\n"));
	must(mkfifo(scratch_path("fifo"), 0600) == 0);
	errno = EXDEV;
	log_set_file(scratch_path("fifo")); /* nobody reads: open() would wait */
	log_line("third");
	must(says("third\n"));
	must(errno == EXDEV);
	must(next_descriptor() == fd);
	return CHILD_GOOD;
}

static int play_no_descriptors(void)
{
	const struct rlimit none = { 3, 3 };

	said_start();
	log_start();
	log_set_file(scratch_path("unreachable"));
	must(setrlimit(RLIMIT_NOFILE, &none) == 0);
	log_line("line");
	must(says("line\n"));
	return CHILD_GOOD;
}

/* Of a kernel that refuses everything. */
static int play_refused(void)
{
	said_start();
	log_start();
	kernel_refuse(SYS_ppoll, ENOSYS);
	kernel_refuse(SYS_rt_sigprocmask, EPERM);
	kernel_refuse(SYS_rt_sigpending, EPERM);
	errno = EXDEV;
	log_line("first");
	must(says("first\n") && errno == EXDEV);
	kernel_refuse(SYS_write, EPERM);
	log_line("second");
	must(said_lines() == 0 && errno == EXDEV);
	kernel_refuse(SYS_fstat, EPERM);
	log_line("third");
	must(said_lines() == 0 && errno == EXDEV);
	return CHILD_GOOD;
}

/* The members before the text, and what ends it. */
static bool says_object(const char *text)
{
	static char expected[LOG_LINE_MAX * 2];

	snprintf(expected, sizeof(expected),
		"{\"v\":1,\"ev\":\"message\",\"pid\":%d,\"text\":\"%s\"}\n", (int)getpid(), text);
	return !strcmp(said(), expected);
}

static int play_object(void)
{
	static char words[LOG_LINE_MAX];
	const char *last;

	said_start();
	log_start();
	log_as_json();
	errno = EXDEV;
	log_line("a %s and a %d", "\"\\", 5);
	must(says_object("a \\u0022\\u005c and a 5") && errno == EXDEV);
	log_line("%s", "gr\303\274n");
	must(says_object("gr\303\274n"));
	log_line("%s", "gr\374n");
	must(says_object("gr\\u00fcn"));
	/* what is too long is cut, never inside a character, and ends as an object does */
	memset(words, '"', sizeof(words) - 1);
	log_line("%s", words);
	last = said();
	must(*last == '{' && strlen(last) > 200 && !strcmp(last + strlen(last) - 9, "\\u0022\"}\n"));
	for (unsigned i = 0; i < sizeof(words) - 2; i += 2)
		memcpy(words + i, "\303\274", 2);
	log_line("%s", words);
	last = said();
	must(!strstr(last, "\\u00") && !strcmp(last + strlen(last) - 3, "\"}\n"));
	return CHILD_GOOD;
}

int main(void)
{
	scratch_make();
	test_formats();
	test_cutting();
	test_play("a line is pid, text and newline, and keeps errno", play_line);
	test_play("a long line is cut, its newline kept", play_long_lines);
	test_play("a line leaves in one write", play_one_write);
	test_play("a closed standard error is no trouble", play_closed);
	test_play("a file that took the place of standard error is left alone", play_taken);
	test_play("also if standard error was open at start", play_exchanged);
	test_play("or was another file then", play_exchanged_file);
	test_play("a log file that took its place is written to", play_redirected);
	test_play("and a file that was there at start", play_file_at_start);
	test_play("a reader that is gone: no SIGPIPE, mask as before", play_reader_gone);
	test_play("a SIGPIPE of the host stays pending", play_pending_pipe);
	test_play("a full pipe delays, and loses the line", play_full);
	test_play("also under signals that restart system calls", play_full_and_interrupted);
	test_play("a signal handler may say something at any time", play_in_handler);
	test_play("FONDUE_LOG: appended, rotated, no descriptor left", play_file);
	test_play("processes that share a log do not mix their lines", play_together);
	test_play("a log that cannot be opened: standard error", play_unopenable);
	test_play("no descriptor left for the log: standard error", play_no_descriptors);
	test_play("refused system calls lose lines at most", play_refused);
	test_play("as JSON each line is one object, whatever it says", play_object);
	scratch_remove();
	return tap_done();
}
