/* SPDX-License-Identifier: MIT */
/*
 * observe-signal.h - signals on their way to the program, and to us
 */
#pragma once

#include "observe-kin.h"
#include "observe-start.h"

/* A signal is about to be delivered to @tracee: what is to be looked at before. */
void signal_arrives(struct observation *observation, struct tracee *tracee, int signal);

/* From here on signals to this process wait for signal_wait(). */
void signal_begin(struct inherited *ret);
void signal_end(const struct inherited *inherited);

/*
 * signal_wait() - until a tracee reports something, or @until_us
 *
 * What has been sent to this process alone is passed on.
 */
void signal_wait(struct observation *observation, uint64_t until_us);

/* What is due to be passed on, or to be ended by force; says when there is more. */
void signal_go_on(struct observation *observation);
