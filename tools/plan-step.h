/* SPDX-License-Identifier: MIT */
/*
 * plan-step.h - what one instruction does to the state; calls and jumps are not its matter
 */
#pragma once

#include "plan-operand.h"

void step(const struct step *step);
