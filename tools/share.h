/* SPDX-License-Identifier: MIT */
/*
 * share.h - variables of a program as it is, by name: plans made, or found where they were kept
 */
#pragma once

#include <stdbool.h>

/*
 * share_names() - have the runtime share variables of the program @path and its libraries
 * @list: "NAME,NAME": as `fondue plan` takes them, each perhaps behind OBJECT: the name of
 * a library of the program, or the path of any object that will be loaded
 *
 * Plans are kept by build-id, in a directory of the user's. FONDUE_PLAN is set, behind what it
 * names already. Return: false when it cannot be done, which has been said.
 */
bool share_names(const char *path, const char *list);

/*
 * share_pages() - the same, by the whole pages that they lie in, where nothing can be moved
 * @is_sure: also if what lies there, too, is better not shared
 *
 * All that does is listed on standard error.
 */
bool share_pages(const char *path, const char *list, bool is_sure);
