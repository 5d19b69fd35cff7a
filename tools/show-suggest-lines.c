/* SPDX-License-Identifier: MIT */
/*
 * show-suggest-lines.c - lines to paste: into a shell, and into the source
 *
 * A line that does not work is worse than none. So what `run --share=` would refuse is not in
 * its line, and said to be so, with the reason; and an annotation is only given where the type
 * is known.
 */
#include <string.h>

#include "memory.h"
#include "say.h"
#include "show-suggest.h"

/* Lines for the source. */
#define SOURCES_SHOWN 8

/* What is only perhaps is not mixed with what is, but better than nothing. */
static enum opinion best(const struct suggestion *it)
{
	return show_suggest_count(it->judgement, OPINION_SHARE) ? OPINION_SHARE :
								  OPINION_PERHAPS;
}

static void print_line(FILE *file, const char *text)
{
	say_to(file, text);
	fputc('\n', file);
}

static bool is_plain(const char *word)
{
	return *word &&
	       !word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789_-./=:,@%+")];
}

/* As the shell would have it, so that it is one word again. */
static const char *quote(const char *word)
{
	const char *text = "'";

	if (is_plain(word))
		return word;
	for (; *word; word++)
		text = memory_format(*word == '\'' ? "%s'\\%c'" : "%s%c", text, *word);
	return memory_format("%s'", text);
}

static const char *command_line(const struct suggestion *it)
{
	const char *text = "";

	for (size_t i = 0; it->argv[i]; i++)
		text = memory_format("%s %s", text, quote(it->argv[i]));
	return text;
}

static void print_share(FILE *file, const struct suggestion *it)
{
	const char *list = show_suggest_list(it->judgement, best(it));

	if (list)
		print_line(file,
			memory_format("  without rebuilding:  fondue run %s --%s",
				quote(memory_format("--share=%s", list)), command_line(it)));
}

/* One line for each would bury the answer; they are refused for the same kind of reason. */
static void print_refused(FILE *file, const struct suggestion *it)
{
	const char *names = NULL, *why = NULL;

	for (size_t i = 0; i < it->judgement->count; i++) {
		const struct finding *finding = &it->judgement->findings[i];
		const char *name = show_suggest_name(it->judgement, finding);

		if (finding->opinion != best(it) || !finding->refusal)
			continue;
		names = names ? memory_format("%s, %s", names, name) : name;
		why = why ? why : finding->refusal;
	}
	if (names)
		print_line(
			file, memory_format("  only annotated:      %s (--share= refuses: %s)",
				      names, why));
}

static void print_sources(FILE *file, const struct suggestion *it)
{
	size_t shown = 0, all = 0;

	for (size_t i = 0; i < it->judgement->count; i++) {
		const struct finding *finding = &it->judgement->findings[i];
		const char *annotation = show_suggest_annotation(finding);

		if (finding->opinion != best(it))
			continue;
		if (!annotation || !finding->facts.variable->file)
			continue;
		if (all++ < SOURCES_SHOWN || it->wants_all)
			print_line(file, memory_format("  %-19s  %s:%u  %s",
						 shown++ ? "" : "in the source:",
						 say_base_name(finding->facts.variable->file),
						 finding->facts.variable->line, annotation));
	}
	if (all > shown)
		fprintf(file, "  %-19s  (and %zu more)\n", "", all - shown);
}

void show_suggest_lines(FILE *file, const struct suggestion *it)
{
	print_share(file, it);
	print_refused(file, it);
	print_sources(file, it);
}
