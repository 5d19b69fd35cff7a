/* SPDX-License-Identifier: MIT */
/*
 * spinlock.h - the part of the lock that is not inline
 */
#pragma once

#include "layout.h"

extern const struct fondue_spin_calls spin_calls;
