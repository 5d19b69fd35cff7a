/* SPDX-License-Identifier: MIT */
/* judge-interpreter.h - is the program one that interprets other programs? */
#pragma once

#include "seen.h"

/* Return: its name for people, or NULL. */
const char *interpreter_of(const struct seen *seen);
