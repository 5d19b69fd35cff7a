/* SPDX-License-Identifier: MIT */
/*
 * cmd-plan-without.c - fondue plan, where there was no Zydis when fondue was built
 */
#include "command.h"
#include "say.h"

static int run(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	say("plan: fondue was built without Zydis (Debian: libzydis-dev), and cannot decode "
	    "instructions");
	return 1;
}

const struct command command_plan = {
	.name = "plan",
	.run = run,
	.summary = "(built without Zydis) find all that refers to variables of a program",
	.help = "OBJECT NAME...\n\nThis fondue was built without Zydis, and makes no plans.\n",
	.usage_status = STATUS_USAGE,
	.failure_status = 1,
};
