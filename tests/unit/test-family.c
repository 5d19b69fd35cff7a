/* SPDX-License-Identifier: MIT */
/*
 * Description: whether a process has relatives is known in every member of the family
 *
 * A family is who descends from one exec. So a tree is grown in a process that executes this
 * test again; each of its members that survives waits for its turn on a pipe and answers
 * with what family_alone() said. The test itself adopts orphans (PR_SET_CHILD_SUBREAPER), so
 * it can tell when an ancestor is gone, with its zombie or without, and only then asks.
 */
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <sys/personality.h>
#include <sys/prctl.h>

#include "family.h"
#include "kernel.h"
#include "unit.h"

#define MEMBERS_MAX 8

/* Pipes to each member and back, by numbers that survive the exec. */
#define PIPE_FIRST 100
#define asked(n)   (PIPE_FIRST + 4 * (int)(n))
#define ask(n)	   (PIPE_FIRST + 4 * (int)(n) + 1)
#define heard(n)   (PIPE_FIRST + 4 * (int)(n) + 2)
#define answer(n)  (PIPE_FIRST + 4 * (int)(n) + 3)

static void make_pipe(int read_end, int write_end)
{
	int ends[2];

	if (pipe(ends) != 0 || dup2(ends[0], read_end) < 0 || dup2(ends[1], write_end) < 0)
		tap_bail_out("no pipes");
	close(ends[0]);
	close(ends[1]);
}

/* As the hooks do. */
static pid_t fork_told(void)
{
	family_forks();
	return fork();
}

/* What nobody announces: a fork by a bare system call. */
static pid_t fork_untold(void)
{
	return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

/* In member @number: answer as long as there are questions; 'q' is the last. */
__attribute__((noreturn)) static void be_member(unsigned number)
{
	char question;

	/* should nobody let it go, the scenario has failed; nobody is to wait for it then */
	alarm(CHILD_SECONDS / 2);
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	while (read(asked(number), &question, 1) == 1 && question != 'q') {
		char reply = family_alone() ? 'y' : 'n';

		if (write(answer(number), &reply, 1) != 1)
			break;
	}
	_exit(CHILD_GOOD);
}

/* Trees: in the new program, member 0, which has just started. */

static void grow_nothing(void)
{
}

static void grow_child(void)
{
	if (fork_told() == 0)
		be_member(1);
}

static void grow_untold_child(void)
{
	if (fork_untold() == 0)
		be_member(1);
}

/* 0 forks 1 forks 2, as a daemon that forks twice does. */
static void grow_line(void)
{
	if (fork_told() == 0) {
		if (fork_told() == 0)
			be_member(2);
		be_member(1);
	}
}

/* The parent ends first, the grandparent lives. */
static void grow_orphan(void)
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

static void grow_two(void)
{
	if (fork_told() == 0)
		be_member(1);
	if (fork_told() == 0)
		be_member(2);
}

/* The elder by a bare system call, of which the parent knows nothing. */
static void grow_two_untold(void)
{
	if (fork_untold() == 0)
		be_member(1);
	if (fork_untold() == 0)
		be_member(2);
}

/* 0 forks 1, which forks 2; then 0 forks 3, an aunt of 2. */
static void grow_aunt(void)
{
	if (fork_told() == 0) {
		if (fork_told() == 0)
			be_member(2);
		be_member(1);
	}
	if (fork_told() == 0)
		be_member(3);
}

/* A child whose parent in the kernel's eyes is the grandparent. */
static void grow_adopted(void)
{
	family_forks();
	if (syscall(SYS_clone, SIGCHLD | CLONE_PARENT, 0, 0, 0, 0) == 0)
		be_member(1);
}

static void grow_in_namespace(void)
{
	family_forks();
	if (syscall(SYS_clone, SIGCHLD | CLONE_NEWPID, 0, 0, 0, 0) == 0)
		be_member(1);
}

/* A worker that has come and gone. */
static void grow_spent(void)
{
	pid_t pid = fork_told();

	if (pid == 0)
		_exit(CHILD_GOOD);
	if (unit_wait(pid) != CHILD_GOOD)
		_exit(1);
}

static const struct tree {
	const char *name;
	void (*grow)(void);
} trees[] = {
	{ "nothing", grow_nothing },
	{ "child", grow_child },
	{ "untold-child", grow_untold_child },
	{ "line", grow_line },
	{ "orphan", grow_orphan },
	{ "two", grow_two },
	{ "two-untold", grow_two_untold },
	{ "aunt", grow_aunt },
	{ "adopted", grow_adopted },
	{ "namespace", grow_in_namespace },
	{ "spent", grow_spent },
};

__attribute__((noreturn)) static void grow_here(const char *name)
{
	bool late = !strncmp(name, "late-", 5);

	family_start(late);
	for (unsigned i = 0; i < sizeof(trees) / sizeof(trees[0]); i++)
		if (!strcmp(trees[i].name, late ? name + 5 : name))
			trees[i].grow();
	be_member(0);
}

static const char *self;

static void grow(const char *name)
{
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1); /* a fork does not pass it on */
	for (unsigned i = 0; i < MEMBERS_MAX; i++) {
		make_pipe(asked(i), ask(i));
		make_pipe(heard(i), answer(i));
	}
	if (fork() == 0) {
		execl(self, self, name, NULL);
		_exit(1);
	}
}

static char put(unsigned number, char question)
{
	char reply = '?';

	if (write(ask(number), &question, 1) != 1)
		return '?';
	if (question != 'q' && read(heard(number), &reply, 1) != 1)
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
	grow("nothing");
	must(is_alone(0) && is_alone(0));
	must(end_member(0));
	return CHILD_GOOD;
}

static int play_fork(void)
{
	grow("child");
	must(has_relatives(0) && has_relatives(1));
	must(end_member(0) && end_member(1));
	return CHILD_GOOD;
}

/* Whether all that came of the child is gone, is the program's to know. */
static int play_spent(void)
{
	grow("spent");
	must(has_relatives(0));
	must(end_member(0));
	return CHILD_GOOD;
}

static int play_daemon(void)
{
	grow("child");
	must(has_relatives(1));
	must(end_member(0));
	must(is_alone(1) && is_alone(1));
	must(end_member(1));
	return CHILD_GOOD;
}

static int play_double_fork(void)
{
	grow("line");
	must(has_relatives(0) && has_relatives(1) && has_relatives(2));
	must(end_member(0));
	must(has_relatives(2)); /* its parent lives */
	must(end_member(1));
	must(is_alone(2));
	must(end_member(2));
	return CHILD_GOOD;
}

static int play_grandparent_lives(void)
{
	grow("orphan");
	must(has_relatives(2));
	must(end_member(0));
	must(is_alone(2));
	must(end_member(2));
	return CHILD_GOOD;
}

static int play_siblings(const char *tree)
{
	grow(tree);
	must(has_relatives(1) && has_relatives(2));
	must(end_member(0));
	must(has_relatives(1) && has_relatives(2));
	must(end_member(1));
	must(is_alone(2));
	must(end_member(2));
	return CHILD_GOOD;
}

static int play_two(void)
{
	return play_siblings("two");
}

static int play_two_untold(void)
{
	return play_siblings("two-untold");
}

static int play_aunt(void)
{
	grow("aunt");
	must(has_relatives(2) && has_relatives(3));
	must(end_member(0) && end_member(1));
	must(has_relatives(3)); /* 2 descends from the same process */
	must(has_relatives(2));
	must(end_member(2) && end_member(3));
	return CHILD_GOOD;
}

static int play_untold(void)
{
	grow("untold-child");
	must(has_relatives(1));
	must(end_member(0));
	must(is_alone(1));
	must(end_member(1));
	return CHILD_GOOD;
}

static int play_adopted(void)
{
	grow("adopted");
	must(has_relatives(1));
	must(end_member(0));
	must(is_alone(1));
	must(end_member(1));
	return CHILD_GOOD;
}

/* Its number means something else in the /proc of its parents, who live. */
static int play_namespace(void)
{
	grow("namespace");
	must(has_relatives(1));
	must(end_member(0) && end_member(1));
	return CHILD_GOOD;
}

/* Nobody has waited for the parent yet. */
static int play_zombie(void)
{
	siginfo_t ended;

	grow("line");
	must(has_relatives(2));
	must(end_member(0));
	put(1, 'q'); /* our child by now: a zombie until we wait for it */
	must(waitid(P_ALL, 0, &ended, WEXITED | WNOWAIT) == 0);
	must(is_alone(2));
	must(wait(NULL) == ended.si_pid);
	must(end_member(2));
	return CHILD_GOOD;
}

/* The runtime came when the family was there already: nobody was told of any fork. */
static int play_late(void)
{
	grow("late-two");
	must(has_relatives(0) && has_relatives(1) && has_relatives(2));
	must(end_member(0) && end_member(1));
	must(is_alone(2));
	must(end_member(2));
	grow("late-nothing");
	must(is_alone(0));
	must(end_member(0));
	return CHILD_GOOD;
}

/* Whoever may not look at /proc is not told that it is alone. */
static int play_refused(void)
{
	family_start(true);
	kernel_refuse(SYS_openat, EACCES);
	must(!family_alone());
	kernel_reset();
	kernel_refuse(SYS_getdents64, EPERM);
	must(!family_alone());
	kernel_reset();
	kernel_refuse(SYS_readlinkat, EPERM);
	must(!family_alone());
	return CHILD_GOOD;
}

static int play_errno(void)
{
	family_start(true);
	errno = EXDEV;
	(void)family_alone();
	family_forks();
	must(errno == EXDEV);
	return CHILD_GOOD;
}

/* A fork must not cost a page fault, nor a system call. */
static int play_costs(void)
{
	family_start(false);
	must(family_alone());
	kernel_reset();
	for (unsigned i = 0; i < 100; i++)
		family_forks();
	must(kernel_all_calls() == 0);
	must(!family_alone());
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

static bool may_make_namespaces(void)
{
	pid_t pid = syscall(SYS_clone, SIGCHLD | CLONE_NEWPID, 0, 0, 0, 0);

	if (pid == 0)
		_exit(CHILD_GOOD);
	return pid > 0 && unit_wait(pid) == CHILD_GOOD;
}

int main(int argc, char **argv)
{
	self = argv[0];
	if (argc > 1)
		grow_here(argv[1]);
	test_play("a fork costs no system call", play_costs);
	test_play("errno is left alone", play_errno);
	test_play("who may not look is not alone", play_refused);
	if (is_emulated() || (personality(0xffffffff) & ADDR_NO_RANDOMIZE)) {
		skip("families", "relatives are known by where the kernel has put them");
		return tap_done();
	}
	test_orphans("a process that has just started is alone", play_start);
	test_orphans("after a fork neither parent nor child is", play_fork);
	test_orphans("nor is the first process when its child is gone", play_spent);
	test_orphans("a daemon whose parent is gone is alone", play_daemon);
	test_orphans("a daemon that forked twice is, when both are gone", play_double_fork);
	test_orphans("it is not while its grandparent lives", play_grandparent_lives);
	test_orphans("neither of two siblings is alone before the other is gone", play_two);
	test_orphans("nor of two by bare system calls", play_two_untold);
	test_orphans("aunt and niece are not alone", play_aunt);
	test_orphans("a child forked by a bare system call knows", play_untold);
	test_orphans("a child of CLONE_PARENT knows", play_adopted);
	if (may_make_namespaces())
		test_orphans("a child in a new pid namespace is not alone", play_namespace);
	else
		skip("a child in a new pid namespace is not alone", "not permitted");
	test_orphans("an ancestor that nobody has waited for is gone", play_zombie);
	test_orphans("a runtime that came late knows", play_late);
	return tap_done();
}
