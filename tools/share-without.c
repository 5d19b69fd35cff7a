/* SPDX-License-Identifier: MIT */
/*
 * share-without.c - where there was no Zydis when fondue was built
 */
#include "say.h"
#include "share.h"

bool share_names(const char *path, const char *list)
{
	say("run: --share=%s: %s: fondue was built without Zydis (Debian: libzydis-dev), and "
	    "cannot decode instructions; annotate the variables instead",
		list, say_base_name(path));
	return false;
}
