/* SPDX-License-Identifier: MIT */
/* judge-spell.h - names that `fondue run --share=` takes for just these variables */
#pragma once

#include "judge.h"

/*
 * spell_findings() - a spelling for each that is suggested, and locks that lie beside them
 * @program: the path that PROGRAM was found at
 *
 * Without a spelling stay those that have no symbol, or that nothing tells from another, and
 * those that a plan cannot be made for, which have a refusal then.
 */
void spell_findings(struct judgement *judgement, const char *program);
