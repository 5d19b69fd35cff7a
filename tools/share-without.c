/* SPDX-License-Identifier: MIT */
/*
 * share-without.c - where there was no Zydis when fondue was built
 */
#include "say.h"
#include "share-exact.h"

const char share_exact_proof[] = "none";

bool share_exact(struct part *part, const char *path)
{
	(void)path;
	say("run: --share: %s: fondue was built without Zydis (Debian: libzydis-dev), and "
	    "cannot decode instructions; annotate the variables instead, or as a last resort "
	    "share whole pages, with --share-page",
		say_base_name(part->path));
	return false;
}
