/* SPDX-License-Identifier: MIT */
/*
 * aside.h - lookups by a process of their own, which may fail for us
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* @patient: an answer may take as long as a download does. */
void aside_begin(bool patient);

/*
 * aside_ask() - the answer of lookup() to @request
 *
 * Return: what is not to be changed, and is valid until the next question.
 */
const json_t *aside_ask(const json_t *request);

void aside_end(void);
