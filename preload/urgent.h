/* SPDX-License-Identifier: MIT */
/*
 * urgent.h - SIGURG, which the runtime shares with its host
 *
 * A running thread can be asked for its stack only by a signal. SIGURG is the one: hosts
 * hardly use it, and a process that has no handler for it is not disturbed, let alone ended:
 * not even one that has just executed another program.
 *
 * Ours is the handler that the kernel knows. What the host has set is remembered, and done
 * whenever a signal comes that is not for us, exactly: with the host's mask, restarting,
 * stack and everything else. Whoever sets or asks for an action must see the host's: the
 * doors put it into the kernel for the length of the call, by urgent_step_aside(), and the
 * real function does what it always does. So the host's handler may be called with a signal
 * of ours in that instant. An action to ignore the signal is left to the kernel, whom exec
 * asks for it; as long as it is set, we get no signals.
 *
 * The child of a vfork() has its parent's memory and signal actions of its own: in it the
 * host's action is put back by the first such call, and stays.
 */
#pragma once

#include <signal.h>

#include "base.h"

/*
 * urgent_share() - have a handler in this process, from now on and in its children
 * @mine: is the signal ours? Then it has been dealt with. Called by the handler
 *
 * To be called again in children, which may have been forked in the middle of a call, and
 * with all signals blocked. Return: false: not to be had here.
 */
bool urgent_share(bool (*mine)(const siginfo_t *info, const ucontext_t *context));

/*
 * urgent_step_aside() - the kernel has the host's action, until urgent_step_in()
 *
 * All signals are blocked meanwhile. Return: false: it has it anyway, and nothing was done.
 */
bool urgent_step_aside(uint64_t *ret_mask);
void urgent_step_in(uint64_t mask);
