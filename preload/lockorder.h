/* SPDX-License-Identifier: MIT */
/*
 * lockorder.h - locks taken in one order here and in another there, before it goes wrong
 */
#pragma once

/* In a process whose locks are audited. */
void lockorder_start(void);
