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
	unsigned hold_ms; /* FONDUE_HOLD_MS: a lock held longer is reported; 0: none is */
	unsigned hold_action;	/* FONDUE_HOLD_ACTION: enum hold_action */
	unsigned report_format; /* FONDUE_REPORT_FORMAT: enum report_format */
	const char *report_dir; /* FONDUE_REPORT_DIR: where records of reports go; NULL: nowhere */
	const char *plan; /* FONDUE_PLAN: files, with ':' in between; NULL: none */
	bool lock_order;  /* FONDUE_LOCKORDER: say when locks are taken in contrary orders */
	bool hold_check;  /* FONDUE_HOLD_CHECK: who releases a lock looks how long it held it */
	bool robust;	  /* FONDUE_ROBUST: mutexes that the family shares outlive their owners */
	unsigned signal;	/* FONDUE_SIGNAL: enum config_signal */
	size_t heap_size; /* FONDUE_HEAP_SIZE: bytes of addresses that the heap reserves */
	bool secure;	  /* the process runs with more rights than its caller */
};

enum hold_action { HOLD_ACTION_REPORT, HOLD_ACTION_CORE };
enum report_format { REPORT_FORMAT_TEXT, REPORT_FORMAT_JSON };
/* May a running owner of a lock be asked, by a signal, where it is? */
enum config_signal {
	CONFIG_SIGNAL_NONE,
	CONFIG_SIGNAL_URG,    /* not if one of the two is in a sandbox */
	CONFIG_SIGNAL_ALWAYS, /* there, too */
};

/* What hold_ms is when nobody says anything: no section of a sane program takes so long. */
#define HOLD_MS_DEFAULT 1000

/* More than any heap needs, and it costs nothing: see heap.c. */
#define HEAP_SIZE_DEFAULT (64UL << 30)

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
