/* SPDX-License-Identifier: MIT */
/*
 * remap.h - turn private pages into shared ones, in place
 */
#pragma once

#include "proof.h"

/*
 * remap_shared() - make the ranges of @proof shared, all or none
 * @name: of the object, for a message if a property of its pages is lost
 *
 * The pages keep address and contents; nobody else may be writing to them. Signals are
 * blocked meanwhile. Return: false with proof->refusal set, and everything as before.
 */
bool remap_shared(struct proof *proof, const char *name);
