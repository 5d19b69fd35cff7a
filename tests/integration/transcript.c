/* SPDX-License-Identifier: MIT */
/*
 * transcript.c - all that a program can easily notice about itself, line by line
 *
 * Run without and with the preload it must say the same: see test-transcript.c. Left out
 * is what must differ: LD_PRELOAD itself, the library in the list of objects, addresses,
 * process numbers, and whether annotated variables are shared.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <locale.h>
#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fondue/shared.h>

FONDUE_SHARED static int initialised[3] = {17, 18, 19};
FONDUE_SHARED_ZERO static int zero[5000];
static int ordinary = 20;

static int errno_in_constructor;

__attribute__((constructor)) static void constructor(void)
{
	errno_in_constructor = errno;
	printf("constructor: initialised %d, zero %d\n", initialised[0], zero[4999]);
}

static void show_start(int argc, char **argv)
{
	const char *error = dlerror();

	printf("errno in a constructor %d, in main %d; dlerror %s\n",
		errno_in_constructor, errno, error ? error : "none");
	printf("name %s, short %s, executed as %s\n", program_invocation_name,
		program_invocation_short_name, (const char *)getauxval(AT_EXECFN));
	for (int i = 0; i < argc; i++)
		printf("argument %s\n", argv[i]);
	for (char **each = environ; *each; each++)
		if (strncmp(*each, "LD_PRELOAD=", 11))
			printf("environment %s\n", *each);
	printf("variables %d %d %d %d %d\n", initialised[0], initialised[1],
		initialised[2], zero[0], ordinary);
}

static void show_descriptors(void)
{
	for (int fd = 0; fd < 1024; fd++) {
		struct stat status;

		if (fstat(fd, &status) == 0)
			printf("descriptor %d: mode %o, flags %x %x\n", fd,
				status.st_mode, fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
	}
	printf("next descriptor %d\n", dup(1));
}

static void show_set(const char *name, const sigset_t *set)
{
	printf("%s:", name);
	for (int i = 1; i < NSIG; i++)
		if (sigismember(set, i) == 1)
			printf(" %d", i);
	printf("\n");
}

static void show_signals(void)
{
	stack_t stack;
	sigset_t set;

	for (int i = 1; i < NSIG; i++) {
		struct sigaction action;

		if (sigaction(i, NULL, &action) != 0 || action.sa_handler == SIG_DFL)
			continue;
		printf("signal %d: %s, flags %x\n", i,
			action.sa_handler == SIG_IGN ? "ignored" : "handled",
			action.sa_flags);
	}
	sigprocmask(SIG_SETMASK, NULL, &set);
	show_set("blocked", &set);
	sigpending(&set);
	show_set("pending", &set);
	sigaltstack(NULL, &stack);
	printf("alternate stack flags %d\n", stack.ss_flags);
}

static void show_process(void)
{
	char directory[4096];
	char name[17] = "";
	mode_t mask = umask(0);

	umask(mask);
	prctl(PR_GET_NAME, name);
	printf("directory %s, umask %o, name %s\n", getcwd(directory, sizeof(directory)),
		mask, name);
	printf("users %d %d %d %d, nice %d, policy %d\n", getuid(), geteuid(), getgid(),
		getegid(), getpriority(PRIO_PROCESS, 0), sched_getscheduler(0));
	printf("dumpable %d, death signal %d, no new rights %d, seccomp %d\n",
		prctl(PR_GET_DUMPABLE), prctl(PR_GET_PDEATHSIG, &(int){0}),
		prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), prctl(PR_GET_SECCOMP));
	printf("subreaper %d, main thread %d\n", prctl(PR_GET_CHILD_SUBREAPER, &(int){0}),
		gettid() == getpid());
}

static void show_limits(void)
{
	for (int i = 0; i < RLIMIT_NLIMITS; i++) {
		struct rlimit limit;

		if (getrlimit(i, &limit) == 0)
			printf("limit %d: %lx %lx\n", i, (long)limit.rlim_cur,
				(long)limit.rlim_max);
	}
	for (int i = ITIMER_REAL; i <= ITIMER_PROF; i++) {
		struct itimerval timer;

		getitimer(i, &timer);
		printf("timer %d: %ld %ld\n", i, timer.it_value.tv_sec,
			timer.it_value.tv_usec);
	}
}

/* Lines of /proc/self/status that may not change. */
static void show_status(void)
{
	static const char *const names[] = {"Threads:", "SigPnd:", "ShdPnd:", "SigBlk:",
		"SigIgn:", "SigCgt:", "CapEff:", "VmLck:", "VmPin:", "FDSize:"};
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];

	while (status && fgets(line, sizeof(line), status))
		for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (!strncmp(line, names[i], strlen(names[i])))
				printf("%s", line);
	if (status)
		fclose(status);
}

static void show_libc(void)
{
	volatile double third = 3;

	third = 1 / third;
	printf("locale %s, third %a, random %d\n", setlocale(LC_ALL, NULL), third,
		rand());
}

static int show_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	if (!strstr(info->dlpi_name, "libfondue"))
		printf("object %s\n", info->dlpi_name);
	return 0;
}

static void show_error(const char *what)
{
	const char *error = dlerror();

	printf("%s: errno %d, dlerror %s", what, errno, error ? error : "none");
	printf(", then %s\n", dlerror() ? "another" : "none");
	errno = 4242;
}

static void show_symbol(const char *name)
{
	void *next = dlsym(RTLD_NEXT, name);
	Dl_info info = {0};

	if (next)
		dladdr(next, &info);
	printf("next %s: %s\n", name, next ? info.dli_fname : "none");
}

/* The hooks are the library's, so of these only that there is one. */
static void show_hook(const char *name, const char *version)
{
	printf("%s: default %d, next %d, version %d\n", name,
		dlsym(RTLD_DEFAULT, name) != NULL, dlsym(RTLD_NEXT, name) != NULL,
		dlvsym(RTLD_DEFAULT, name, version) != NULL);
}

static void show_loader(void)
{
	dl_iterate_phdr(show_object, NULL);
	errno = 4242;
	printf("libm %s\n", dlopen("libm.so.6", RTLD_NOW) ? "there" : "missing");
	show_error("a library");
	dlopen("libm.so.6", RTLD_NOW | RTLD_NOLOAD);
	show_error("a loaded library");
	dlopen("no-such-library.so", RTLD_NOW);
	show_error("no library");
	dlopen("/no/such/library.so", RTLD_NOW);
	show_error("no path");
	dlopen("/etc/passwd", RTLD_NOW);
	show_error("a text");
	dlsym(RTLD_DEFAULT, "printf");
	show_error("a symbol");
	dlsym(RTLD_DEFAULT, "no_such_symbol");
	show_error("no symbol");
	dlsym(RTLD_NEXT, "no_such_symbol");
	show_error("no next symbol");
	show_symbol("malloc");
	show_symbol("open");
	show_symbol("printf");
	show_symbol("no_such_symbol");
	show_symbol("waitpid");
	show_hook("fork", "GLIBC_2.2.5");
	show_hook("_Fork", "GLIBC_2.34");
	show_hook("clone", "GLIBC_2.2.5");
	show_hook("dlopen", "GLIBC_2.34");
	show_hook("pthread_create", "GLIBC_2.34");
}

static void prepare(void)
{
	printf("prepare\n");
}

static void parent(void)
{
	printf("parent\n");
	errno = 99;
}

static void child(void)
{
	printf("child\n");
}

/* What is in a buffer at the fork is there twice: the child writes its copy. */
static void show_fork(const char *name, pid_t (*how)(void))
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	printf("before %s\n", name);
	errno = 4242;
	pid = how();
	printf("%s: errno %d\n", pid ? "parent" : "child", errno);
	if (pid == 0)
		exit(12);
	printf("waited %d\n", waitpid(pid, &status, 0) == pid);
	printf("status %x\n", status);
}

static int in_clone(void *arg)
{
	return *(int *)arg;
}

static pid_t by_clone(void)
{
	static char stack[1 << 16] __attribute__((aligned(16)));
	static int code = 77;

	return clone(in_clone, stack + sizeof(stack), SIGCHLD, &code);
}

static pid_t by_failing_clone(void)
{
	return clone(NULL, NULL, SIGCHLD, NULL);
}

static pid_t by_vfork(void)
{
	pid_t pid = vfork();

	if (pid == 0)
		_exit(21);
	return pid;
}

static pid_t by_spawn(void)
{
	char *args[] = {(char *)"sh", (char *)"-c", (char *)"exit 22", NULL};
	pid_t pid = -1;

	printf("spawn %d\n", posix_spawnp(&pid, "sh", NULL, NULL, args, environ));
	return pid;
}

static void show_programs(void)
{
	char line[64] = "none\n";
	FILE *pipe;

	fflush(stdout);
	printf("system %x\n", system("echo from the shell; exit 23"));
	pipe = popen("echo through a pipe; exit 24", "r");
	printf("popen %s", pipe && fgets(line, sizeof(line), pipe) ? line : "failed\n");
	printf("pclose %x\n", pipe ? pclose(pipe) : -1);
}

static void *thread(void *arg)
{
	errno = 1;
	return arg;
}

static void show_threads(void)
{
	pthread_attr_t attr;
	pthread_t id;
	void *result;
	int state;

	errno = 4242;
	printf("create %d", pthread_create(&id, NULL, thread, (void *)33));
	printf(", join %d", pthread_join(id, &result));
	printf(", result %ld, errno %d\n", (long)result, errno);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, (size_t)1 << 46);
	printf("with too large a stack %d\n", pthread_create(&id, &attr, thread, NULL));
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
	printf("cancelable %d\n", state == PTHREAD_CANCEL_ENABLE);
}

static void at_exit_1(void)
{
	printf("first registered, last run\n");
}

static void at_exit_2(void)
{
	printf("last registered, first run\n");
}

__attribute__((destructor)) static void destructor(void)
{
	printf("destructor\n");
}

int main(int argc, char **argv)
{
	show_start(argc, argv);
	show_descriptors();
	show_signals();
	show_process();
	show_limits();
	show_status();
	show_libc();
	show_fork("fork", fork);
	show_loader();
	pthread_atfork(prepare, parent, child);
	show_fork("fork with handlers", fork);
	show_fork("_Fork", _Fork);
	show_fork("clone", by_clone);
	show_fork("a clone that fails", by_failing_clone);
	show_fork("vfork", by_vfork);
	show_fork("posix_spawn", by_spawn);
	show_programs();
	show_threads();
	show_status();
	show_descriptors();
	atexit(at_exit_1);
	atexit(at_exit_2);
	return 42;
}
