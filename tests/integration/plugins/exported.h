/* SPDX-License-Identifier: MIT */
/*
 * exported.h - the library with the exported variable, as its users see it
 */
#pragma once

extern volatile int exported_hits;

volatile int *exported_at(void); /* where the library's own code finds it */
int exported_active(void);	 /* fondue_active() in the library */
