/* SPDX-License-Identifier: MIT */
/*
 * observe-restart.h - a signal that the program ignores is not to be noticed by it
 */
#pragma once

#include "observe-kin.h"

/* @signal is about to be given to @tracee: if that ignores it, it waits on as if untraced. */
void restart_if_ignored(const struct tracee *tracee, int signal);

/* @tracee was stopped because we wanted it to (PTRACE_INTERRUPT): neither is that. */
void restart_if_interrupted(struct tracee *tracee);
