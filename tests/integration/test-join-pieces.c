/* SPDX-License-Identifier: MIT */
/*
 * Description: more pieces than workers: handed out, replaced, counted, broken off
 *
 * Each piece is begun once at most, whoever dies, and its result tells what became of it. The
 * test is linked with --wrap=fork, so that forks can be counted and fail.
 */
#include <pthread.h>
#include <sys/mount.h>

#include "joining.h"

#define OPTIONS(...) (&(struct fondue_fork_join_options){ __VA_ARGS__ })

static unsigned long failing; /* bit i: the fork number i from now on */
static int forks;

pid_t __real_fork(void);
pid_t __wrap_fork(void);
pid_t __wrap_fork(void)
{
	unsigned number = (unsigned)forks++;

	if (failing >> (number < 63 ? number : 63) & 1) {
		errno = EAGAIN;
		return -1;
	}
	return __real_fork();
}

static void fail_forks(unsigned long which)
{
	failing = which;
	forks = 0;
}

static bool begun_once(unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		if (scene->begun[i] != 1)
			return false;
	return true;
}

static int work_crowd(unsigned i, void *arg)
{
	int now = atomic_fetch_add(&scene->now, 1) + 1, most = scene->most;

	while (now > most && !atomic_compare_exchange_weak(&scene->most, &most, now))
		;
	work_note(i, arg);
	await(scene->most >= *(int *)arg); /* so many at once, at least once */
	atomic_fetch_sub(&scene->now, 1);
	return 0;
}

static int play_pieces(void)
{
	int workers = 4;

	fail_forks(0);
	errno = 1234;
	must(fondue_fork_join_pieces(
		     500, OPTIONS(.workers = 4), work_crowd, &workers, results) == 0);
	must(errno == 1234 && forks == 4);
	must(begun_once(0, 500) && all_returned(0, 500, 0));
	must(scene->most == 4);
	for (int i = 0; i < 500; i++)
		must(scene->index[i] >= 0 && scene->index[i] < 4);
	must(is_childless());
	return CHILD_GOOD;
}

static int play_defaults(void)
{
	fail_forks(0);
	must(fondue_fork_join_pieces(50, NULL, work_note, NULL, results) == 0);
	must(begun_once(0, 50) && all_returned(0, 50, 0));
	must(forks == (int)fondue_processors() && forks >= 1);
	fail_forks(0);
	must(fondue_fork_join_pieces(2, OPTIONS(.workers = 9), work_note, NULL, NULL) == 0);
	must(forks == 2);
	must(fondue_fork_join_pieces(2,
		     OPTIONS(.size = sizeof(struct fondue_fork_join_options)), work_note, NULL,
		     NULL) == 0);
	return CHILD_GOOD;
}

static int play_misuse(void)
{
	fail_forks(0);
	must(fondue_fork_join_pieces(5, OPTIONS(.size = 4), work_note, NULL, NULL) == EINVAL);
	must(fondue_fork_join_pieces(5, OPTIONS(.flags = 64), work_note, NULL, NULL) == EINVAL);
	must(fondue_fork_join_pieces(5, NULL, NULL, NULL, NULL) == EINVAL);
	must(fondue_fork_join_pieces(1u << 31, NULL, work_note, NULL, NULL) == EINVAL);
	must(fondue_fork_join_pieces(0, NULL, work_note, NULL, NULL) == 0);
	must(scene->calls == 0 && forks == 0);
	return CHILD_GOOD;
}

static int work_order(unsigned i, void *arg)
{
	(void)arg;
	return atomic_fetch_add(&scene->calls, 1) != (int)i;
}

static int play_order(void)
{
	must(fondue_fork_join_pieces(200, OPTIONS(.workers = 1), work_order, NULL, NULL) == 0);
	return CHILD_GOOD;
}

static int play_processors(void)
{
	cpu_set_t one;

	must(fondue_processors() >= 1);
	must(sched_getaffinity(0, sizeof(one), &one) == 0);
	must(fondue_processors() <= (unsigned)CPU_COUNT(&one));
	for (int i = 0, found = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &one) && found++)
			CPU_CLR(i, &one);
	must(sched_setaffinity(0, sizeof(one), &one) == 0 && fondue_processors() == 1);
	return CHILD_GOOD;
}

/* In a namespace where a group is what we say. */
static bool write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	return file && fputs(text, file) >= 0 && fclose(file) == 0;
}

static bool pretend_groups(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", "/sys/fs/cgroup", "tmpfs", 0, NULL) == 0 &&
	       mkdir("/sys/fs/cgroup/a", 0755) == 0 && mkdir("/sys/fs/cgroup/a/b", 0755) == 0 &&
	       write_file("/sys/fs/cgroup/self", "3:cpu:/other\n0::/a/b\n") &&
	       mount("/sys/fs/cgroup/self", "/proc/self/cgroup", NULL, MS_BIND, NULL) == 0;
}

static int play_may_pretend(void)
{
	return pretend_groups() ? CHILD_GOOD : 1;
}

static int play_quota(void)
{
	unsigned all = fondue_processors();

	must(pretend_groups() && fondue_processors() == all);
	must(write_file("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n"));
	must(fondue_processors() == all);
	must(write_file("/sys/fs/cgroup/a/cpu.max", "50000 100000\n"));
	must(fondue_processors() == 1);
	must(write_file("/sys/fs/cgroup/a/cpu.max", "100001 100000\n"));
	must(fondue_processors() == (all < 2 ? all : 2));
	must(write_file("/sys/fs/cgroup/a/b/cpu.max", "10000 100000\n"));
	must(fondue_processors() == 1);
	return CHILD_GOOD;
}

/* ---- deaths ---- */

static int play_deaths(void)
{
	int orders[40] = { [3] = -SIGKILL, [4] = -SIGSEGV, [17] = 9, [39] = -SIGTERM };

	must(fondue_fork_join_pieces(40, OPTIONS(.workers = 3), work_obey, orders, results) ==
		ECHILD);
	must(begun_once(0, 40));
	for (int i = 0; i < 40; i++)
		must(orders[i] < 0 ? is_killed_by(&results[i], -orders[i]) :
				     is_returned(&results[i], orders[i]));
	must(is_childless());
	return CHILD_GOOD;
}

static int play_all_die(void)
{
	int orders[30];

	for (int i = 0; i < 30; i++)
		orders[i] = -SIGKILL;
	must(fondue_fork_join_pieces(30, OPTIONS(.workers = 4), work_obey, orders, results) ==
		ECHILD);
	must(begun_once(0, 30));
	for (int i = 0; i < 30; i++)
		must(is_killed_by(&results[i], SIGKILL));
	return CHILD_GOOD;
}

static int work_leave(unsigned i, void *arg)
{
	work_note(i, arg);
	if (i % 4 == 1)
		exit(0);
	if (i % 4 == 2 && unsetenv("LD_PRELOAD") == 0)
		execl("/bin/sh", "sh", "-c", "exit 3", NULL);
	return 0;
}

static int play_leaving(void)
{
	must(fondue_fork_join_pieces(20, OPTIONS(.workers = 2), work_leave, NULL, results) ==
		ECHILD);
	must(begun_once(0, 20));
	for (int i = 0; i < 20; i++)
		must(i % 4 == 1	   ? is_exited(&results[i], 0) :
			i % 4 == 2 ? is_exited(&results[i], 3) :
				     is_returned(&results[i], 0));
	return CHILD_GOOD;
}

/* A child of a worker that comes back from work() takes no pieces. */
static int work_double(unsigned i, void *arg)
{
	pid_t pid;

	work_note(i, arg);
	pid = fork();
	return pid == 0 ? 3 : unit_wait(pid) == 3 ? 0 : 1;
}

static int play_doubles(void)
{
	must(fondue_fork_join_pieces(20, OPTIONS(.workers = 3), work_double, NULL, results) ==
		0);
	must(begun_once(0, 20) && all_returned(0, 20, 0));
	return CHILD_GOOD;
}

static void die_at_birth(void)
{
	raise(SIGKILL);
}

static int play_stillborn(void)
{
	pthread_atfork(NULL, NULL, die_at_birth);
	fail_forks(0);
	must(fondue_fork_join_pieces(100, OPTIONS(.workers = 4), work_note, NULL, results) ==
		ECHILD);
	for (int i = 0; i < 100; i++)
		must(is_error(&results[i], ECANCELED));
	must(scene->calls == 0 && forks <= 20 && is_childless());
	return CHILD_GOOD;
}

/*
 * Workers are killed whenever, by one that is none, from the first piece that they begin. Some
 * pieces wait for that.
 */
static int work_in_danger(unsigned i, void *arg)
{
	atomic_store(&scene->pid[fondue_worker_index()], getpid());
	work_note(i, arg);
	if (i % 16 == 0)
		await(scene->taken >= (int)i / 16);
	return 0;
}

static void kill_workers(unsigned seed, int workers)
{
	while (!scene->flag) {
		pid_t pid;

		seed = seed * 1103515245 + 12345;
		pid = atomic_exchange(&scene->pid[seed / 65536 % (unsigned)workers], 0);
		if (pid && kill(pid, SIGKILL) == 0)
			atomic_fetch_add(&scene->taken, 1);
		for (unsigned n = 0; n < seed / 65536 % 8; n++)
			sched_yield();
	}
	_exit(CHILD_GOOD);
}

static int play_massacre(void)
{
	pid_t killer = fork();
	int dead = 0, result;

	if (killer == 0)
		kill_workers(20131127, 4);
	result = fondue_fork_join_pieces(
		PIECES_MAX, OPTIONS(.workers = 4), work_in_danger, NULL, results);
	scene->flag = 1;
	must(unit_wait(killer) == CHILD_GOOD && is_childless());
	for (int i = 0; i < PIECES_MAX; i++) {
		bool done = is_returned(&results[i], 0);

		must(done ? scene->begun[i] == 1 :
			    is_killed_by(&results[i], SIGKILL) && scene->begun[i] <= 1);
		dead += !done;
	}
	must(result == ECHILD && dead > 10);
	tap_note("  of %d pieces %d died, of %d workers", PIECES_MAX, dead, scene->taken);
	return CHILD_GOOD;
}

/*
 * The instant between a ticket and the piece, which no killer hits for sure: in piece 5 tickets
 * are taken, as by workers that die then.
 */
static struct fondue_join_ inside;

static int work_losing(unsigned i, void *arg)
{
	work_note(i, arg);
	if (i == 5 || i == 30)
		atomic_fetch_add((atomic_uint *)&inside.desk->next, 3);
	return 0;
}

static int play_lost_tickets(void)
{
	fail_forks(0);
	inside.pieces = 50;
	inside.workers = 2;
	inside.by_ticket = 1;
	inside.work = work_losing;
	inside.results = results;
	must(fondue_join_run_(&inside) == 0);
	must(begun_once(0, 50) && all_returned(0, 50, 0) && forks > 2);
	return CHILD_GOOD;
}

/* ---- forks that fail ---- */

static int play_few_workers(void)
{
	int one = 1;

	fail_forks(~1ul); /* all but the first */
	must(fondue_fork_join_pieces(50, OPTIONS(.workers = 8), work_crowd, &one, results) ==
		0);
	must(all_returned(0, 50, 0) && scene->most == 1);
	return CHILD_GOOD;
}

static int play_no_workers(void)
{
	fail_forks(~0ul);
	must(fondue_fork_join_pieces(50, OPTIONS(.workers = 8), work_note, NULL, results) ==
		ECHILD);
	for (int i = 0; i < 50; i++)
		must(is_error(&results[i], EAGAIN));
	must(scene->calls == 0);
	return CHILD_GOOD;
}

/* Two begin; one dies, and cannot be replaced: the other does the rest. */
static int play_no_replacement(void)
{
	int orders[50] = { [1] = -SIGKILL };

	fail_forks(~3ul);
	must(fondue_fork_join_pieces(50, OPTIONS(.workers = 2), work_obey, orders, results) ==
		ECHILD);
	must(begun_once(0, 50));
	must(is_killed_by(&results[1], SIGKILL) && all_returned(2, 50, 0));
	return CHILD_GOOD;
}

/* And when he dies, too, the rest is not done. */
static int play_last_worker_dies(void)
{
	int orders[50] = { [20] = -SIGKILL };

	fail_forks(~1ul);
	must(fondue_fork_join_pieces(50, OPTIONS(.workers = 2), work_obey, orders, results) ==
		ECHILD);
	must(all_returned(0, 20, 0) && is_killed_by(&results[20], SIGKILL));
	for (int i = 21; i < 50; i++)
		must(is_error(&results[i], EAGAIN));
	return CHILD_GOOD;
}

/* ---- progress ---- */

static int told[1000], times;

/* Workers do a piece each time that somebody has been told. */
static int work_told(unsigned i, void *arg)
{
	await(scene->flag > (int)i || i >= *(unsigned *)arg);
	return work_note(i, arg);
}

static int tell(unsigned done, unsigned pieces, void *arg)
{
	if (times < 1000 && pieces == 20 && getpid() == *(pid_t *)arg)
		told[times++] = (int)done;
	scene->flag++;
	return 0;
}

static int play_progress(void)
{
	unsigned until = 20;
	pid_t self = getpid();

	must(fondue_fork_join_pieces(20,
		     OPTIONS(.workers = 2, .progress_ms = 1, .progress = tell,
			     .progress_arg = &self),
		     work_told, &until, results) == 0);
	must(times >= 20 && times < 1000 && told[times - 1] == 20);
	for (int i = 1; i < times; i++)
		must(told[i] >= told[i - 1]);
	must(told[0] == 0);
	return CHILD_GOOD;
}

static int play_short(void)
{
	pid_t self = getpid();

	must(fondue_fork_join_pieces(20,
		     OPTIONS(.workers = 2, .progress_ms = 50000, .progress = tell,
			     .progress_arg = &self),
		     work_note, NULL, NULL) == 0);
	must(times == 0);
	return CHILD_GOOD;
}

static int stop_at_five(unsigned done, unsigned pieces, void *arg)
{
	(void)pieces, (void)arg;
	scene->flag += done >= 5 ? PIECES_MAX : 1;
	return done >= 5;
}

/* Piece i waits until the caller has been told i + 1 times, or has broken off. */
static int play_breaking_off(void)
{
	unsigned until = PIECES_MAX, done = 0, cancelled = 0;

	must(fondue_fork_join_pieces(1000,
		     OPTIONS(.workers = 2, .progress_ms = 1, .progress = stop_at_five),
		     work_told, &until, results) == ECHILD);
	for (int i = 0; i < 1000; i++) {
		must(is_returned(&results[i], 0) || is_error(&results[i], ECANCELED));
		must(scene->begun[i] == is_returned(&results[i], 0));
		done += results[i].error == 0;
		cancelled += results[i].error == ECANCELED;
	}
	must(done >= 5 && done < 20 && done + cancelled == 1000 && is_childless());
	return CHILD_GOOD;
}

static int work_line(unsigned i, void *arg)
{
	(void)i;
	await(lseek(*(int *)arg, 0, SEEK_END) > 0); /* a line has been written */
	return 0;
}

static int play_line(void)
{
	char path[] = "/tmp/fondue-join-XXXXXX", text[4096] = "";
	int fd = mkstemp(path);

	must(fd >= 0 && unlink(path) == 0 && dup2(fd, STDERR_FILENO) >= 0);
	must(fondue_fork_join_pieces(
		     3, OPTIONS(.workers = 1, .progress_ms = 1), work_line, &fd, NULL) == 0);
	must(pread(fd, text, sizeof(text) - 1, 0) > 0);
	must(strncmp(text, "0 of 3 pieces done\n", 19) == 0);
	must(strstr(text, "\n3 of 3 pieces done\n"));
	return CHILD_GOOD;
}

int main(void)
{
	scene_open();
	test("each piece once, by so many workers at once", plays(play_pieces));
	test("without options by one for each processor", plays(play_defaults));
	test("what is not known is EINVAL", plays(play_misuse));
	test("pieces are begun in order", plays(play_order));
	test("processors are those of the affinity mask", plays(play_processors));
	if (unit_plays(play_may_pretend))
		test("but no more than the quota of the group and those around it",
			plays(play_quota));
	test("a death costs one piece", plays(play_deaths));
	test("even if each piece is one", plays(play_all_die));
	test("exit() and exec cost one, too", plays(play_leaving));
	test("children of workers do no pieces", plays(play_doubles));
	test("it is given up if workers die without having begun any", plays(play_stillborn));
	test("killed at any time, no piece is begun twice or forgotten", plays(play_massacre));
	test("nor one whose ticket has died with a worker", plays(play_lost_tickets));
	test("if only one can be forked, that one does all", plays(play_few_workers));
	test("if none can, each piece says why", plays(play_no_workers));
	test("one that cannot be replaced is done without", plays(play_no_replacement));
	test("if nobody is left, the rest says why", plays(play_last_worker_dies));
	test("the caller is told how far it is, to the end", plays(play_progress));
	test("not if it takes no time", plays(play_short));
	test("it can break off", plays(play_breaking_off));
	test("else it is a line on standard error", plays(play_line));
	return tap_done();
}
