/* SPDX-License-Identifier: MIT */
/*
 * report.h - the facts in words, for people and for machines
 */
#pragma once

#include "facts.h"
#include "log.h"

/*
 * report_text() - several lines for people, the most important first
 * report_json() - one line, an object, with stable keys; version 1
 * @frames: of each stack are told at most
 *
 * Return: false when it did not fit into @text: then with fewer frames, perhaps.
 */
bool report_text(const struct report *report, unsigned frames, struct log_text *text);
bool report_json(const struct report *report, unsigned frames, struct log_text *text);

/* As a text for people calls them: "stats_lock (collector)", "update_stats+0x4c (collector)". */
void report_add_lock(struct log_text *text, const struct lock_fact *lock);
void report_add_place(struct log_text *text, const struct place *place);

/*
 * The pieces of such an object, for what is no struct report: begun with what all have, and
 * ended. report_json_open() begins a list or an object in it, which '}' or ']' ends.
 */
void report_json_begin(
	struct log_text *text, const char *name, unsigned sequence, uint64_t wall_ns);
void report_json_open(struct log_text *text, const char *key, char bracket);
void report_json_lock(struct log_text *text, const char *key, const struct lock_fact *lock);
void report_json_place(struct log_text *text, const char *key, const struct place *place);
void report_json_ms(struct log_text *text, const char *key, uint64_t ns);
void report_json_number(struct log_text *text, const char *key, uint64_t value);
void report_json_end(struct log_text *text);
