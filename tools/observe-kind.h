/* SPDX-License-Identifier: MIT */
/* observe-kind.h - what an object is to the program: itself, a part of it, or a plugin */
#pragma once

#include "observe-object.h"

/*
 * kind_enter() - which index @observed has in @seen
 * @program: the path of what is executed
 *
 * It is entered with the first variable of it that changed.
 */
size_t kind_enter(struct observed *observed, struct seen *seen, const char *program);
