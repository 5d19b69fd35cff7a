/* SPDX-License-Identifier: MIT */
/*
 * observe-last.h - which thread is the last of its process: the memory goes with it
 */
#pragma once

#include "observe-kin.h"

enum last {
	LAST_NO,      /* another one will report its end later */
	LAST_PERHAPS, /* others are about to end, and may do so without a report */
	LAST_YES,
};

/* @tracee has reported its end, and waits. */
enum last last_is(const struct observation *observation, const struct tracee *tracee);
