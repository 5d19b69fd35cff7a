/* SPDX-License-Identifier: MIT */
/*
 * whereabouts.h - what lies at an address of another process
 */
#pragma once

#include "maps.h"

struct whereabouts {
	const char *name;     /* of the variable, as in the source where known; or NULL */
	const char *function; /* that it is static in, or NULL */
	uint64_t offset;      /* in the variable; else in the object, else in what is mapped */
	const char *object;   /* path of the program or library it is part of, or NULL */
};

/*
 * whereabouts() - name @address by the files that @maps shows
 * @tid: whose maps they are: files are found as that thread sees them
 *
 * What is not certain stays NULL. Strings live as long as the command.
 */
struct whereabouts whereabouts(const struct maps *maps, pid_t tid, uint64_t address);
