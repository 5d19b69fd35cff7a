/* SPDX-License-Identifier: MIT */
/*
 * unregistered.c - run a program whose threads cannot be registered for rseq(2)
 *
 *	unregistered PROGRAM [ARGUMENT...]
 *
 * Neither by libc, which is told so, nor by anybody else: a filter refuses the call.
 */
#include <errno.h>
#include <stdlib.h>

#include "../integration/filter.h"
#include "../tap.h"

int main(int argc, char **argv)
{
	const struct rule rules[] = { { .number = SYS_rseq, .error = ENOSYS }, { .error = 0 } };

	setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 1);
	if (argc < 2 || !filter_install(rules))
		tap_skip_all("no filter can be put on a program");
	execv(argv[1], argv + 1);
	return 126;
}
