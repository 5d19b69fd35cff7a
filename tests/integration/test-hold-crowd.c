/* SPDX-License-Identifier: MIT */
/*
 * Description: of a hundred who wait one reports; another, if that one is killed or stopped
 *
 * FONDUE_HOLD_MS=20. A reporter is caught in the middle by a log that is a full pipe, at which
 * it waits a while: so those scenarios are played by this program once more, with FONDUE_LOG.
 */
#include <sys/stat.h>

#include "held.h"

FONDUE_SHARED static struct board annotated;

#define CROWD 100

static bool all_end(const pid_t *pids, unsigned count, pid_t but)
{
	bool good = true;

	for (unsigned i = 0; i < count; i++)
		good &= pids[i] == but || unit_wait(pids[i]) == CHILD_GOOD;
	return good;
}

static unsigned doublings(long ms)
{
	unsigned count = 0;

	while (ms >= LIMIT_MS << (count + 1))
		count++;
	return count;
}

/* Each report is of a time that lies in a doubling of its own. */
static bool is_one_each(void)
{
	for (unsigned i = 0; report(i); i++)
		if (report(i) < LIMIT_MS || (i && doublings(report(i)) <= doublings(report(i - 1))))
			return false;
	return true;
}

static int play_crowd(void)
{
	static pid_t pids[CROWD];
	pid_t owner = start_ready(work_hold);

	must(owner > 0);
	for (unsigned i = 0; i < CROWD; i++)
		pids[i] = start_ready(work_take);
	must(eventually(is_said("100 wait, the longest") && is_said("waits   95 more")));
	must(is_one_each());
	must(is_killed(owner) && all_end(pids, CROWD, 0));
	must(count_said("died holding it") == 1 && count_said("released after") == 0);
	return CHILD_GOOD;
}

static int work_hold_until_told(void)
{
	must(fondue_spin_lock(&board->lock) == 0);
	atomic_fetch_add(&board->ready, 1);
	while (!atomic_load(&board->go))
		usleep(1000);
	return fondue_spin_unlock(&board->lock) == 0 ? CHILD_GOOD : 1;
}

static int play_released(void)
{
	static pid_t pids[CROWD / 10];
	long long since = now();
	pid_t owner = start_ready(work_hold_until_told);
	const char *at;

	must(owner > 0);
	for (unsigned i = 0; i < CROWD / 10; i++)
		pids[i] = start_ready(work_take);
	must(eventually(report(1)));
	atomic_store(&board->go, 1);
	must(unit_wait(owner) == CHILD_GOOD && all_end(pids, CROWD / 10, 0));
	must(count_said(" after ") == 1);
	at = strstr(said(), " after ");
	must(held_ms(at + 7) >= 2 * LIMIT_MS && held_ms(at + 7) <= (now() - since) / MS);
	return CHILD_GOOD;
}

/* The log is a pipe that is full; @pipe is its other end. */
static bool fill(int pipe)
{
	static char zeros[4096];

	while (write(pipe, zeros, sizeof(zeros)) > 0)
		;
	return errno == EAGAIN;
}

/* All that has come through it, zeros left out. */
static const char *drain(int pipe)
{
	char bytes[4096];
	size_t len = strlen(held_text);
	ssize_t got;

	while ((got = read(pipe, bytes, sizeof(bytes))) > 0)
		for (ssize_t i = 0; i < got; i++)
			if (bytes[i] && len < sizeof(held_text) - 1)
				held_text[len++] = bytes[i];
	held_text[len] = '\0';
	return held_text;
}

/* It waits for the pipe: in ppoll(). */
static bool is_writing(pid_t pid)
{
	char path[64], text[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (!fgets(text, sizeof(text), file))
		*text = '\0';
	fclose(file);
	return *text >= '0' && *text <= '9' && atol(text) == SYS_ppoll;
}

static pid_t find_writing(const pid_t *pids, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (is_writing(pids[i]))
			return pids[i];
	return 0;
}

#define FEW 8

static int play_caught(int signal)
{
	int pipe = open(getenv("FONDUE_LOG"), O_RDWR | O_NONBLOCK | O_CLOEXEC);
	pid_t owner, pids[FEW], caught = 0;
	char other[64];

	must(pipe >= 0 && fill(pipe));
	owner = start_ready(work_hold_until_told);
	must(owner > 0);
	for (unsigned i = 0; i < FEW; i++)
		pids[i] = start_ready(work_take);
	must(eventually((caught = find_writing(pids, FEW)) != 0));
	must(kill(caught, signal) == 0);
	*held_text = '\0';
	(void)drain(pipe);
	snprintf(other, sizeof(other), "fondue[%d]", caught);
	must(eventually(strstr(drain(pipe), " held ")));
	must(!strstr(held_text, other)); /* another one */
	must(strstr(held_text, signal == SIGKILL ? "; 7 wait" : "; 8 wait"));
	atomic_store(&board->go, 1);
	must(unit_wait(owner) == CHILD_GOOD && (signal == SIGSTOP ? kill(caught, SIGCONT) == 0 : 1));
	if (signal == SIGKILL)
		must(unit_wait(caught) == 1000 + SIGKILL);
	must(all_end(pids, FEW, signal == SIGKILL ? caught : 0));
	/* "released", or "passed on", whoever sees it first */
	must(eventually(strstr(drain(pipe), " after ")));
	return CHILD_GOOD;
}

static int play_killed(void)
{
	return play_caught(SIGKILL);
}

static int play_stopped(void)
{
	return play_caught(SIGSTOP);
}

/* Played by this program once more, with a pipe that has a name. */
static bool with_pipe(const char *scenario)
{
	static struct run again;
	char path[] = "/tmp/fondue-XXXXXX", log[96], name[64];

	if (!mkdtemp(path))
		tap_bail_out("no directory");
	snprintf(name, sizeof(name), "%s/pipe", path);
	snprintf(log, sizeof(log), "FONDUE_LOG=%s", name);
	if (mkfifo(name, 0600) != 0)
		tap_bail_out("no pipe");
	again = (struct run){ .args = { run_self(), scenario }, .env = { log } };
	run(&again);
	unlink(name);
	rmdir(path);
	return run_explain(&again, !again.timed_out && WIFEXITED(again.status) &&
					   WEXITSTATUS(again.status) == CHILD_GOOD);
}

/* How late a report begins and ends: the program is told when it is said. */
#define ROUNDS 40

static long long told_at;

/* The owner may release it: this round is over. */
static void on_hold(const struct fondue_hold *hold, void *arg)
{
	(void)hold;
	if (*(long long *)arg)
		return;
	*(long long *)arg = now();
	atomic_fetch_add(&board->go, 1);
}

static int work_hold_in_rounds(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		while (atomic_load(&board->left) < i)
			sched_yield();
		must(fondue_spin_lock(&board->lock) == 0);
		atomic_fetch_add(&board->ready, 1);
		while (atomic_load(&board->go) <= i)
			usleep(200);
		must(fondue_spin_unlock(&board->lock) == 0);
	}
	return CHILD_GOOD;
}

static int compare(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;

	return (x > y) - (x < y);
}

static int play_late(void)
{
	pid_t owner = start(work_hold_in_rounds);
	long long late[ROUNDS];

	must(owner > 0 && fondue_spin_on_hold(on_hold, &told_at) == 0);
	for (int i = 0; i < ROUNDS; i++) {
		long long since;

		must(eventually(atomic_load(&board->ready) > i));
		told_at = 0;
		since = now();
		must(fondue_spin_lock(&board->lock) == 0);
		must(fondue_spin_unlock(&board->lock) == 0);
		late[i] = told_at - since - LIMIT_MS * MS;
		must(told_at && late[i] >= 0);
		atomic_fetch_add(&board->left, 1);
	}
	qsort(late, ROUNDS, sizeof(*late), compare);
	tap_note("said after the limit: at once %.2f ms, half %.2f, nine of ten %.2f, last %.2f",
		late[0] / 1e6, late[ROUNDS / 2] / 1e6, late[ROUNDS * 9 / 10] / 1e6,
		late[ROUNDS - 1] / 1e6);
	must(late[0] < LIMIT_MS * MS && late[ROUNDS / 2] < 500 * MS);
	must(unit_wait(owner) == CHILD_GOOD);
	return CHILD_GOOD;
}

int main(int argc, char **argv)
{
	static const struct scenario scenarios[] = {
		{ "killed", play_killed }, { "stopped", play_stopped }, { NULL, NULL } };

	if (argc > 1) {
		board = &annotated;
		return run_scenario(scenarios, argv[1]);
	}
	if (!held_begin())
		tap_skip_all("to be preloaded");
	test_hold(&annotated, "a hundred wait: one report for each doubling", play_crowd);
	test_hold(&annotated, "its end is told once, and how long it was", play_released);
	test("a reporter that is killed while it writes: another one reports", with_pipe("killed"));
	test("... or stopped", with_pipe("stopped"));
	test_hold(&annotated, "it is said soon after the limit", play_late);
	return tap_done();
}
