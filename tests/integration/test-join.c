/* SPDX-License-Identifier: MIT */
/*
 * Description: fork, work, wait, collect: what became of each worker
 *
 * Workers return, exit, exec, die, fork and leave; in each case the results of the others
 * are whole, and nothing is left behind: no child, no descriptor.
 */
#include <dirent.h>

#include "joining.h"

static int play_pieces(void)
{
	errno = 1234;
	must(fondue_fork_join(20, work_note, NULL, results) == 0);
	must(errno == 1234);
	must(all_returned(0, 20, 0));
	for (int i = 0; i < 20; i++) {
		must(scene->begun[i] == 1 && scene->index[i] == i);
		must(results[i].pid != getpid());
		must(i == 0 || results[i].pid != results[i - 1].pid);
	}
	must(is_childless());
	return CHILD_GOOD;
}

static int work_meet(unsigned i, void *arg)
{
	work_note(i, arg);
	await(scene->calls == 5);
	return 0;
}

static int play_at_once(void)
{
	must(fondue_fork_join(5, work_meet, NULL, NULL) == 0);
	return CHILD_GOOD;
}

static int play_misuse(void)
{
	must(fondue_fork_join(0, work_note, NULL, results) == 0);
	must(fondue_fork_join(3, NULL, NULL, results) == EINVAL);
	must(fondue_fork_join(1u << 31, work_note, NULL, NULL) == EINVAL);
	must(scene->calls == 0 && is_childless());
	return CHILD_GOOD;
}

/* 256 and 512 would be 0 as exit statuses. */
static int play_statuses(void)
{
	int orders[] = { 0, 1, 255, 256, 512, 0x7fffffff };

	must(fondue_fork_join(6, work_obey, orders, results) == ECHILD);
	for (int i = 0; i < 6; i++)
		must(is_returned(&results[i], orders[i]));
	must(fondue_fork_join(2, work_obey, &orders[3], NULL) == ECHILD);
	return CHILD_GOOD;
}

static int play_deaths(void)
{
	int orders[] = { 0, -SIGKILL, 3, -SIGSEGV, -SIGTERM, 0 };

	must(fondue_fork_join(6, work_obey, orders, results) == ECHILD);
	for (int i = 0; i < 6; i++)
		must(orders[i] < 0 ? is_killed_by(&results[i], -orders[i]) :
				     is_returned(&results[i], orders[i]));
	must(is_childless());
	return CHILD_GOOD;
}

/* Whether there is a core depends on the system: as waitpid() says of such a child. */
static int play_core(void)
{
	struct rlimit limit = { 0, 0 };
	int orders[] = { -SIGABRT }, status;

	for (int round = 0; round < 2; round++) {
		pid_t pid = fork();

		if (pid == 0) {
			signal(SIGABRT, SIG_DFL);
			raise(SIGABRT);
		}
		must(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
		must(fondue_fork_join(1, work_obey, orders, results) == ECHILD);
		must(is_killed_by(&results[0], SIGABRT));
		must(!results[0].core == !WCOREDUMP(status));
		must(setrlimit(RLIMIT_CORE, &limit) == 0); /* and none, the second time */
	}
	return CHILD_GOOD;
}

static bool plays_in_directory(int (*play)(void))
{
	char directory[] = "/tmp/fondue-join-XXXXXX", back[4096];
	struct dirent *entry;
	bool good = getcwd(back, sizeof(back)) && mkdtemp(directory) && chdir(directory) == 0 &&
		    plays(play);
	DIR *dir = opendir(".");

	while (good && dir && (entry = readdir(dir)))
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	return chdir(back) == 0 && rmdir(directory) == 0 && good;
}

static void note_exit(void)
{
	atomic_fetch_add(&scene->signals, 1);
}

static int work_exit(unsigned i, void *arg)
{
	if (i == 0)
		exit(5);
	return work_note(i, arg);
}

static int play_exit(void)
{
	atexit(note_exit);
	must(fondue_fork_join(4, work_exit, NULL, results) == ECHILD);
	must(is_exited(&results[0], 5) && all_returned(1, 4, 0));
	must(scene->signals == 1); /* of who calls exit(), and of nobody else */
	return CHILD_GOOD;
}

static int work_exec(unsigned i, void *arg)
{
	(void)arg;
	/* whose libc need not be the one that the runtime is for */
	unsetenv("LD_PRELOAD");
	execl("/bin/sh", "sh", "-c", i ? "exit 4" : ":", NULL);
	return 100;
}

static int play_exec(void)
{
	must(fondue_fork_join(2, work_exec, NULL, results) == ECHILD);
	must(is_exited(&results[0], 0) && is_exited(&results[1], 4));
	return CHILD_GOOD;
}

static int gate[2];

/* Worker 0 leaves a child behind; worker 1 has one that comes back from work(), too. */
static int work_fork(unsigned i, void *arg)
{
	char byte;
	pid_t pid = fork();

	(void)arg;
	if (pid == 0 && i == 0) {
		close(gate[1]);
		_exit(read(gate[0], &byte, 1) == 0 ? 9 : 8);
	}
	if (pid == 0)
		return fondue_worker_index() == -1 ? 7 : 6;
	if (i == 0) {
		scene->pid[0] = pid;
		return 0;
	}
	return unit_wait(pid); /* that of the child is its exit status */
}

static int play_forks(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	must(pipe(gate) == 0);
	must(fondue_fork_join(2, work_fork, NULL, results) == ECHILD);
	must(is_returned(&results[0], 0));
	must(is_returned(&results[1], 7));
	/* the child of the worker lives: it is not waited for */
	must(waitpid(scene->pid[0], NULL, WNOHANG) == 0);
	close(gate[1]);
	must(unit_wait(scene->pid[0]) == 9 && is_childless());
	return CHILD_GOOD;
}

static int work_daemon(unsigned i, void *arg)
{
	(void)i, (void)arg;
	if (daemon(0, 1) < 0)
		return 1;
	while (getppid() != scene->pid[1]) /* some libraries fork twice */
		sched_yield();
	scene->pid[0] = getpid();
	await(scene->flag); /* the caller has the result */
	return 77;
}

static int play_daemon(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	scene->pid[1] = getpid();
	must(fondue_fork_join(1, work_daemon, NULL, results) == 0);
	must(is_exited(&results[0], 0));
	await(scene->pid[0]);
	must(scene->pid[0] != results[0].pid && kill(scene->pid[0], 0) == 0);
	scene->flag = 1;
	must(unit_wait(scene->pid[0]) == 77);
	return CHILD_GOOD;
}

static int work_inner(unsigned i, void *arg)
{
	work_note(*(unsigned *)arg * 4 + i, NULL);
	return fondue_worker_index() == (int)i ? (int)i : 100;
}

static int work_outer(unsigned i, void *arg)
{
	struct fondue_result inner[4];

	(void)arg;
	if (fondue_fork_join(4, work_inner, &i, inner) != ECHILD)
		return 1;
	for (unsigned j = 0; j < 4; j++)
		if (!is_returned(&inner[j], (int)j))
			return 2;
	return fondue_worker_index() == (int)i ? 50 : 3;
}

static int play_nested(void)
{
	must(fondue_worker_index() == -1);
	must(fondue_fork_join(5, work_outer, NULL, results) == ECHILD);
	must(all_returned(0, 5, 50));
	for (int i = 0; i < 20; i++)
		must(scene->begun[i] == 1);
	must(fondue_worker_index() == -1 && is_childless());
	return CHILD_GOOD;
}

static int descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static int work_descriptors(unsigned i, void *arg)
{
	work_meet(i, arg); /* all are there */
	return descriptors();
}

static int play_descriptors(void)
{
	int before = descriptors();

	must(fondue_fork_join(5, work_descriptors, NULL, results) == ECHILD);
	must(all_returned(0, 5, before));
	must(descriptors() == before);
	return CHILD_GOOD;
}

static int play_other_children(void)
{
	pid_t early = fork(), late;

	if (early == 0)
		_exit(11);
	late = fork();
	if (late == 0) {
		await(scene->flag);
		_exit(12);
	}
	/* it has ended, and is not waited for */
	must(waitid(P_PID, early, &(siginfo_t){ 0 }, WEXITED | WNOWAIT) == 0);
	must(fondue_fork_join(4, work_note, NULL, results) == 0);
	scene->flag = 1;
	must(unit_wait(early) == 11 && unit_wait(late) == 12 && is_childless());
	return CHILD_GOOD;
}

/* Written by workers, and read by the caller after it, without a lock. */
static int work_write(unsigned i, void *arg)
{
	memset((char *)arg + i * 4096, (int)i + 1, 4096);
	return 0;
}

static int play_memory(void)
{
	char *at =
		mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char mine[8 * 4096] = { 0 };

	must(at != MAP_FAILED);
	must(fondue_fork_join(8, work_write, at, NULL) == 0);
	must(fondue_fork_join(8, work_write, mine, NULL) == 0);
	for (int i = 0; i < 8 * 4096; i++)
		must(at[i] == i / 4096 + 1 && mine[i] == 0);
	return CHILD_GOOD;
}

/* ---- what is printed ---- */

static int paper;

static bool paper_says(const char *wanted)
{
	char text[4096] = "";

	return pread(paper, text, sizeof(text) - 1, 0) >= 0 && strcmp(text, wanted) == 0;
}

/* A stream that is written when it is flushed, and standard output, to the same end. */
static FILE *paper_open(bool is_stdout)
{
	char path[] = "/tmp/fondue-join-XXXXXX";

	paper = mkstemp(path);
	if (paper < 0 || unlink(path) < 0 || fcntl(paper, F_SETFL, O_APPEND) < 0)
		tap_bail_out("no file");
	return is_stdout && dup2(paper, STDOUT_FILENO) >= 0 ? stdout : fdopen(dup(paper), "a");
}

static int work_print(unsigned i, void *arg)
{
	fprintf(arg, "worker %u\n", i);
	return 0;
}

static int work_print_in_turn(unsigned i, void *arg)
{
	fprintf(arg, "piece %u\n", i);
	if (i == 2)
		raise(SIGKILL);
	return 0;
}

static int print(bool is_stdout)
{
	FILE *stream = paper_open(is_stdout);
	struct fondue_fork_join_options one = { .workers = 1 };

	must(stream != NULL);
	fprintf(stream, "before\n");
	must(fondue_fork_join(1, work_print, stream, NULL) == 0);
	must(paper_says("before\nworker 0\n"));
	/* what the worker has printed is no worker's, and no caller's, twice */
	fprintf(stream, "between\n");
	must(fondue_fork_join_pieces(4, &one, work_print_in_turn, stream, NULL) == ECHILD);
	fprintf(stream, "after\n");
	fflush(stream);
	must(paper_says("before\nworker 0\nbetween\npiece 0\npiece 1\npiece 3\nafter\n"));
	return CHILD_GOOD;
}

static int play_printing(void)
{
	return print(false);
}

static int play_printing_to_stdout(void)
{
	return print(true);
}

static int work_print_some(unsigned i, void *arg)
{
	fprintf(arg, "piece %u\n", i);
	if (i == 1)
		fflush(arg);
	return 0;
}

static int play_no_flush(void)
{
	struct fondue_fork_join_options options = { .workers = 1,
		.flags = FONDUE_JOIN_NO_FLUSH };
	FILE *stream = paper_open(false);

	must(stream != NULL);
	must(fondue_fork_join_pieces(3, &options, work_print_some, stream, NULL) == 0);
	must(paper_says("piece 0\npiece 1\n"));
	fprintf(stream, "unwritten\n");
	must(fondue_fork_join_pieces(1, &options, work_print_some, stream, NULL) == 0);
	fflush(stream);
	must(paper_says("piece 0\npiece 1\nunwritten\n"));
	return CHILD_GOOD;
}

int main(void)
{
	scene_open();
	test("each worker does its piece, and knows its number", plays(play_pieces));
	test("all at once", plays(play_at_once));
	test("no pieces, no work, too many: nothing is run", plays(play_misuse));
	test("what work() returns is told, all 32 bits of it", plays(play_statuses));
	test("who dies is told by signal, and the others are not lost", plays(play_deaths));
	test("a core dump is told as waitpid() does", plays_in_directory(play_core));
	test("a worker that calls exit(), whose handlers run in nobody else", plays(play_exit));
	test("a worker that execs", plays(play_exec));
	test("children of a worker are not waited for, nor taken for it", plays(play_forks));
	test("a worker that becomes a daemon, which is none", plays(play_daemon));
	test("workers with workers", plays(play_nested));
	test("no descriptor is left, in the caller and in workers", plays(play_descriptors));
	test("the program's other children are left to it", plays(play_other_children));
	test("memory that is shared has what workers wrote; other has not", plays(play_memory));
	test("what is printed before, in workers, in pieces and after appears, once",
		plays(play_printing));
	test("on standard output, too", plays(play_printing_to_stdout));
	test("unless flushing is the program's business", plays(play_no_flush));
	return tap_done();
}
