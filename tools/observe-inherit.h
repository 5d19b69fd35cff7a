/* SPDX-License-Identifier: MIT */
/* observe-inherit.h - what a program is to have of us, though it is not the first we run */
#pragma once

/* Before anything is opened; what counts is the first call of this process. */
void inherit_note(void);

/* In the child that becomes the program. */
void inherit_restore(void);
