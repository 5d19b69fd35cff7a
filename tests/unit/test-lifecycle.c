/* SPDX-License-Identifier: MIT */
/*
 * Description: start, loading and forks, in the order in which they happen to a program
 *
 * The hooks are not here; each scenario calls what they call. Forks are real, and come by
 * the handlers that lifecycle_start() registers, as those inside of libc do.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/prctl.h>
#include <time.h>

#include "adopt.h"
#include "config.h"
#include "kernel.h"
#include "lifecycle.h"
#include "object.h"
#include "said.h"
#include "scratch.h"

static const struct fondue_runtime table = {
	.size = sizeof(table), .abi = FONDUE_ABI, .version = "test" };

static struct object program, library;

/* Two objects, of which the program is loaded. */
static void make(void)
{
	said_start();
	object_make(&program, ""); /* as glibc has it */
	object_make(&library, "liblibrary.so");
	object_load(&program);
	modules_set_walk(object_walk);
}

static void start(char *const *envp)
{
	make();
	lifecycle_start(envp, &table, false);
}

static bool is_shared(const struct object *object)
{
	return object->binding->state == FONDUE_STATE_SHARED &&
	       !strcmp(object_sharing(object), object_shared);
}

static bool is_private(const struct object *object)
{
	return object->binding->state == FONDUE_STATE_PRIVATE &&
	       !strcmp(object_sharing(object), object_private);
}

static bool is_unseen(const struct object *object)
{
	return object->binding->state == FONDUE_STATE_NONE;
}

static void have_child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(CHILD_GOOD);
	unit_wait(pid);
}

static int play_start(void)
{
	start(NULL);
	must(is_shared(&program));
	must(program.binding->runtime == &table);
	must(said_lines() == 0);
	return CHILD_GOOD;
}

static int play_environment(void)
{
	char log[600];

	snprintf(log, sizeof(log), "FONDUE_LOG=%s", scratch_path("log"));
	start((char *const[]){ "FONDUE_VERBOSE=1", log, NULL });
	must(config.verbose && said_lines() == 0);
	must(strstr(scratch_read("log"), "section shared_zero"));
	return CHILD_GOOD;
}

/* `2>file` of a shell: known to be for messages only because it is there at start. */
static int play_error_file(void)
{
	make();
	must(freopen(scratch_path("error"), "w", stderr));
	program.note.at[KIND_SHARED].stop -= 16;
	object_write_note(&program, 64);
	lifecycle_start(NULL, &table, false);
	must(strstr(scratch_read("error"), "annotated variables stay private"));
	return CHILD_GOOD;
}

/* Nothing to share: look at standard error, ask for the pid, and that is all. */
static int play_inert(void)
{
	make();
	memset(program.pages, 0, page_size());
	kernel_reset();
	lifecycle_start((char *const[]){ "FONDUE_STRICT=1", "FONDUE_LOG=/nowhere", NULL },
		&table, false);
	must(kernel_all_calls() == 2);
	must(kernel_calls(SYS_fstat) == 1 && kernel_calls(SYS_getpid) == 1);
	must(said_lines() == 0);
	return CHILD_GOOD;
}

static int play_refused(void)
{
	make();
	program.note.at[KIND_SHARED].stop -= 16;
	object_write_note(&program, 64);
	lifecycle_start((char *const[]){ "FONDUE_STRICT=0", NULL }, &table, false);
	must(said_lines() == 1 && is_private(&program));
	return CHILD_GOOD;
}

static int play_strict(void)
{
	pid_t pid;

	make();
	program.note.at[KIND_SHARED].stop -= 16;
	object_write_note(&program, 64);
	pid = fork();
	if (pid == 0) {
		lifecycle_start((char *const[]){ "FONDUE_STRICT=1", NULL }, &table, false);
		_exit(0);
	}
	must(unit_wait(pid) == 127);
	must(strstr(said(), "annotated variables stay private"));
	must(strstr(said(), "FONDUE_STRICT=1"));
	must(said_lines() == 0);
	return CHILD_GOOD;
}

static int play_strict_and_good(void)
{
	start((char *const[]){ "FONDUE_STRICT=1", NULL });
	must(is_shared(&program) && said_lines() == 0);
	/* afterwards nothing ends the program: a plugin may be refused at any time */
	library.note.at[KIND_SHARED].stop -= 16;
	object_write_note(&library, 64);
	object_load(&library);
	lifecycle_object_loaded();
	must(said_lines() == 1);
	return CHILD_GOOD;
}

/* Loading */

/* As dlopen() does: the library's first constructor calls, before it has done anything. */
static void load_library(void)
{
	object_load(&library);
	lifecycle_object_loaded();
}

static int play_loaded(void)
{
	start(NULL);
	errno = EXDEV;
	load_library();
	must(errno == EXDEV);
	must(is_shared(&library) && said_lines() == 0);
	return CHILD_GOOD;
}

static int play_loaded_after_fork(void)
{
	start(NULL);
	have_child();
	errno = EXDEV;
	load_library();
	must(errno == EXDEV);
	must(is_private(&library));
	must(strstr(said(), "liblibrary.so: ") && said_lines() == 0);
	return CHILD_GOOD;
}

static int play_loaded_in_child(void)
{
	pid_t pid;

	start(NULL);
	pid = fork();
	if (pid == 0) {
		load_library();
		_exit(is_private(&library) ? CHILD_GOOD : 1);
	}
	must(unit_wait(pid) == CHILD_GOOD);
	must(said_lines() == 1);
	return CHILD_GOOD;
}

static int play_loaded_late(void)
{
	start((char *const[]){ "FONDUE_LATE=1", NULL });
	have_child();
	load_library();
	must(is_shared(&library) && said_lines() == 0);
	return CHILD_GOOD;
}

/* Each file of a library has such a constructor. */
static int play_told_again(void)
{
	start(NULL);
	load_library();
	library.pages[PAGE_SHARED * page_size()] = 1;
	lifecycle_object_loaded();
	lifecycle_object_loaded();
	must(library.pages[PAGE_SHARED * page_size()] == 1);
	must(library.binding->state == FONDUE_STATE_SHARED && said_lines() == 0);
	return CHILD_GOOD;
}

/* Looking costs something; nobody has told us, nothing is looked for. */
static int play_untold(void)
{
	start(NULL);
	object_load(&library);
	have_child();
	must(is_unseen(&library));
	return CHILD_GOOD;
}

/* Threads */

static sem_t go_on;

static void *wait_for_end(void *arg)
{
	(void)arg;
	while (sem_wait(&go_on) != 0)
		;
	return NULL;
}

/* The runtime comes with a plugin, into a program with threads: too late for everything. */
static int play_late_with_threads(void)
{
	pthread_t thread;

	make();
	sem_init(&go_on, 0, 0);
	must(pthread_create(&thread, NULL, wait_for_end, NULL) == 0);
	lifecycle_start(NULL, &table, true);
	must(program.binding->state == FONDUE_STATE_PRIVATE);
	must(strstr(said(), refusal_cause(REASON_THREADS)) && said_lines() == 0);
	sem_post(&go_on);
	must(pthread_join(thread, NULL) == 0);
	must(is_private(&program));
	return CHILD_GOOD;
}

/* Nobody knows whether a process has forked before; our parent is its relative here. */
static int play_late_with_relatives(void)
{
	make();
	lifecycle_start(NULL, &table, true);
	must(is_private(&program));
	must(strstr(said(), refusal_cause(REASON_AFTER_FORK)) && said_lines() == 0);
	return CHILD_GOOD;
}

#ifdef __GLIBC__ /* musl has no namespaces */
/* With a namespace of its own, in which the first object is no program. */
static int play_namespace(void)
{
	make();
	program.name = "/lib/plugin.so";
	lifecycle_start(NULL, &table, false);
	must(is_private(&program));
	must(strstr(said(), refusal_cause(REASON_NAMESPACE)) && said_lines() == 0);
	return CHILD_GOOD;
}
#endif

/* What has just been loaded nobody else can have used, whoever else runs. */
static int play_loaded_with_threads(void)
{
	pthread_t thread;

	start(NULL);
	sem_init(&go_on, 0, 0);
	must(pthread_create(&thread, NULL, wait_for_end, NULL) == 0);
	load_library();
	must(library.binding->state == FONDUE_STATE_SHARED);
	sem_post(&go_on);
	must(pthread_join(thread, NULL) == 0);
	must(is_shared(&library));
	return CHILD_GOOD;
}

/* Of three generations the first is gone, and the second never asked who it is. */
static int play_grandchild(void)
{
	int gone[2], verdict[2];
	char seen = '?';
	pid_t pid;

	start(NULL);
	must(pipe(gone) == 0 && pipe(verdict) == 0);
	must(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	pid = fork();
	if (pid == 0) {
		if (fork() != 0)
			_exit(CHILD_GOOD);
		if (fork() == 0) {
			if (read(gone[0], &seen, 1) != 1)
				_exit(1);
			load_library();
			seen = library.binding->state == FONDUE_STATE_PRIVATE ? 'p' : 's';
			_exit(write(verdict[1], &seen, 1) == 1 ? CHILD_GOOD : 1);
		}
		_exit(unit_wait(-1));
	}
	must(unit_wait(pid) == CHILD_GOOD);
	must(write(gone[1], "", 1) == 1 && read(verdict[0], &seen, 1) == 1);
	must(seen == 'p');
	must(unit_wait(-1) == CHILD_GOOD);
	return CHILD_GOOD;
}

/*
 * A thread is about to share what it has loaded while another one forks. The child has not
 * got it shared, so the parent must not, either.
 */
static sem_t forking, waits;
static unsigned long state_while_forking = 99;

static void see_wait(const long *args)
{
	if (args[1] == (0 | 128)) /* FUTEX_WAIT_PRIVATE: for who forks */
		sem_post(&waits);
}

static void *load_while_forking(void *arg)
{
	(void)arg;
	while (sem_wait(&forking) != 0)
		;
	load_library();
	return NULL;
}

/* An atfork handler of the program, which runs after ours: within the fork. */
static void let_load(void)
{
	struct timespec deadline;

	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += 20;
	sem_post(&forking);
	while (sem_timedwait(&waits, &deadline) != 0 && errno == EINTR)
		;
	state_while_forking = library.binding->state;
}

static int play_fork_meanwhile(void)
{
	pthread_t thread;

	sem_init(&forking, 0, 0);
	sem_init(&waits, 0, 0);
	must(pthread_atfork(let_load, NULL, NULL) == 0);
	start(NULL);
	kernel_watch(SYS_futex, see_wait);
	must(pthread_create(&thread, NULL, load_while_forking, NULL) == 0);
	have_child();
	must(state_while_forking == FONDUE_STATE_NONE);
	must(pthread_join(thread, NULL) == 0);
	must(library.binding->state == FONDUE_STATE_PRIVATE);
	must(strstr(said(), refusal_cause(REASON_AFTER_FORK)) && said_lines() == 0);
	return CHILD_GOOD;
}

/* Forks */

static int play_fork_keeps_errno(void)
{
	start(NULL);
	errno = EXDEV;
	have_child();
	must(errno == EXDEV);
	return CHILD_GOOD;
}

static int play_many_forks(void)
{
	int fd;

	start(NULL);
	fd = next_descriptor();
	for (unsigned i = 0; i < 50; i++)
		have_child();
	must(next_descriptor() == fd);
	must(is_shared(&program) && said_lines() == 0);
	return CHILD_GOOD;
}

/* What the hook of _Fork() does, which may be called from a signal handler. */
static unsigned handler_forks;

static void fork_in_handler(int number)
{
	pid_t pid;

	(void)number;
	adopt_hold();
	pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	adopt_release();
	if (pid == 0)
		_exit(CHILD_GOOD);
	handler_forks += unit_wait(pid) == CHILD_GOOD;
}

/* The same: within the fork. */
static void be_interrupted(void)
{
	raise(SIGUSR1);
}

static int play_fork_in_handler(void)
{
	must(pthread_atfork(be_interrupted, be_interrupted, NULL) == 0);
	signal(SIGUSR1, fork_in_handler);
	start(NULL);
	have_child();
	must(handler_forks == 2);
	must(is_shared(&program) && said_lines() == 0);
	return CHILD_GOOD;
}

int main(void)
{
	scratch_make();
	test_play("what is there at start is shared", play_start);
	test_play("the environment is read", play_environment);
	test_play("standard error may be a file", play_error_file);
	test_play("with nothing to share, two cheap system calls", play_inert);
	test_play("a refused object does not end the program", play_refused);
	test_play("FONDUE_STRICT=1: it does, with status 127", play_strict);
	test_play("FONDUE_STRICT=1 and nothing refused: it runs", play_strict_and_good);

	test_play("a loaded object is shared before dlopen() returns", play_loaded);
	test_play("after a fork it stays private", play_loaded_after_fork);
	test_play("in a child, too", play_loaded_in_child);
	test_play("FONDUE_LATE=1: it is shared", play_loaded_late);
	test_play("told more than once, nothing happens", play_told_again);
	test_play("untold, nothing is looked for", play_untold);
	test_play("loaded while other threads run: shared", play_loaded_with_threads);
	/* with an emulator's threads taken for the program's, it would be refused */
	test_play_natively("the runtime comes late into a family: private",
		play_late_with_relatives);
#ifdef __GLIBC__
	test_play("or into a namespace of its own: private", play_namespace);
#endif
	test_play("or while other threads run: private", play_late_with_threads);
	test_play("loaded while another thread is in the middle of a fork: private",
		play_fork_meanwhile);
	test_play_natively("of three generations the second counts, too", play_grandchild);

	test_play("a fork keeps errno", play_fork_keeps_errno);
	test_play("forks leave no descriptor", play_many_forks);
	test_play("a signal handler may fork, within a fork", play_fork_in_handler);
	scratch_remove();
	return tap_done();
}
