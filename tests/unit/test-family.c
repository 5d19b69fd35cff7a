/* SPDX-License-Identifier: MIT */
/*
 * Description: whether a process has relatives is known in every member of the family
 *
 * The test adopts orphans (PR_SET_CHILD_SUBREAPER), so it can tell when an ancestor is gone
 * for good, its zombie included, and only then lets the survivors look. A tree is built by
 * one process of a scenario after the other; each that survives is a `member`: it waits for
 * its turn on a pipe and answers with what family_alone() said.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/prctl.h>

#include "family.h"
#include "kernel.h"
#include "unit.h"

/* Every scenario begins in a process that has just started, and has something to share. */
static void start(void)
{
	family_start();
	family_keep_count();
}

/* As the hooks do. */
static pid_t fork_told(void)
{
	pid_t pid;

	family_forks();
	pid = fork();
	if (pid < 0)
		family_fork_failed();
	return pid;
}

/* What nobody announces: a fork by a bare system call. */
static pid_t fork_untold(void)
{
	return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

#define MEMBERS_MAX 16

/* Pipes to each member and back from it. */
static int ask[MEMBERS_MAX][2], answer[MEMBERS_MAX][2];

static void set_up(void)
{
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1); /* a fork does not pass it on */
	for (unsigned i = 0; i < MEMBERS_MAX; i++)
		if (pipe(ask[i]) != 0 || pipe(answer[i]) != 0)
			tap_bail_out("no pipes");
}

/* In member @number: answer as long as there are questions; 'q' is the last. */
__attribute__((noreturn)) static void be_member(unsigned number)
{
	char question;

	/* should nobody let it go, the scenario has failed; nobody is to wait for it then */
	alarm(CHILD_SECONDS / 2);
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	while (read(ask[number][0], &question, 1) == 1 && question != 'q') {
		char reply = family_alone() ? 'y' : 'n';

		if (write(answer[number][1], &reply, 1) != 1)
			break;
	}
	_exit(CHILD_GOOD);
}

static char put(unsigned number, char question)
{
	char reply = '?';

	if (write(ask[number][1], &question, 1) != 1)
		return '?';
	if (question != 'q' && read(answer[number][0], &reply, 1) != 1)
		return '?';
	return reply;
}

static bool is_alone(unsigned number)
{
	return put(number, 'a') == 'y';
}

static bool has_relatives(unsigned number)
{
	return put(number, 'a') == 'n';
}

/* Let a member go, and wait until nothing is left of it. Only for children of ours. */
static bool end_member(unsigned number)
{
	int status;

	put(number, 'q');
	return wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == CHILD_GOOD;
}

static int play_start(void)
{
	start();
	must(family_alone());
	must(family_alone());
	return CHILD_GOOD;
}

static int play_fork(void)
{
	pid_t pid;

	set_up();
	start();
	pid = fork_told();
	if (pid == 0)
		be_member(0);
	must(!family_alone());
	must(has_relatives(0));
	must(end_member(0));
	/* whether the child is gone is the program's to know: it may have had children */
	must(!family_alone());
	return CHILD_GOOD;
}

static int play_failed(void)
{
	start();
	family_forks();
	family_fork_failed();
	must(family_alone());
	must(fork_told() >= 0);
	return CHILD_GOOD;
}

static int play_failed_after_success(void)
{
	pid_t pid;

	start();
	pid = fork_told();
	if (pid == 0)
		_exit(CHILD_GOOD);
	must(unit_wait(pid) == CHILD_GOOD);
	family_forks();
	family_fork_failed();
	must(!family_alone());
	return CHILD_GOOD;
}

/* Forks, in the process of its caller, a member that ends its children's line. */
static pid_t spawn(unsigned number, void (*before)(void))
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	start();
	if (before)
		before();
	be_member(number);
}

/* P forks member 1 and is itself member 0. */
static void have_child(void)
{
	if (fork_told() == 0)
		be_member(1);
}

static int play_daemon(void)
{
	set_up();
	must(spawn(0, have_child) > 0);
	must(has_relatives(0) && has_relatives(1));
	must(end_member(0));
	must(is_alone(1));
	must(is_alone(1));
	must(end_member(1));
	return CHILD_GOOD;
}

/* 0 forks 1 forks 2, as a daemon that forks twice does. */
static void have_grandchild(void)
{
	if (fork_told() == 0) {
		if (fork_told() == 0)
			be_member(2);
		be_member(1);
	}
}

static int play_double_fork(void)
{
	set_up();
	must(spawn(0, have_grandchild) > 0);
	must(has_relatives(0) && has_relatives(1) && has_relatives(2));
	must(end_member(0));
	must(has_relatives(2)); /* its parent lives */
	must(end_member(1));
	must(is_alone(2));
	must(end_member(2));
	return CHILD_GOOD;
}

/* The other order: the parent ends first, the grandparent lives. */
static void have_orphan(void)
{
	pid_t pid = fork_told();

	if (pid == 0) {
		if (fork_told() == 0)
			be_member(2);
		_exit(CHILD_GOOD);
	}
	if (unit_wait(pid) != CHILD_GOOD)
		_exit(1);
}

static int play_grandparent_lives(void)
{
	set_up();
	must(spawn(0, have_orphan) > 0);
	must(has_relatives(2));
	must(end_member(0));
	must(is_alone(2));
	must(end_member(2));
	return CHILD_GOOD;
}

/* Alone, it becomes the head of a family of its own. */
static int play_survivor_forks(void)
{
	pid_t pid;

	set_up();
	pid = fork();
	if (pid == 0) {
		start();
		if (fork_told() == 0) {
			char byte;

			/* until our parent is gone, that is to say waited for */
			if (read(ask[5][0], &byte, 1) != 1 || !family_alone())
				_exit(1);
			have_child(); /* member 1 */
			be_member(0);
		}
		_exit(CHILD_GOOD);
	}
	must(unit_wait(pid) == CHILD_GOOD);
	must(write(ask[5][1], "", 1) == 1);
	must(has_relatives(0) && has_relatives(1));
	must(end_member(0));
	must(is_alone(1)); /* all its ancestors are gone: a daemon again */
	must(end_member(1));
	return CHILD_GOOD;
}

/* 0 forks 1, then 2. */
static void have_two(void)
{
	if (fork_told() == 0)
		be_member(1);
	if (fork_told() == 0)
		be_member(2);
}

static int play_younger_sibling(void)
{
	set_up();
	must(spawn(0, have_two) > 0);
	must(has_relatives(2)); /* it is there now, so both have been forked */
	must(end_member(0));
	must(has_relatives(2));
	must(end_member(1) && end_member(2));
	return CHILD_GOOD;
}

/* The elder was forked when its parent had no other child. It has a sibling all the same. */
static int play_elder_sibling(void)
{
	set_up();
	must(spawn(0, have_two) > 0);
	must(has_relatives(2));
	must(end_member(0));
	must(has_relatives(1));
	must(end_member(1) && end_member(2));
	return CHILD_GOOD;
}

/* 0 forks 1, which forks 2; then 0 forks 3, an aunt of 2, and 0 and 1 end. */
static void have_aunt(void)
{
	if (fork_told() == 0) {
		if (fork_told() == 0)
			be_member(2);
		be_member(1);
	}
	if (fork_told() == 0)
		be_member(3);
}

static int play_aunt(void)
{
	set_up();
	must(spawn(0, have_aunt) > 0);
	must(has_relatives(2) && has_relatives(3));
	must(end_member(0) && end_member(1));
	must(has_relatives(3)); /* 2 descends from the same process */
	must(has_relatives(2));
	must(end_member(2) && end_member(3));
	return CHILD_GOOD;
}

static void have_untold_child(void)
{
	if (fork_untold() == 0)
		be_member(1);
}

static int play_untold(void)
{
	set_up();
	must(spawn(0, have_untold_child) > 0);
	must(has_relatives(1));
	must(end_member(0));
	must(is_alone(1));
	must(end_member(1));
	return CHILD_GOOD;
}

/* A line of generations, each forked by the last, of which only the last survives. */
#define GENERATIONS 20

static int survivor_of(unsigned generations, bool *ret_alone)
{
	pid_t pid;

	set_up();
	pid = fork();
	if (pid == 0) {
		start();
		for (unsigned i = 1; i < generations; i++)
			if (fork_told() != 0)
				_exit(CHILD_GOOD);
		be_member(0);
	}
	for (unsigned i = 1; i < generations; i++)
		must(wait(NULL) > 0); /* all but the last end; whoever comes first */
	*ret_alone = is_alone(0);
	must(end_member(0));
	return CHILD_GOOD;
}

static int play_line(void)
{
	bool alone;

	must(survivor_of(8, &alone) == CHILD_GOOD);
	must(alone);
	/* a longer line is not followed; then nothing may be concluded */
	must(survivor_of(GENERATIONS, &alone) == CHILD_GOOD);
	must(!alone);
	return CHILD_GOOD;
}

/* A process that had nothing to share when it forked: nobody has counted. */
static int play_uncounted(void)
{
	pid_t pid;

	family_start();
	kernel_reset();
	must(family_alone());
	pid = fork_told();
	if (pid == 0) {
		family_keep_count(); /* too late */
		must(!family_alone());
		_exit(CHILD_GOOD);
	}
	must(unit_wait(pid) == CHILD_GOOD);
	must(kernel_calls(SYS_mmap) == 0);
	must(!family_alone());
	return CHILD_GOOD;
}

/* Without memory for the count, nobody is alone after a fork. */
static int play_no_memory(void)
{
	set_up();
	kernel_refuse(SYS_mmap, ENOMEM);
	must(spawn(0, have_child) > 0);
	must(has_relatives(0) && has_relatives(1));
	must(end_member(0));
	must(has_relatives(1));
	must(end_member(1));
	return CHILD_GOOD;
}

/* Nobody has waited for the parent yet. */
static int play_zombie(void)
{
	siginfo_t ended;
	pid_t pid;

	set_up();
	pid = spawn(0, have_grandchild);
	must(pid > 0 && has_relatives(2));
	must(end_member(0));
	put(1, 'q'); /* our child by now: a zombie until we wait for it */
	must(waitid(P_ALL, 0, &ended, WEXITED | WNOWAIT) == 0);
	must(is_alone(2));
	must(wait(NULL) == ended.si_pid);
	must(is_alone(2));
	must(end_member(2));
	return CHILD_GOOD;
}

/* A failed fork of a process that counts nothing leaves no trace, unless one succeeded. */
static int play_uncounted_failed(void)
{
	pid_t pid;

	family_start();
	family_forks();
	family_fork_failed();
	must(family_alone());
	pid = fork_told();
	if (pid == 0)
		_exit(CHILD_GOOD);
	must(unit_wait(pid) == CHILD_GOOD);
	family_forks();
	family_fork_failed();
	must(!family_alone());
	return CHILD_GOOD;
}

static int play_errno(void)
{
	start();
	errno = EXDEV;
	family_keep_count();
	family_forks();
	family_fork_failed();
	must(family_alone());
	must(errno == EXDEV);
	return CHILD_GOOD;
}

/* kill() is only asked whether a process exists; refusing to tell counts as existing. */
static int play_refused(void)
{
	set_up();
	kernel_refuse(SYS_kill, EPERM);
	must(spawn(0, have_grandchild) > 0);
	must(has_relatives(2));
	must(end_member(0) && end_member(1));
	must(has_relatives(2));
	must(end_member(2));
	return CHILD_GOOD;
}

/* Where orphans are init's, nobody can tell when they are gone. */
static void test_orphans(const char *name, int (*play)(void))
{
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) == 0)
		test_play(name, play);
	else
		skip(name, "orphans cannot be adopted here");
}

int main(void)
{
	test_play("a process that has just started is alone", play_start);
	test_play("after a fork neither parent nor child is", play_fork);
	test_play("a fork that failed changes nothing", play_failed);
	test_play("nor does it undo one that succeeded", play_failed_after_success);
	test_orphans("a daemon whose parent is gone is alone", play_daemon);
	test_orphans("a daemon that forked twice is, when both are gone", play_double_fork);
	test_orphans("it is not while its grandparent lives", play_grandparent_lives);
	test_orphans("a survivor that forks again is not alone", play_survivor_forks);
	test_orphans("the younger of two siblings is not alone", play_younger_sibling);
	test_orphans("the elder of two siblings is not alone", play_elder_sibling);
	test_orphans("aunt and niece are not alone", play_aunt);
	test_orphans("a child forked by a bare system call knows", play_untold);
	test_play("nor do forks that fail count for ever there", play_uncounted_failed);
	test_play("a process without anything to share counts nothing", play_uncounted);
	test_orphans("without memory to count in, nobody is alone", play_no_memory);
	test_orphans("an ancestor that nobody has waited for is gone", play_zombie);
	test_orphans("a line of ancestors may be long, or too long", play_line);
	test_play("errno is left alone", play_errno);
	test_orphans("a process that cannot be asked for counts as living", play_refused);
	return tap_done();
}
