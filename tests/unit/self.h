/* SPDX-License-Identifier: MIT */
/*
 * self.h - calls within the test, built without and with frame pointers: see self.c
 */
#pragma once

void plain_a(void (*leaf)(void));
void plain_b(void (*leaf)(void));
void framed_a(void (*leaf)(void));
void framed_b(void (*leaf)(void));
