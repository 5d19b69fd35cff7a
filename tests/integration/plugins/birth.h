/* SPDX-License-Identifier: MIT */
/*
 * birth.h - what the child of the library's constructor wrote
 */
#pragma once

int birth_shared(void);	 /* to an annotated variable */
int birth_private(void); /* to an ordinary one */
