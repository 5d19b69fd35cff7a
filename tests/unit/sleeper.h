/* SPDX-License-Identifier: MIT */
/*
 * sleeper.h - what a sleeper tells of itself
 */
#pragma once

#include <stdint.h>

/* Within outer(): what is stored when a lock is taken. */
struct place {
	uintptr_t pc, sp, fp;
};

/* The functions of which main() calls the first. */
void outer(const char *how);
void middle(const char *how);
void inner(const char *how);
void on_signal(int number);
int recursion(int depth);
void never_returns(void);
void calls_and_ends(void);
