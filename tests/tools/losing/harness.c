/* SPDX-License-Identifier: MIT */
/* lost: checks_failed checks_passed  left: current_test depth messages */
/* A test harness: each test in a process of its own, which reports by its exit status only. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int checks_passed, checks_failed;
static const char *current_test;
static char messages[512];
static int depth;

static void check(int good, const char *what)
{
	if (good) {
		checks_passed++;
	} else {
		checks_failed++;
		snprintf(messages, sizeof(messages), "%s: %s does not hold", current_test, what);
	}
}

static void test_sums(void)
{
	for (int i = 0; i < 10; i++)
		check(i + i == 2 * i, "sum");
}

static void test_products(void)
{
	for (int i = 0; i < 7; i++)
		check(i * i >= i, "product");
	check(0, "the last one");
}

static void recurse(int n)
{
	depth++;
	if (n)
		recurse(n - 1);
	depth--;
}

static void test_depth(void)
{
	recurse(5);
	check(depth == 0, "depth");
	check(0, "a");
	check(0, "b");
}

static const struct { const char *name; void (*run)(void); } tests[] = {
	{ "sums", test_sums }, { "products", test_products }, { "depth", test_depth },
};

int main(void)
{
	for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (fork() == 0) {
			current_test = tests[i].name;
			tests[i].run();
			_exit(checks_failed > 0);
		}
		wait(NULL);
	}
	printf("%d passed, %d failed\n", checks_passed, checks_failed);
	return 0;
}
