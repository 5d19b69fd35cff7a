/* SPDX-License-Identifier: MIT */
/*
 * config.h - the FONDUE_* environment variables, read once
 */
#pragma once

#include "base.h"

struct config {
	bool strict;	  /* FONDUE_STRICT: a refusal at start ends the program, status 127 */
	bool verbose;	  /* FONDUE_VERBOSE: say what was shared */
	bool late;	  /* FONDUE_LATE: share late objects with later children */
	const char *log;  /* FONDUE_LOG: file for messages; NULL: standard error */
	bool secure;	  /* the process runs with more rights than its caller */
};

/* All off until config_load(). */
extern struct config config;

/*
 * config_load() - read the environment into `config`
 * @envp: as the kernel gave it; NULL counts as empty; may change afterwards
 * @secure: the process runs with more rights than its caller: only harmless ones count
 */
void config_load(char *const *envp, bool secure);

/*
 * config_complain() - name, once, the values that were not understood
 *
 * Apart from config_load(), since a process with nothing to share has no use for them.
 */
void config_complain(void);
