/* SPDX-License-Identifier: MIT */
/*
 * Description: fork() inside dl_iterate_phdr(), while another thread loads plugins
 *
 * An unwinder or an allocator walks the objects with the loader's lock held, and may fork
 * there, or wait for a lock that somebody holds who forks. Whoever loads a plugin takes
 * the loader's lock as well, for the runtime's sake, too. If the runtime waited for that
 * with its own lock held, the circle would be closed. To bring that about every time, the
 * plugin stops in the middle of dlopen(), just before the runtime is told of it, and goes
 * on when the walk has the loader's lock; the fork comes when it waits for that.
 */
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "load.h"
#include "plugins/gate.h"

#define ROUNDS 30

static char loader_stat[64]; /* of the loading thread, in /proc */
static atomic_uint come, let_through; /* so many times, to and through the gate */

void gate_pass(void)
{
	unsigned number = atomic_fetch_add(&come, 1);

	while (atomic_load(&let_through) <= number)
		sched_yield();
}

static void *load_for_ever(void *path)
{
	snprintf(loader_stat, sizeof(loader_stat), "/proc/self/task/%ld/stat",
		(long)syscall(SYS_gettid));
	for (;;) {
		void *handle = dlopen(path, RTLD_NOW);

		if (!handle)
			_exit(1);
		dlclose(handle);
	}
	return NULL;
}

static bool loader_sleeps(void)
{
	int fd = open(loader_stat, O_RDONLY | O_CLOEXEC);
	char stat[128] = "";
	const char *state;

	if (read(fd, stat, sizeof(stat) - 1) < 0)
		_exit(1);
	close(fd);
	state = strrchr(stat, ')');
	return state && state[1] == ' ' && state[2] == 'S';
}

/*
 * Let the loading thread through the gate, and wait until it waits: it has nothing to sleep
 * for but the loader's lock. Not for ever: a runtime may do without that.
 */
static void let_loader_wait(void)
{
	atomic_fetch_add(&let_through, 1);
	for (unsigned i = 0; i < 10000 && !loader_sleeps(); i++)
		sched_yield();
}

/* Until the loading thread stands before the gate. */
static void wait_for_loader(void)
{
	while (atomic_load(&come) == atomic_load(&let_through))
		sched_yield();
}

static void start(void *(*run_it)(void *), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run_it, arg) != 0)
		_exit(1);
}

/* Ends by itself when it hangs. */
static void start_loader(void)
{
	alarm(30);
	start(load_for_ever, (void *)run_beside("plugins/gated.so"));
}

static void fork_by(pid_t (*how)(void))
{
	pid_t pid = how();

	if (pid == 0)
		_exit(CHILD_DONE);
	if (exit_status(pid) != CHILD_DONE)
		_exit(1);
}

static int fork_in_walk(struct dl_phdr_info *info, size_t size, void *how)
{
	(void)info;
	(void)size;
	let_loader_wait();
	fork_by(*(pid_t(**)(void))how);
	return 1; /* one object is enough */
}

static int play_walk(pid_t (*how)(void))
{
	start_loader();
	for (unsigned i = 0; i < ROUNDS; i++) {
		wait_for_loader();
		dl_iterate_phdr(fork_in_walk, &how);
	}
	_exit(0); /* the others run on */
}

static int play_fork(void)
{
	return play_walk(fork);
}

static int play_Fork(void)
{
	return play_walk(_Fork);
}

/* An allocator's lock: taken for each fork, and in walks. */
static pthread_mutex_t arena = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint walks; /* that have come to stand still */
static atomic_uint forks; /* that have the arena, or had it */

static void take_arena(void)
{
	pthread_mutex_lock(&arena);
	atomic_fetch_add(&forks, 1);
}

static void give_arena(void)
{
	pthread_mutex_unlock(&arena);
}

/* Inside the walk until a fork has the arena; only then ask for it. */
static int want_arena(struct dl_phdr_info *info, size_t size, void *unused)
{
	unsigned before = atomic_load(&forks);

	(void)info;
	(void)size;
	(void)unused;
	let_loader_wait();
	atomic_fetch_add(&walks, 1);
	while (atomic_load(&forks) == before)
		sched_yield();
	pthread_mutex_lock(&arena);
	pthread_mutex_unlock(&arena);
	return 1;
}

static void *walk_for_ever(void *unused)
{
	for (;;) {
		wait_for_loader();
		dl_iterate_phdr(want_arena, NULL);
	}
	return unused;
}

static int play_arena(void)
{
	pthread_atfork(take_arena, give_arena, give_arena);
	start_loader();
	start(walk_for_ever, NULL);
	for (unsigned i = 0; i < ROUNDS; i++) {
		while (atomic_load(&walks) == i)
			sched_yield();
		fork_by(fork);
	}
	_exit(0);
}

static const struct scenario scenarios[] = {
	{ "fork", play_fork },
	{ "_Fork", play_Fork },
	{ "arena", play_arena },
	{ NULL, NULL },
};

static void test_ends(const char *claim, const char *scenario)
{
	static struct run r;
	static const bool plain[] = { true, false };
	bool good = true;

	for (unsigned i = 0; good && i < 2; i++) {
		r = (struct run){ .args = { run_self(), scenario }, .plain = plain[i] };
		good = run_explain(&r, run_succeeded(run(&r)));
	}
	test(claim, good);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return run_scenario(scenarios, argv[1]);
	test_ends("fork() inside a walk does not hang", "fork");
	test_ends("_Fork() inside a walk does not hang", "_Fork");
	test_ends("nor does a fork whose handler has a lock that a walk waits for", "arena");
	return tap_done();
}
