/* SPDX-License-Identifier: MIT */
/*
 * show.h - what was found, for people and for machines
 */
#pragma once

#include "examine.h"

void show_text(const struct examination *examination);
void show_json(const struct examination *examination);
