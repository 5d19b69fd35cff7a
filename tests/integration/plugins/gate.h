/* SPDX-License-Identifier: MIT */
/*
 * gate.h - a moment in the middle of dlopen() that the program knows of
 */
#pragma once

/* The program's, if it has one: called while gated.so is being loaded, and waited for. */
void gate_pass(void) __attribute__((weak));

void gate_need(void); /* does nothing: whoever calls it is linked with the gate */
