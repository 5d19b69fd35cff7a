/* SPDX-License-Identifier: MIT */
/* refused.c - each -D is a misuse that must be a compile error */
#include <fondue/shared.h>

#if defined(CONSTANT)
FONDUE_SHARED int pot_ordinary = 1;
FONDUE_SHARED const int pot_constant = 2;
#elif defined(ZERO_WITH_CONTENTS)
FONDUE_SHARED_ZERO int pot_full = 1;
#else
FONDUE_SHARED_ZERO int pot_zero;
#endif
