/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h - the harness (fuzz-note.c) and its drivers: libFuzzer, or fuzz-main.c
 */
#pragma once

#include "proof.h"

/* Judge one input; a wrong judgment aborts, as does whatever a sanitizer finds. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the last input came to, for a driver that looks for inputs of all kinds. */
struct outcome {
	unsigned mode;
	bool begun; /* there was a note, and so a proof */
	enum reason reason;
	unsigned notes;
};

extern struct outcome fuzz_outcome;
