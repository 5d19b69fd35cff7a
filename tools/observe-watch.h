/* SPDX-License-Identifier: MIT */
/*
 * observe-watch.h - who touches the variables that are watched, and in which line
 *
 * Where the machine cannot do it nothing is seen.
 */
#pragma once

#include "observe-kin.h"

/* @tracee is stopped: arm it, if it is of a family by now and not armed yet. */
void watch_arm(struct observation *observation, struct tracee *tracee);

/* A child was born: all threads of its parent are to be armed when they stop next. */
void watch_parent(struct observation *observation, const struct member *child);

/* A SIGTRAP of @tracee. Return: was it a watched variable? Then it is not the program's. */
bool watch_fired(struct observation *observation, struct tracee *tracee);
