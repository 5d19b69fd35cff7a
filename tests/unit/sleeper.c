/* SPDX-License-Identifier: MIT */
/*
 * sleeper.c - a program that goes to sleep at a known depth, to be looked at
 *
 *	sleeper HOW [PLUGIN]
 *
 * main() calls outer(), that middle(), that inner(), and there it sleeps as asked. Before, it
 * writes where outer() was: a struct place. It is built in several ways: see meson.build.
 */
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sleeper.h"

/* <linux/futex.h>, which musl's compiler does not find */
#define FUTEX_WAIT 0

static const char *plugin;

/* Behind each call: so that it is one, and not a jump. */
#define NO_TAIL __asm__ volatile("" ::: "memory")

static void sleep_long(void)
{
	struct timespec time = { .tv_sec = 1000 };

	nanosleep(&time, NULL);
	NO_TAIL;
}

void on_signal(int number)
{
	(void)number;
	sleep_long();
	NO_TAIL;
}

#if defined(__x86_64__)
/* A signal comes before its first instruction: an address that is behind nothing of it. */
void faulter(void);
__asm__(".text\n"
	".type before_faulter, @function\n"
	"before_faulter: .cfi_startproc\n"
	"ret\n"
	".cfi_endproc\n"
	".size before_faulter, .-before_faulter\n"
	".globl faulter\n"
	".type faulter, @function\n"
	"faulter: .cfi_startproc\n"
	"ud2\n"
	"ret\n"
	".cfi_endproc\n"
	".size faulter, .-faulter\n");
#else
static void faulter(void)
{
	raise(SIGILL);
	NO_TAIL;
}
#endif

static void sleep_in_handler(int flags)
{
	static char stack[64 * 1024];
	stack_t alternative = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };

	sigaltstack(&alternative, NULL);
	sigaction(SIGILL, &action, NULL);
	faulter();
	NO_TAIL;
}

static void sleep_in_plugin(void)
{
	void *object = dlopen(plugin, RTLD_NOW);
	void (*function)(void);

	*(void **)&function = object ? dlsym(object, "plugin_outer") : NULL;
	if (function)
		function();
	NO_TAIL;
}

/* Wakes and sleeps again whenever something comes. */
static void sleep_in_read(void)
{
	char byte;

	while (read(STDIN_FILENO, &byte, 1) == 1)
		;
	NO_TAIL;
}

int recursion(int depth)
{
	volatile char room[64];

	room[0] = depth;
	if (depth)
		recursion(depth - 1);
	else
		sleep_long();
	NO_TAIL;
	return room[0];
}

__attribute__((noreturn)) void never_returns(void)
{
	for (;;)
		sleep_long();
}

/* Its last instruction is the call: where that would return to, another function begins. */
void calls_and_ends(void)
{
	never_returns();
}

static volatile int zero;

void inner(const char *how)
{
	if (!strcmp(how, "nanosleep"))
		sleep_long();
	else if (!strcmp(how, "read"))
		sleep_in_read();
	else if (!strcmp(how, "poll"))
		poll(NULL, 0, -1);
	else if (!strcmp(how, "futex"))
		syscall(SYS_futex, &zero, FUTEX_WAIT, 0, NULL, NULL, 0);
	else if (!strcmp(how, "signal"))
		sleep_in_handler(0);
	else if (!strcmp(how, "altstack"))
		sleep_in_handler(SA_ONSTACK);
	else if (!strcmp(how, "plugin"))
		sleep_in_plugin();
	else if (!strcmp(how, "deep"))
		recursion(1000);
	else if (!strcmp(how, "noreturn"))
		calls_and_ends();
	else if (!strcmp(how, "stop"))
		raise(SIGSTOP);
	else if (!strcmp(how, "spin"))
		for (;;)
			zero = 0;
	NO_TAIL;
}

void middle(const char *how)
{
	volatile char room[200];

	room[0] = 0;
	inner(how);
	NO_TAIL;
	room[1] = room[0];
}

void outer(const char *how)
{
	struct place place = { 0 };

#if defined(__x86_64__)
	__asm__ volatile("leaq 0(%%rip), %0\n\tmovq %%rsp, %1\n\tmovq %%rbp, %2"
			 : "=r"(place.pc), "=r"(place.sp), "=r"(place.fp));
#endif
	if (write(STDOUT_FILENO, &place, sizeof(place)) == sizeof(place))
		middle(how);
	NO_TAIL;
}

static void *thread_main(void *how)
{
	outer(how);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc < 2)
		return 2;
	alarm(120); /* should nobody kill us */
	plugin = argc > 2 ? argv[2] : NULL;
	if (strcmp(argv[1], "thread") != 0) {
		outer(argv[1]);
		return 0;
	}
	pthread_create(&thread, NULL, thread_main, (void *)"nanosleep");
	pthread_join(thread, NULL);
	return 0;
}
