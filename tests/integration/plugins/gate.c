/* SPDX-License-Identifier: MIT */
/*
 * gate.c - a library that comes along with an annotated plugin, and is started before it
 *
 * By then the loader has mapped both, and the runtime has not been told of either.
 */
#include "gate.h"

__attribute__((constructor)) static void start(void)
{
	if (gate_pass)
		gate_pass();
}

void gate_need(void)
{
}
