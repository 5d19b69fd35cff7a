/* SPDX-License-Identifier: MIT */
/*
 * bench-heap-rseq.c - where the kernel or libc knows no restartable sequences
 *
 * libc can be told not to register its threads, at the start of a process, as older ones never
 * do: then the heap does so itself. If the kernel refuses, or a sandbox in its name, each thread
 * has lists of its own. So two other processes are started, and asked in turns what it takes
 * there.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "bench-heap.h"
#include "peer.h"

#define TURNS 40

static const struct scenario scenarios[] = {
	{ "64 B", JOB_PAIRS, .size = 64 },
	{ "1,000 alive", JOB_CHURN, .blocks = 1000 },
};

#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

struct question {
	unsigned scenario, contestant;
};

void serve_scenarios(void)
{
	struct question question;

	processor_use(0);
	while (receive(STDIN_FILENO, &question, sizeof(question))) {
		double ns = scenario_measure(&scenarios[question.scenario], question.contestant);

		transmit(STDOUT_FILENO, &ns, sizeof(ns));
	}
}

/* From now on rseq(2) is a call that this kernel does not know. */
void serve_refused(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rseq, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		bench_fail("seccomp");
	serve_scenarios();
}

static struct peer start_peer(const char *part)
{
	char *argv[] = { (char *)"/proc/self/exe", (char *)"--preloaded", (char *)part, NULL };
	const char *before = getenv("GLIBC_TUNABLES");
	char *tunables, *old = before ? strdup(before) : NULL;
	struct peer peer;

	if (asprintf(&tunables, "%s%sglibc.pthread.rseq=0", old ? old : "", old ? ":" : "") < 0)
		bench_fail("asprintf");
	setenv("GLIBC_TUNABLES", tunables, 1);
	peer = peer_start("without rseq", argv, getenv("LD_PRELOAD"));
	if (old)
		setenv("GLIBC_TUNABLES", old, 1);
	else
		unsetenv("GLIBC_TUNABLES");
	free(old);
	free(tunables);
	return peer;
}

static void take_turn(const struct peer *peer, struct results *r)
{
	for (unsigned s = 0; s < SCENARIOS; s++) {
		unsigned order[CONTESTANTS_MAX];

		shuffle(order, contestant_count);
		for (unsigned i = 0; i < contestant_count; i++) {
			struct question question = { s, order[i] };
			double ns;

			if (!is_there[order[i]])
				continue;
			peer_ask(peer, &question, sizeof(question), &ns, sizeof(ns));
			samples_add(&r->samples[s][order[i]], ns);
		}
	}
}

void measure_without_rseq(void)
{
	static struct results r[2];
	struct peer peers[] = { start_peer("serve-scenarios"), start_peer("serve-refused") };

	for (unsigned turn = rounds(TURNS); turn > 0; turn--)
		for (unsigned i = 0; i < 2; i++)
			take_turn(&peers[i], &r[i]);
	for (unsigned i = 0; i < 2; i++) {
		r[i].scenarios = scenarios;
		r[i].count = SCENARIOS;
		peer_stop(&peers[i]);
	}
	printf("\n### Pairs and churn, in a process whose libc does not use rseq(2)\n");
	results_print(&r[0]);
	results_goal(&r[0], "without rseq in libc", CONTESTANT_GLIBC, "2.5 ×", 2.5);
	printf("\n### The same, and the kernel refuses\n");
	results_print(&r[1]);
	results_goal(&r[1], "without rseq at all", CONTESTANT_GLIBC, "2.5 ×", 2.5);
}
