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
