/* SPDX-License-Identifier: MIT */
/*
 * advice.h - the plugin with wishes, as seen from outside
 */
#pragma once

#define ADVICE_PAGE 4096
#define ADVICE_SIZE (2 << 20)

char *advice_table(void);
