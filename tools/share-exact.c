/* SPDX-License-Identifier: MIT */
/*
 * share-exact.c - as fondue plan does it
 */
#include "kept.h"
#include "plan-show.h"
#include "say.h"
#include "share-exact.h"

const char share_exact_proof[] = "3";

bool share_exact(struct part *part, const char *path)
{
	struct places places = { .bytes = &part->bytes, .symbols = &part->symbols };
	struct result result;
	const char *why;

	if (!part_choose(part))
		return false;
	result_make(&result, &places);
	if (places.refusal_count) {
		show_plan_refusals(&places);
		say("run: %s: its variables cannot be moved; as a last resort --share-page=NAME "
		    "shares the whole pages that they lie in, and tells what else does",
			say_base_name(part->path));
		return false;
	}
	kept_clear(path);
	why = result_write(&result, path);
	if (why)
		say("run: %s: %s; no plan is written", path, why);
	return !why;
}
