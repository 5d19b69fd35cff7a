/* SPDX-License-Identifier: MIT */
/*
 * Description: what is thought of a changed variable, rule by rule, from made-up records
 */
#include <float.h>
#include <limits.h>

#include "../tap.h"
#include "seen-made.h"

/* One variable of @size, of which child i sets the word at @offset to @after + i. */
static void make_words(char *name, char *type, uint64_t size, unsigned width,
	enum seen_encoding encoding, uint64_t before, uint64_t after)
{
	size_t variable = made_variable(name, type, size);

	for (size_t i = 1; i < made.process_count; i++)
		made_word(made_change(i, variable, SEEN_END), 0, width, encoding, before,
			after + i);
}

static void make_pointers(uint64_t size, enum seen_class class)
{
	make_words("grid", "struct node *", size, 8, SEEN_POINTER, 0, 0x7f0000001000);
	for (size_t i = 0; i < made.change_count; i++)
		made_words[i][0].is_class = class;
}

static void make_doubles(char *name, double before, double after, double step)
{
	size_t variable = made_variable(name, "double", 8);

	for (size_t i = 1; i < made.process_count; i++) {
		uint64_t old, new;

		made_double(&old, before);
		made_double(&new, after + step * (double)i);
		made_word(made_change(i, variable, SEEN_END), 0, 8, SEEN_REAL, old, new);
	}
}

/* An array: child i changes @count elements from element i * @stride on. */
static void make_array(char *name, char *type, unsigned width, enum seen_encoding encoding,
	unsigned count, unsigned stride, uint64_t value, uint64_t step)
{
	size_t variable = made_variable(name, type, 4096);

	for (size_t i = 1; i < made.process_count; i++) {
		size_t change = made_change(i, variable, SEEN_END);

		for (unsigned j = 0; j < count; j++)
			made_word(change, (i * stride + j) * width, width, encoding, 0,
				value + step * (i + j));
	}
}

static void make_record(char *name, char *first, char *second)
{
	size_t variable = made_variable(name, "struct stats", 64);

	for (size_t i = 1; i < made.process_count; i++) {
		size_t change = made_change(i, variable, SEEN_END);

		made_word(change, 0, 8, SEEN_UNSIGNED, 0, 10 * i)->member = first;
		made_word(change, 8, 8, SEEN_UNSIGNED, 0, 100 * i)->member = second;
	}
}

static void make_session(char *type)
{
	make_record("session", "id", "queries");
	made_variables[0].type = type;
	for (size_t i = 0; i < made.change_count; i++) {
		made_word(i, 16, 4, SEEN_SIGNED, 0, MADE_PID + 1 + i)->member = "pid";
		made_word(i, 24, 8, SEEN_UNSIGNED, 0, 50 + i)->member = "rows";
	}
}

static bool looks_by_type(char *name, char *type, const char *looks)
{
	made_begin(2);
	make_words(name, type, 4, 4, SEEN_SIGNED, 0, 10);
	return judged_looks(looks) && judged()->opinion == OPINION_LEFT;
}

static void test_names_and_types(void)
{
	test("libc's own is left alone",
		looks_by_type("optind", "int", "libc's or the compiler's own"));
	made_begin(2);
	made_numbers("hits", 0, 3, 4);
	made_variables[0].is_copy = true;
	test("so is what the program has a copy of",
		judged_looks("libc's or the compiler's own"));
	test("the guard of a static",
		looks_by_type("guard variable for f()::x", NULL, "guard of a C++ static"));
	test("a lock, by its type", looks_by_type("m", "pthread_mutex_t", "lock"));
	test("a lock, by its name", looks_by_type("table_mutex", NULL, "lock"));
	test("a stream", looks_by_type("log", "FILE *", "stream"));
	test("a library's state", looks_by_type("back", "jmp_buf", "state of a library"));
	test("a pid, by its type", looks_by_type("whom", "pid_t", "pid"));
	test("a time, by its type", looks_by_type("when", "time_t", "time"));
	test("what a handler sets",
		looks_by_type("got", "volatile sig_atomic_t", "flag of a signal handler"));
}

static void test_values(void)
{
	made_begin(3);
	make_words("whom", "int", 4, 4, SEEN_SIGNED, 0, MADE_PID);
	test("a pid, by its value", judged_looks("pid"));
	made_begin(3);
	make_words("when", "long", 8, 8, SEEN_SIGNED, 0, MADE_EPOCH - 1);
	test("a time, in seconds", judged_looks("time"));
	made_begin(3);
	make_words("when", "long", 8, 8, SEEN_SIGNED, 0, (MADE_EPOCH + UINT64_C(0)) * 1000000);
	test("a time, in microseconds", judged_looks("time"));
	made_begin(3);
	make_array("path", "char[64]", 1, SEEN_CHARACTER, 9, 0, 'a', 1);
	test("text", judged_looks("text"));
	made_begin(3);
	make_words("what", NULL, 64, 8, SEEN_UNKNOWN, 0, 0x6c6c6568);
	test("text of which nothing is known", judged_looks("text"));
	made_begin(3);
	made_numbers("used", -1, 5, 6, 7);
	test("a descriptor", judged_looks("descriptor"));
	made_begin(3);
	made_numbers("ready", 0, 1, 1, 1);
	test("a flag", judged_looks("flag") && judged()->opinion == OPINION_LEFT);
	made_begin(3);
	made_numbers("hits", 5, 0, 0, 0);
	test("a counter that is set to 0", judged_looks("set to 0"));
	made_begin(3);
	make_words("x", "unsigned", 4, 4, SEEN_UNSIGNED, 0, 0xdeadbeef);
	test("a hash",
		judged_looks("hash, seed or large sum") && judged()->opinion == OPINION_LEFT);
}

static void test_addresses(void)
{
	made_begin(2);
	make_pointers(8, SEEN_SHARED);
	test("a pointer into shared memory that each child has for itself is not suggested",
		judged_says("each child has memory of its own there") &&
			judged()->opinion != OPINION_SHARE);
	made_begin(1);
	make_pointers(8, SEEN_SHARED);
	test("one that a child has set for all is",
		judged_looks("pointer into shared memory") &&
			judged()->opinion == OPINION_SHARE);
	made_begin(2);
	make_pointers(8, SEEN_HEAP);
	test("a private pointer is left alone", judged_looks("private pointer"));
	made_begin(1);
	make_pointers(64, SEEN_SHARED);
	made_word(0, 16, 4, SEEN_SIGNED, 0, 4);
	test("a struct with one into shared memory is no table", judged_looks("pointer"));
	made_begin(2);
	make_pointers(8, SEEN_TEXT);
	test("so is one to code", judged_looks("pointer") && judged()->opinion == OPINION_LEFT);
	made_begin(1);
	make_pointers(64, SEEN_HEAP);
	made_word(0, 16, 4, SEEN_SIGNED, 9, 4);
	made_word(0, 24, 4, SEEN_SIGNED, 9, 4);
	test("and what holds one", judged_looks("struct with private pointers"));
	made_begin(1);
	make_pointers(64, SEEN_HEAP);
	made_word(0, 16, 4, SEEN_SIGNED, 0, 4);
	made_word(0, 24, 4, SEEN_SIGNED, 0, 4);
	test("even beside counters", judged_looks("counters beside private pointers") &&
					     judged()->opinion == OPINION_LEFT);
}

static void test_tallies(void)
{
	made_begin(3);
	made_numbers("done", 0, 10, 20, 30);
	test("a counter is suggested",
		judged_looks("counter") && judged()->opinion == OPINION_SHARE);
	made_begin(3);
	made_numbers("done", 0, 1, 1, 2);
	test("from 0 to 1 and from 0 to 2 is one, too", judged_looks("counter"));
	made_begin(3);
	make_doubles("x", 0, 10.5, 1);
	test("a result", judged_looks("result") && judged()->opinion == OPINION_SHARE);
	made_begin(3);
	make_doubles("x", 0, 0.1, 0.2);
	test("close results are not the numbers of the children",
		!judged_says("it is the number of the child"));
	made_begin(3);
	made_numbers("least", INT_MAX, 70, 90, 60);
	test("the best so far, from the largest number down",
		judged_looks("best so far") && judged()->opinion == OPINION_SHARE);
	made_begin(3);
	made_numbers("least", INT_MAX, 70, 0, 60);
	test("and where the least of one child is 0", judged_looks("best so far"));
	made_begin(3);
	made_numbers("least", INT_MAX, 0, 0, 0);
	test("but not where it is only set to 0", !judged_looks("best so far"));
	made_begin(3);
	make_doubles("x", DBL_MAX, 10.5, 1);
	test("the same for a real number", judged_looks("best so far"));
	made_begin(3);
	made_numbers("best", 500, 70, 90, 60);
	test("the best so far, by its name", judged_looks("best so far"));
	made_begin(3);
	made_numbers("tokens", 50, 10, 20, 30);
	test("what is left",
		judged_looks("what is left") && judged()->opinion == OPINION_SHARE);
	made_begin(3);
	made_numbers("place", 50, 10, 20, 30);
	test("what goes down and is not called so is left alone",
		judged_looks("goes up and down") && judged()->opinion == OPINION_LEFT);
	made_begin(3);
	make_words("level", "int", 4, 4, SEEN_SIGNED, (uint32_t)-7, 100);
	test("a change of sign is no counter", judged_looks("mixed"));
	made_begin(3);
	make_words("sum", "int", 4, 4, SEEN_SIGNED, (uint32_t)-7, 100);
	test("but a sum by its name", judged_looks("sum"));
	made_begin(3);
	made_numbers("failures", 0, 1, 1, 1);
	test("one of something, perhaps", judged_looks("counts one, or is a flag") &&
						  judged()->opinion == OPINION_PERHAPS);
}

static void test_tables(void)
{
	made_begin(3);
	make_array("bins", "unsigned[256]", 4, SEEN_UNSIGNED, 10, 0, 3, 7);
	test("a table is suggested",
		judged_looks("table") && judged()->opinion == OPINION_SHARE);
	made_begin(3);
	make_array("found", "uint64_t[256]", 8, SEEN_UNSIGNED, 10, 10, 0x8a20000000810001, 2);
	test("a bitmap", judged_looks("bitmap") && judged()->opinion == OPINION_SHARE);
	made_begin(3);
	make_array("composite", "char[4096]", 1, SEEN_CHARACTER, 9, 9, 1, 0);
	test("a table of marks",
		judged_looks("table of marks") && judged()->opinion == OPINION_SHARE);
	made_begin(3);
	make_array("column", "char[4096]", 1, SEEN_CHARACTER, 1, 1, 1, 0);
	test("one mark of each child is not",
		judged_looks("a mark in a table") && judged()->opinion != OPINION_SHARE);
	made_begin(3);
	make_array("column", "int[4096]", 4, SEEN_SIGNED, 9, 9, 7, 1);
	for (size_t i = 0; i < 3; i++)
		made_words[i][2].before = 99;
	test("parts of a table, whatever is done to them",
		judged_looks("parts of a table") && judged()->opinion != OPINION_LEFT);
	made_begin(3);
	make_record("shelf", "stock", "price");
	for (size_t i = 0; i < 3; i++) {
		made_words[i][0].before = 900;
		made_words[i][1].before = 900;
	}
	test("a stock among other members", judged_looks("counters, and others"));
	made_begin(3);
	make_record("stats", "requests", "bytes");
	for (size_t i = 0; i < 3; i++)
		for (unsigned j = 0; j < 6; j++)
			made_word(i, 16 + j, 1, SEEN_CHARACTER, 0, 'e')->member = "name";
	test("counts with names beside", judged_looks("table of records"));
	made_begin(3);
	make_record("stats", "read", "put");
	for (size_t i = 0; i < 3; i++)
		made_word(i, 16, 4, SEEN_SIGNED, 0, 1)->member = "mode";
	test("counts with a flag beside", judged_looks("counters, and others"));
	made_begin(3);
	make_record("stats", "requests", "pos");
	for (size_t i = 0; i < 3; i++)
		made_word(i, 16, 4, SEEN_SIGNED, 7, 3)->member = "room";
	test("one member that is named for a total is enough",
		judged_looks("counters, and others"));
	made_begin(3);
	make_record("reader", "pos", "len");
	test("positions are no counts", judged()->opinion == OPINION_LEFT);
}

static bool is_own(char *name)
{
	made_begin(2);
	made_numbers(name, 0, 10, 20);
	return judged_says("its name says that each process has its own");
}

static void make_settled(char *name, int early, int late)
{
	size_t variable = made_variable(name, "int", 4);

	for (size_t i = 1; i < made.process_count; i++) {
		made_word(made_change(i, variable, SEEN_EARLY), 0, 4, SEEN_SIGNED, 0,
			early + (int)i);
		made_word(made_change(i, variable, SEEN_END), 0, 4, SEEN_SIGNED, 0,
			late + (int)i);
	}
}

static void test_for(void)
{
	made_begin(3);
	made_numbers("x", 0, 10, 20, 40);
	test("several children", judged_says("several children changed it"));
	test("that differ", judged_says("each child has a value of its own"));
	test("from 0", judged_says("from 0"));
	test("one number", judged_says("a single number"));
	made_begin(1);
	made_numbers("x", 0, 10);
	test("one child is not several", !judged_says("several children changed it"));
	made_begin(2);
	make_settled("x", 10, 20);
	test("it goes on", judged_says("it went on counting"));
	made_begin(2);
	made_numbers("x", 0, 10, 20);
	made_word(made_change(1, 0, SEEN_PARENT), 0, 4, SEEN_SIGNED, 0, 3);
	test("the parent counts", judged_says("the parent counts, too"));
	made_begin(3);
	make_array("part", "double[8]", 8, SEEN_UNSIGNED, 1, 1, 50, 3);
	test("each its part", judged_says("each child fills its own part of it"));
	made_begin(3);
	make_record("x", "a", "b");
	test("several in a struct", judged_says("several counters in one struct"));
	made_begin(2);
	made_numbers("nhits", 0, 10, 20);
	test("a telling name", judged_says("its name says that something is summed up"));
	made_begin(2);
	made_numbers("discount", 0, 10, 20);
	test("a word in a word is none",
		!judged_says("its name says that something is summed up"));
	made_begin(2);
	made_numbers("deepestDepth_max", 0, 10, 20);
	test("the name of a best", judged_says("its name says that it is the best of all"));
	made_begin(2);
	made_numbers("next_id", 0, 10, 20);
	test("the name of a ticket",
		judged_says("its name says that it gives out each number once"));
	made_begin(2);
	make_words("x", "std::atomic<long>", 8, 8, SEEN_SIGNED, 0, 10);
	test("an atomic type", judged_says("it is atomic: meant for several"));
}

static void test_against_values(void)
{
	made_begin(3);
	make_array("crc", "unsigned[256]", 4, SEEN_UNSIGNED, 10, 0, 7, 0);
	test("a table that all fill alike", judged_says("every child fills it with the same") &&
						    judged()->opinion == OPINION_LEFT);
	made_begin(3);
	made_numbers("size", 0, 512, 512, 512);
	test("a number that all set",
		judged_says("every child sets the same") && judged()->opinion != OPINION_SHARE);
	made_begin(3);
	make_doubles("x", 1, 1.02, 0);
	test("a fraction that all set, whatever it was before",
		judged_says("every child sets the same") && judged()->opinion != OPINION_SHARE);
	made_begin(3);
	make_doubles("x", 1, 1.02, 0.1);
	test("one that each finds for itself is none", judged()->opinion == OPINION_SHARE);
	made_begin(3);
	make_session("struct session");
	test("a record with the pid of each child is its own",
		judged_says("the pid in it says that each process has its own") &&
			judged()->opinion != OPINION_SHARE);
	made_begin(3);
	make_session("struct slot[8]");
	test("a table of such is a scoreboard",
		!judged_says("the pid in it says that each process has its own"));
	made_begin(3);
	made_numbers("hits", 0, 100, 100, 100);
	test("a count that is the same in all is one still",
		judged_says("every child comes to the same") &&
			judged()->opinion == OPINION_SHARE);
	made_begin(3);
	made_numbers("x", 7, 8, 8, 8);
	test("one more in each", judged_says("every child adds 1, once"));
	made_begin(3);
	make_settled("x", 10, 10);
	test("a role",
		judged_says("set once, right after the fork") && judged()->ruling.points < 50);
	made_begin(3);
	make_settled("x", 1000, 1000);
	test("a large number that is set once",
		judged_says("set once, right after the fork") && judged()->ruling.points > 50);
	made_begin(4);
	made_numbers("x", 0, 1, 2, 3, 4);
	test("the number of the child", judged_says("it is the number of the child") &&
						judged()->opinion != OPINION_SHARE);
	made_begin(6);
	made_numbers("x", 0, 5, 9, 5, 9, 5, 9);
	test("few values", judged_says("a few values again and again"));
	made_begin(2);
	made_numbers("x", 0, 10, 20);
	for (size_t i = 0; i < made.change_count; i++)
		made_changes[i].when = SEEN_SAMPLE;
	test("in the end as before", judged_says("in the end it was as at the fork"));
	made_begin(2);
	make_words("x", "struct object", 64, 8, SEEN_SIGNED, 1000, 1001);
	test("a count of references",
		judged_says("a little more of a large number: a count of references"));
	made_begin(2);
	make_words("x", "long", 8, 8, SEEN_SIGNED, 1000, 1001);
	test("a little more", judged_says("a little more of a large number"));
}

static void test_against_kinds(void)
{
	made_begin(2);
	made_numbers("line", 0, 10, 20);
	test("the name of a position",
		judged_says("its name says that each process has its own") &&
			judged()->opinion != OPINION_SHARE);
	made_begin(2);
	made_numbers("lines", 0, 10, 20);
	test("lines are counted", judged()->opinion == OPINION_SHARE);
	test("what is described decides, not what it is described by",
		is_own("last_count") && is_own("err_id") && is_own("max_fd") &&
			!is_own("cache_hits") && !is_own("job_count") && !is_own("max_temp") &&
			!is_own("sum_temp") && is_own("count_pos"));
	test("state of a scanner that was generated",
		is_own("yylineno") && is_own("yy_start") && !is_own("yynerrs"));
	test("who takes the next job means to be the only one", !is_own("next_job"));
	test("the next of other things is a position", is_own("next_line"));
	made_begin(2);
	made_numbers("x", 0, 10, 20);
	made_variables[0].type = "enum mode";
	test("an enum", judged_says("a state by its type"));
	made_begin(3);
	size_t variable = made_variable("x", "struct one[8]", 128);
	for (size_t i = 1; i < 4; i++)
		made_word(made_change(i, variable, SEEN_END), 16 * i, 4, SEEN_SIGNED, 0,
			50 + 10 * i)
			->member = "[1].a";
	test("a record for each", judged_says("each child has a record of its own"));
	made_begin(2);
	made_numbers("x", 0, 10, 20);
	made_variables[0].is_in_function = true;
	test("in a function", judged_says("static in a function"));
	made_begin(4);
	variable = made_variable("x", "int", 4);
	made_word(made_change(2, variable, SEEN_END), 0, 4, SEEN_SIGNED, 0, 50);
	test("one of many", judged_says("one child of many changed it"));
	made_begin(2);
	make_array("x", "int[100000]", 4, SEEN_SIGNED, 4, 4, 50, 5);
	made_variables[0].size = 400000;
	test("large", judged_says("it is large") && !judged_says("it is huge"));
	made_variables[0].size = 4000000;
	test("huge", judged_says("it is huge"));
	made_begin(2);
	made_numbers("x", 0, 10, 20);
	made_variables[0].object = 1;
	test("of the system's", judged_says("part of a library of the system"));
}

static void make_crash(uint64_t value, enum seen_class class)
{
	made_begin(1);
	made_word(made_change(1, made_variable("grid", NULL, 8), SEEN_CRASH), 0, 8,
		SEEN_UNKNOWN, 0, value)
		->is_class = class;
	made_crash = (struct seen_crash){ .process = 1, .signal = 11 };
	made.crash_count = 1;
}

static void test_crashes(void)
{
	make_crash(0x7f0000001000, SEEN_SHARED);
	test("the parent has set a pointer, and a child crashes without",
		judged_says(
			"the parent set it after the fork, and a child crashed without it") &&
			judged()->opinion == OPINION_SHARE);
	make_crash(77, SEEN_NUMBER);
	test("a number, likewise",
		judged_says(
			"the parent set it after the fork, and a child crashed without it"));
	test("but only the parent changed it", judged_says("only the parent changed it"));
}

static void test_looks(void)
{
	made_begin(1);
	size_t variable = made_variable("hits", "long", 8);
	made_word(made_change(1, variable, SEEN_SIGNAL), 0, 8, SEEN_SIGNED, 0, 300);
	made_word(made_change(1, variable, SEEN_END), 0, 8, SEEN_SIGNED, 5, 0);
	test("what was cleared at the end is taken from before",
		judged_looks("counter") &&
			judged()->facts.evidence->witnesses[0].words[0].after == 300);
	made_begin(1);
	variable = made_variable("other", "long", 8);
	made_word(made_change(1, variable, SEEN_SIGNAL), 0, 8, SEEN_SIGNED, 0, 300);
	variable = made_variable("hits", "long", 8);
	made_word(made_change(1, variable, SEEN_END), 0, 8, SEEN_SIGNED, 0, 4);
	judged();
	test("what is touched only at the end is no evidence", made_judgement.count == 1);
}

static void test_kin(void)
{
	made_begin(2);
	made_numbers("hits", 0, 10, 20);
	made_processes[1].executed = "/bin/true";
	judged();
	test("who executes something is no child",
		made_judgement.kin.children == 1 && made_judgement.kin.spawned == 1);
	made_processes[1].executed = NULL;
	made_processes[2].is_borrower = true;
	test("nor is a borrower", judged()->facts.children == 1);
	made_begin(1);
	made_numbers("hits", 0, 10);
	made_processes[0].end_us = 2000;
	test("a daemon is the program itself", judged() == NULL);
	made_begin(2);
	made_numbers("hits", 0, 0, 10);
	made_processes[2].parent = 1;
	made_processes[1].end_us = 3000;
	test("who is forked twice is a child to the one that stays",
		judged() && judged()->facts.children > 0 && made_judgement.kin.is_child[2]);
	made_processes[0].end_us = 4000;
	judged();
	test("or a daemon, if none stays", !made_judgement.kin.is_child[2]);
}

static void test_families(void)
{
	made_begin(2);
	made_numbers("__gcov0.main", 0, 10, 20);
	made_numbers("__gcov0.work", 3, 0, 20);
	test("two are two", judged() && made_judgement.count == 2 && !judged()->pattern);
	made_numbers("__gcov0.stop", 0, 10, 20);
	test("three of a make are one pattern",
		judged() && made_judgement.count == 1 &&
			!strcmp(judged()->pattern, "__gcov0.*") && judged()->member_count == 3);
	test("of which it is known how many are wiped", judged()->wiped_count == 1);
}

static void test_interpreters(void)
{
	made_begin(2);
	made_numbers("hits", 0, 10, 20);
	made_objects[0].path = "/usr/bin/python3.11";
	test("nothing is suggested in an interpreter",
		judged()->opinion == OPINION_LEFT && made_judgement.interpreter);
	made_objects[0].path = "/usr/bin/shell";
	test("which is known by its name", judged()->opinion == OPINION_SHARE);
	made_variables[0].name = "_PyRuntime";
	test("or by a symbol", judged() && made_judgement.interpreter);
}

static void make_access(size_t process, bool is_write, uint64_t value)
{
	made_accesses[made.access_count] = (struct seen_access){ .process = process,
		.at_us = 1000 * (made.access_count + 1),
		.value = value,
		.is_write = is_write,
		.where = "f (a.c:1)" };
	made.access_count++;
}

static void test_trials(void)
{
	struct observe_options options = { 0 };
	int points;

	made_begin(2);
	made_numbers("size", 0, 512, 512);
	points = judged()->ruling.points;
	judge_pick(&made_judgement, &options);
	test("what is in question is watched",
		options.watched_count == 1 && options.watched[0] == &made_variables[0]);
	make_access(1, true, 512);
	make_access(0, false, 0);
	judge_again(&made_judgement, &made);
	test("the parent read the old value: that is proof",
		made_judgement.findings[0].trial.read &&
			made_judgement.findings[0].ruling.points == points + 30);
	judged();
	made_accesses[1].value = 512;
	judge_again(&made_judgement, &made);
	test("the new one is none", !made_judgement.findings[0].trial.read);
	judged();
	made_accesses[1].value = 0;
	made_accesses[1].process = 2;
	judge_again(&made_judgement, &made);
	test("nor is what another child reads", !made_judgement.findings[0].trial.read);
	judged();
	made_accesses[1].is_write = true;
	judge_again(&made_judgement, &made);
	test("who writes 0 wipes",
		made_judgement.findings[0].trial.cleared == &made_accesses[1]);
}

static void test_unread(void)
{
	made_begin(2);
	made_numbers("a", 0, 10, 20);
	judged();
	make_access(1, true, 10);
	judge_again(&made_judgement, &made);
	test("what nobody reads is perhaps lost, and no more",
		made_judgement.findings[0].opinion == OPINION_PERHAPS);
	made_begin(2);
	made_numbers("a", 0, 10, 20);
	made_numbers("b", 0, 10, 20);
	judged();
	make_access(1, true, 10);
	make_access(1, true, 10);
	made_accesses[1].variable = 1;
	make_access(0, false, 0);
	judge_again(&made_judgement, &made);
	test("beside one that is read, one that is not is a state",
		!strcmp(made_judgement.findings[0].facts.variable->name, "a") &&
			made_judgement.findings[1].opinion != OPINION_SHARE);
}

static void test_words(void)
{
	made_begin(2);
	make_words("x", NULL, 16, 8, SEEN_UNKNOWN, 0, (UINT64_C(5) << 32) + 3);
	judged();
	test("8 bytes of which nothing is known may be two numbers",
		made_judgement.findings[0].facts.widest == 2);
	made_begin(2);
	make_doubles("x", 0, 10.25, 1);
	made_words[0][0].encoding = made_words[1][0].encoding = SEEN_UNKNOWN;
	test("or a real one", judged_looks("result"));
}

int main(void)
{
	test_names_and_types();
	test_values();
	test_addresses();
	test_tallies();
	test_tables();
	test_for();
	test_against_values();
	test_against_kinds();
	test_crashes();
	test_looks();
	test_kin();
	test_families();
	test_interpreters();
	test_trials();
	test_unread();
	test_words();
	return tap_done();
}
