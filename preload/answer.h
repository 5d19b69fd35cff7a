/* SPDX-License-Identifier: MIT */
/*
 * answer.h - the thread that is asked where it is
 */
#pragma once

/* Let this process be asked, as soon as one of its threads has a slot; if the user wants it. */
void answer_start(void);

/* The calling thread has another stack for signals: look again whether it can be asked. */
void answer_look(void);
