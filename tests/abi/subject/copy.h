/* SPDX-License-Identifier: MIT */
#ifndef COPY_H
#define COPY_H

extern int pot_hits;
int library_hits(void);
int library_active(void);

#endif
