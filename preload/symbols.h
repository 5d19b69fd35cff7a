/* SPDX-License-Identifier: MIT */
/*
 * symbols.h - does the process really use the variables in this object's sections?
 */
#pragma once

#include "modules.h"

/*
 * symbols_check() - refuse a library whose annotated variables live elsewhere
 * @is_shared: says whether an address lies in pages that are shared already
 *
 * Reads the relocations of @module and of the program; to be called when they have been
 * applied, with the loader's lock held. Return: false with proof->refusal set.
 */
bool symbols_check(const struct module *module, struct proof *proof,
	bool (*is_shared)(uintptr_t address));
