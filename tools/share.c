/* SPDX-License-Identifier: MIT */
/*
 * share.c - from names on a command line to plans for the runtime
 *
 * Each object that has some of the variables gets a plan, which FONDUE_PLAN names to the
 * runtime. It is all that was asked for, or the program does not start.
 */
#include "kept.h"
#include "say.h"
#include "share-exact.h"
#include "share-pages.h"
#include "share.h"

static bool share_part(struct part *part, const char *directory)
{
	char *path;

	if (!part->name_count)
		return true;
	path = kept_path(part, directory, share_exact_proof);
	return (kept_is_there(path) || share_exact(part, path)) && kept_announce(path);
}

bool share_names(const char *path, const char *list)
{
	struct parts parts = { .option = "--share" };
	const char *directory = kept_directory(parts.option);

	if (!directory || !parts_find(&parts, path, list))
		return false;
	for (size_t i = 0; i < parts.count; i++)
		if (!share_part(parts.list[i], directory))
			return false;
	return true;
}

bool share_pages(const char *path, const char *list, bool is_sure)
{
	struct parts parts = { .option = "--share-page", .is_in_place = true };
	const char *directory = kept_directory(parts.option);
	bool good = directory && parts_find(&parts, path, list);

	/* all neighbours are shown before anything is refused for them */
	for (size_t i = 0; good && i < parts.count; i++)
		good = !parts.list[i]->name_count || pages_look(parts.list[i]);
	if (good && !is_sure)
		good = pages_are_harmless(&parts);
	for (size_t i = 0; good && i < parts.count; i++)
		good = !parts.list[i]->name_count || pages_plan(parts.list[i], directory);
	return good;
}
