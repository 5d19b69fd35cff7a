/* SPDX-License-Identifier: MIT */
/*
 * refuse.c - a tiny preload that makes chosen system calls of the runtime fail
 *
 *	REFUSE="mremap-after-unmap=12" LD_PRELOAD=refuse.so:libfondue.so PROGRAM
 *
 * The runtime makes its own system calls through libc's syscall(), and this stands before
 * libc's. A seccomp filter is the better test where it can be had; this one is for
 *failures that depend on a path, which a filter cannot see, and for those that have half
 *happened.
 *
 *	proc=ERROR                 openat() of anything below /proc
 *	stat=ERROR                 newfstatat() of anything below /proc
 *	pread-odd=BYTES            pread64() returns that many bytes and no more
 *	pread-empty=0              pread64() finds the end of the file
 *	mremap-after-unmap=ERROR   mremap() unmaps its target and then fails
 *	promise=GIBIBYTES          vm.overcommit_memory is 2, and no more than that is left
 *	promise-only=GIBIBYTES     the same, and there is no memfd_create()
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

long syscall(long number, ...);

static long (*real)(long number, ...);

/*
 * The value of REFUSE. The runtime starts before libc has set environ, and we are called
 * by it; so the environment is read from where the kernel shows it.
 */
static const char *wanted(void)
{
	static char environment[1 << 16];
	static const char *found;
	long fd, len;

	if (found)
		return found;
	found = "";
	fd = real(SYS_openat, AT_FDCWD, "/proc/self/environ", O_RDONLY | O_CLOEXEC);
	len = real(SYS_read, fd, environment, sizeof(environment) - 1);
	real(SYS_close, fd);
	for (const char *at = environment; at < environment + len; at += strlen(at) + 1)
		if (!strncmp(at, "REFUSE=", 7))
			found = at + 7;
	return found;
}

static bool is_wanted(const char *what, int *ret_value)
{
	size_t len = strlen(what);

	if (strncmp(wanted(), what, len) || wanted()[len] != '=')
		return false;
	*ret_value = atoi(wanted() + len + 1);
	return true;
}

static long fail(int error)
{
	errno = error;
	return -1;
}

static bool is_wanted_promise(int *ret_gib)
{
	return is_wanted("promise", ret_gib) || is_wanted("promise-only", ret_gib);
}

/* A file that says so. */
static long open_mode(void)
{
	long fd = real(SYS_memfd_create, "mode", 0);

	real(SYS_write, fd, "2\n", 2);
	real(SYS_lseek, fd, 0, SEEK_SET);
	return fd;
}

/* Anonymous memory is promised, all of it, with MAP_NORESERVE or without. */
static bool is_promised(const long *a, int gib)
{
	return a[3] & MAP_SHARED && a[3] & MAP_ANONYMOUS && (unsigned long)a[1] > (unsigned long)gib << 30;
}

static bool is_proc(long path)
{
	return !strncmp((const char *)path, "/proc/", 6);
}

long syscall(long number, ...)
{
	long a[6];
	va_list args;
	int value;

	va_start(args, number);
	for (unsigned i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	if (number == SYS_openat && !strcmp((const char *)a[1], "/proc/sys/vm/overcommit_memory") &&
		is_wanted_promise(&value))
		return open_mode();
	if (number == SYS_mmap && is_wanted_promise(&value) && is_promised(a, value))
		return fail(ENOMEM);
	if (number == SYS_memfd_create && is_wanted("promise-only", &value))
		return fail(ENOSYS);
	if (number == SYS_openat && is_proc(a[1]) && is_wanted("proc", &value))
		return fail(value);
	if (number == SYS_newfstatat && is_proc(a[1]) && is_wanted("stat", &value))
		return fail(value);
	if (number == SYS_pread64 && is_wanted("pread-empty", &value))
		return 0;
	if (number == SYS_pread64 && is_wanted("pread-odd", &value))
		a[2] = value;
	if (number == SYS_mremap && is_wanted("mremap-after-unmap", &value)) {
		munmap((void *)a[4], a[2]);
		return fail(value);
	}
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
