/* SPDX-License-Identifier: MIT */
/*
 * show-report.h - a record of the runtime, for people and for machines
 */
#pragma once

#include <jansson.h>

/* @record is good (see record_read()); what it lacks is left out. */
void show_report_text(const json_t *record);
void show_report_json(const json_t *record);

/* Parts of the text, each for the middle of a line. */
void show_report_time(const json_t *object, const char *key); /* "4.2 s" */
void show_report_who(const json_t *thread);  /* pid 7 tid 8 "worker", sleeping in fsync */
void show_report_lock(const json_t *lock);   /* its name, or its address */
void show_report_site(const json_t *frame);  /* update+0x4c (collector) file.c:40 */

/* Parts that are lines; @title stands at the left, as "owner". */
void show_report_lock_line(const char *title, const json_t *lock);
void show_report_site_line(const char *title, const json_t *frame);

/*
 * show_report_stack() - the frames of @thread below the line that names it
 * @taker: the frame that took the lock, which is marked if it is among them; or NULL
 */
void show_report_stack(const json_t *thread, const json_t *taker);
