/* SPDX-License-Identifier: MIT */
/*
 * code.h - what code lies at an address of another process
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CODE_BUILD_ID 65 /* bytes of a build-id in hexadecimal, the 0 byte included */

struct code {
	uint64_t address; /* where a call returns to, or what can be looked up like that */
	char *object;	  /* path; NULL: code in no file */
	uint64_t offset;  /* of the address as the file counts it */
	char *function;	  /* NULL: there is no certain name */
	uint64_t function_offset;
	char build_id[CODE_BUILD_ID]; /* "": the object has none */
	bool file_changed;	      /* so it could not be named */
};

/*
 * code_open() - what a process has mapped now, and what will be read of it
 * @tid: of any thread of it that lives
 *
 * Return: NULL, it cannot be looked at.
 */
struct places;
struct places *code_open(pid_t tid);
void code_close(struct places *places);

/* To be given back with code_free(). */
struct code code_find(struct places *places, uint64_t address);
void code_free(struct code *code);

/* Is a lock taken by the instructions before @address? See preload/place.h. */
bool code_is_site(struct places *places, uint64_t address);

struct build_id;
void code_print_build_id(const struct build_id *id, char ret[CODE_BUILD_ID]);
