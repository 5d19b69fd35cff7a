/* SPDX-License-Identifier: MIT */
/*
 * Description: a running thread is asked for its stack; or not, and nothing is sent
 */
#include <dlfcn.h>
#include <link.h>
#include <sys/auxv.h>
#include <ucontext.h>

#include "../integration/filter.h"
#include "asked.h"
#include "self.h"

/* Chains: is all there, down to main()? */

static const struct backtrace *backtrace_of_owner(void)
{
	const struct backtrace *b = NULL;
	struct question *question;
	struct snapshot snapshot;
	int error = owner_ask(&snapshot, &question);

	if (error != 0) {
		tap_note("  asking: %s", strerror(-error));
		return NULL;
	}
	if (snapshot.tid == atomic_load(&board->tid))
		b = backtrace_make(&snapshot);
	ask_done(question);
	return b;
}

static bool is_whole(const struct backtrace *b)
{
	if (b && b->end == UNWIND_COMPLETE && b->frames[0].step.is_exact &&
		frame_named(b, "main") > 0)
		return true;
	if (b)
		backtrace_note(b);
	return false;
}

/* Ask @owner @times; each time the chain must please @judge. */
static int play_chain(
	void (*owner)(void), bool (*judge)(const struct backtrace *), unsigned times)
{
	pid_t pid = owner_start(owner);

	must(pid > 0);
	for (unsigned i = 0; i < times; i++) {
		const struct backtrace *b = backtrace_of_owner();

		must(b && judge(b));
		backtrace_free(b);
	}
	must(owner_ends(pid));
	return CHILD_GOOD;
}

static void own_plain(void)
{
	plain_a(spin);
	NO_TAIL;
}

static void owner_plain(void)
{
	as_owner(own_plain);
}

static bool has_plain(const struct backtrace *b)
{
	return is_whole(b) && HAS_RUN(b, "spin", "plain_b", "plain_a");
}

static int play_plain(void)
{
	return play_chain(owner_plain, has_plain, 3);
}

static void own_framed(void)
{
	framed_a(spin);
	NO_TAIL;
}

static void owner_framed(void)
{
	as_owner(own_framed);
}

static bool has_framed(const struct backtrace *b)
{
	return is_whole(b) && HAS_RUN(b, "spin", "framed_b", "framed_a");
}

static int play_framed(void)
{
	return play_chain(owner_framed, has_framed, 3);
}

OUTLINE void *thread_main(void *arg);
OUTLINE void *thread_main(void *arg)
{
	as_owner(own_plain);
	NO_TAIL;
	return arg;
}

static void in_thread(size_t stack_size)
{
	pthread_attr_t attributes;
	pthread_t thread;

	identity_get(); /* the other one has a slot, too */
	pthread_attr_init(&attributes);
	if (stack_size)
		pthread_attr_setstacksize(&attributes, stack_size);
	pthread_create(&thread, &attributes, thread_main, NULL);
	pthread_join(thread, NULL);
}

static void owner_thread(void)
{
	in_thread(0);
}

static void owner_small_thread(void)
{
	in_thread(16384);
}

static bool has_thread(const struct backtrace *b)
{
	return b && b->end == UNWIND_COMPLETE &&
	       HAS_RUN(b, "spin", "plain_b", "plain_a") && frame_named(b, "thread_main") > 0;
}

static int play_thread(void)
{
	return play_chain(owner_thread, has_thread, 3);
}

static int play_small_thread(void)
{
	return play_chain(owner_small_thread, has_thread, 100);
}

static void read_clock(void)
{
	struct timespec now;

	atomic_store(&board->ready, 1);
	while (!atomic_load(&board->go))
		clock_gettime(CLOCK_MONOTONIC, &now);
}

static void own_clock(void)
{
	plain_a(read_clock);
	NO_TAIL;
}

static void owner_clock(void)
{
	as_owner(own_clock);
}

static bool has_plain_only(const struct backtrace *b)
{
	return is_whole(b) && HAS_RUN(b, "plain_b", "plain_a");
}

static int play_clock(void)
{
	return play_chain(owner_clock, has_plain_only, 50);
}

static void allocate(void)
{
	atomic_store(&board->ready, 1);
	while (!atomic_load(&board->go)) {
		void *volatile small = malloc(100), *volatile large = malloc(300000);

		free(small);
		free(large);
	}
}

static void own_malloc(void)
{
	plain_a(allocate);
	NO_TAIL;
}

static void owner_malloc(void)
{
	as_owner(own_malloc);
}

static int play_malloc(void)
{
	return play_chain(owner_malloc, has_plain_only, 50);
}

/* Handlers, stacks */

void on_usr1(int number);
OUTLINE void on_usr1(int number)
{
	(void)number;
	spin();
	NO_TAIL;
}

static unsigned char *other_stack;
#define OTHER_STACK (64 * 1024)

static void in_handler(int flags)
{
	struct sigaction action = { .sa_handler = on_usr1, .sa_flags = flags };
	stack_t alternative = { .ss_sp = other_stack, .ss_size = OTHER_STACK };

	if (flags & SA_ONSTACK)
		sigaltstack(&alternative, NULL);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	NO_TAIL;
}

static void own_handler(void)
{
	in_handler(0);
	NO_TAIL;
}

static void owner_handler(void)
{
	as_owner(own_handler);
}

static bool has_handler(const struct backtrace *b)
{
	int at = frame_named(b, "on_usr1");

	return is_whole(b) && at == 1 && b->frames[at + 1].step.is_signal;
}

static int play_handler(void)
{
	return play_chain(owner_handler, has_handler, 3);
}

static void own_other_stack(void)
{
	in_handler(SA_ONSTACK);
	NO_TAIL;
}

static void owner_other_stack(void)
{
	other_stack = malloc(OTHER_STACK);
	as_owner(own_other_stack);
}

/* The copy ends with that stack, and goes on where the lock was taken. */
static bool has_both_stacks(const struct backtrace *b)
{
	int at = frame_named(b, "as_owner");

	return is_whole(b) && frame_named(b, "on_usr1") == 1 && at > 2 &&
	       b->frames[at].is_behind_gap;
}

static int play_other_stack(void)
{
	return play_chain(owner_other_stack, has_both_stacks, 3);
}

#ifdef __GLIBC__
static ucontext_t of_main, of_coroutine;

void coroutine(void);
OUTLINE void coroutine(void)
{
	plain_a(spin);
	NO_TAIL;
	swapcontext(&of_coroutine, &of_main);
}

static void own_coroutine(void)
{
	getcontext(&of_coroutine);
	of_coroutine.uc_stack.ss_sp = malloc(OTHER_STACK);
	of_coroutine.uc_stack.ss_size = OTHER_STACK;
	makecontext(&of_coroutine, coroutine, 0);
	swapcontext(&of_main, &of_coroutine);
	NO_TAIL;
}

static void owner_coroutine(void)
{
	as_owner(own_coroutine);
}

/* What is beyond the coroutine's beginning its stack cannot tell. */
static bool has_coroutine(const struct backtrace *b)
{
	return HAS_RUN(b, "spin", "plain_b", "plain_a", "coroutine");
}

static int play_coroutine(void)
{
	return play_chain(owner_coroutine, has_coroutine, 3);
}
#endif

int recursion(int depth);
OUTLINE int recursion(int depth)
{
	volatile char room[64];

	room[0] = depth;
	if (depth)
		recursion(depth - 1);
	else
		spin();
	NO_TAIL;
	return room[0];
}

static void own_recursion(void)
{
	recursion(20000);
	NO_TAIL;
}

static void owner_recursion(void)
{
	as_owner(own_recursion);
}

/* Behind many frames of the recursion, and a gap. */
static bool has_outer_end(const struct backtrace *b)
{
	int at = frame_named(b, "as_owner");

	return at > BACKTRACE_MAX / 2 && b->frames[at].is_behind_gap && is_whole(b);
}

/* The innermost frames, and from where the lock was taken all there are. */
static int play_recursion(void)
{
	pid_t pid = owner_start(owner_recursion);
	const struct backtrace *b;
	struct question *question;
	struct snapshot snapshot;

	must(pid > 0 && owner_ask(&snapshot, &question) == 0);
	must(snapshot.windows[0].size == SNAPSHOT_STACK_MAX && snapshot.windows[1].size > 0);
	b = backtrace_make(&snapshot);
	must(b && HAS_RUN(b, "spin", "recursion") && has_outer_end(b));
	backtrace_free(b);
	ask_done(question);
	must(owner_ends(pid));
	return CHILD_GOOD;
}

/* The loader's lock is held by another thread, for as long as we like. */
static int hold_loader(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)info;
	(void)size;
	(void)arg;
	atomic_store(&board->result, 1);
	while (!atomic_load(&board->go))
		sched_yield();
	return 1;
}

static void *loader_main(void *arg)
{
	dl_iterate_phdr(hold_loader, NULL);
	return arg;
}

static void owner_beside_loader(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, loader_main, NULL);
	if (eventually(atomic_load(&board->result)))
		as_owner(own_plain);
	pthread_join(thread, NULL);
}

static int play_beside_loader(void)
{
	return play_chain(owner_beside_loader, has_plain, 3);
}

/* A stack of the smallest size, with nothing below it. */

static void owner_tight_stack(void)
{
	size_t frame = getauxval(AT_MINSIGSTKSZ) ? getauxval(AT_MINSIGSTKSZ) : MINSIGSTKSZ;
	size_t size = frame + 1024;
	stack_t alternative = { .ss_size = size };
	uint8_t *pages = make_pages(2 + size / page_size());

	mprotect(pages, page_size(), PROT_NONE);
	alternative.ss_sp = pages + page_size();
	sigaltstack(&alternative, NULL);
	as_owner(own_plain);
}

static int play_tight_stack(void)
{
	return play_chain(owner_tight_stack, has_plain, 20);
}

/* What the host of the owner notices: nothing. */

static void owner_careful(void)
{
	static const struct timespec no_time;
	struct sigaction before, after;
	stack_t stack_before, stack_after;
	int descriptor = next_descriptor();
	sigset_t mask, mask_after;

	become_owner();
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	sigaction(SIGURG, NULL, &before);
	sigaltstack(NULL, &stack_before);
	errno = EDOM;
	spin();
	if (errno != EDOM || next_descriptor() != descriptor)
		_exit(20);
	sigprocmask(SIG_SETMASK, NULL, &mask_after);
	sigaction(SIGURG, NULL, &after);
	sigaltstack(NULL, &stack_after);
	sigaddset(&mask, SIGURG);
	if (sigtimedwait(&mask, NULL, &no_time) >= 0)
		_exit(21);
	if (after.sa_sigaction != before.sa_sigaction || after.sa_flags != before.sa_flags ||
		memcmp(&after.sa_mask, &before.sa_mask, sizeof(uint64_t)) ||
		stack_after.ss_flags != stack_before.ss_flags ||
		sigismember(&mask_after, SIGURG) || !sigismember(&mask_after, SIGUSR2) ||
		sigismember(&mask_after, SIGUSR1))
		_exit(22);
}

static int play_careful(void)
{
	pid_t pid = owner_start(owner_careful);
	struct question *question;
	struct snapshot snapshot;

	must(pid > 0);
	for (unsigned i = 0; i < 100; i++) {
		errno = ERANGE;
		must(owner_ask(&snapshot, &question) == 0 && errno == ERANGE);
		ask_done(question);
	}
	must(owner_ends(pid));
	return CHILD_GOOD;
}

/* No answer, and nothing is left with the owner */

static int play_refusal(void (*owner)(void), int error)
{
	pid_t pid = owner_start(owner);
	struct question *question = NULL;
	struct snapshot snapshot = { .pid = 4711 };

	must(pid > 0);
	for (unsigned i = 0; i < 10; i++)
		must(ask_snapshot(atomic_load(&board->number), ASK_MAX_MS, &snapshot, &question) ==
			error);
	must(kernel_calls(SYS_rt_tgsigqueueinfo) == 0);
	must(!is_pending(pid) && !question && snapshot.pid == 4711);
	must(owner_ends(pid));
	return CHILD_GOOD;
}

static void owner_blocking(void)
{
	sigset_t all;

	become_owner();
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	spin();
}

static int play_blocking(void)
{
	return play_refusal(owner_blocking, -EACCES);
}

static void owner_ignoring(void)
{
	become_owner();
	signal(SIGURG, SIG_IGN);
	spin();
}

static int play_ignoring(void)
{
	return play_refusal(owner_ignoring, -EACCES);
}

/* It has a handler of its own, which must not be troubled, and none of ours. */
static void on_foreign(int number)
{
	(void)number;
	_exit(30);
}

static void owner_foreign(void)
{
	config.signal = CONFIG_SIGNAL_NONE;
	become_owner();
	signal(SIGURG, on_foreign);
	spin();
}

static int play_foreign(void)
{
	return play_refusal(owner_foreign, -EACCES);
}

static void owner_simple(void)
{
	become_owner();
	spin();
}

static int play_none(void)
{
	config.signal = CONFIG_SIGNAL_NONE;
	return play_refusal(owner_simple, -ENOTSUP);
}

static int play_no_slot(void)
{
	pid_t pid = owner_start(owner_simple);
	struct question *question;
	struct snapshot snapshot;

	must(pid > 0);
	identity_forget();
	must(ask_snapshot(atomic_load(&board->number), ASK_MAX_MS, &snapshot, &question) ==
		-ENOTSUP);
	must(owner_ends(pid));
	return CHILD_GOOD;
}

static int play_no_proc(void)
{
	kernel_refuse(SYS_openat, EACCES);
	return play_refusal(owner_simple, -EACCES);
}

static int play_nobody(void)
{
	pid_t pid = owner_start(owner_simple);
	struct question *question;
	struct snapshot snapshot;

	must(pid > 0 && owner_is_killed(pid));
	must(ask_snapshot(atomic_load(&board->number), ASK_MAX_MS, &snapshot, &question) ==
		-ESRCH);
	must(ask_snapshot(identity_mine()->number, 1, &snapshot, &question) == -EINVAL);
	must(ask_snapshot(0, 1, &snapshot, &question) == -EINVAL);
	must(ask_snapshot(SLOT_ANONYMOUS, 1, &snapshot, &question) == -EINVAL);
	must(kernel_calls(SYS_rt_tgsigqueueinfo) == 0);
	return CHILD_GOOD;
}

static int play_stopped(void)
{
	pid_t pid = owner_start(owner_simple);
	struct question *question;
	struct snapshot snapshot;

	must(pid > 0 && kill(pid, SIGSTOP) == 0 && eventually(state_of(pid, pid) == 'T'));
	must(ask_snapshot(atomic_load(&board->number), ASK_MAX_MS, &snapshot, &question) ==
		-ETIMEDOUT);
	must(kernel_calls(SYS_rt_tgsigqueueinfo) == 0 && !is_pending(pid));
	must(kill(pid, SIGCONT) == 0);
	must(owner_ask(&snapshot, &question) == 0);
	ask_done(question);
	must(owner_ends(pid));
	return CHILD_GOOD;
}

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

/* It waits for its vfork() child, and no signal ends that. */
static void owner_in_vfork(void)
{
	become_owner();
	if (vfork() == 0) {
		atomic_store(&board->ready, 1);
		while (!atomic_load(&board->go))
			NO_TAIL;
		_exit(0);
	}
}

static int play_in_vfork(void)
{
	pid_t pid = owner_start(owner_in_vfork);
	struct question *question;
	struct snapshot snapshot;
	double start, best = 1e9;

	must(pid > 0);
	for (unsigned i = 0; i < 5; i++) {
		start = now_ms();
		must(ask_snapshot(atomic_load(&board->number), 1000, &snapshot, &question) ==
			-ETIMEDOUT);
		if (now_ms() - start < best)
			best = now_ms() - start;
	}
	must(best >= ASK_MAX_MS - 1 && best < ASK_MAX_MS + 200);
	must(owner_ends(pid));
	return CHILD_GOOD;
}

/* Pid namespaces: it has a number, which means somebody else here. */
static void owner_elsewhere(void)
{
	pid_t pid;

	if (unshare(CLONE_NEWPID) != 0)
		_exit(77);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		owner_simple();
		_exit(CHILD_GOOD);
	}
	_exit(unit_wait(pid));
}

static int play_elsewhere(void)
{
	return play_refusal(owner_elsewhere, -ENOTSUP);
}

/* And the other way round. */
static int ask_outside(void)
{
	struct question *question;
	struct snapshot snapshot;

	identity_get();
	must(ask_snapshot(atomic_load(&board->number), ASK_MAX_MS, &snapshot, &question) ==
		-ENOTSUP);
	must(kernel_calls(SYS_rt_tgsigqueueinfo) == 0);
	return CHILD_GOOD;
}

static int play_from_elsewhere(void)
{
	pid_t pid = owner_start(owner_simple), asker;

	must(pid > 0 && unshare(CLONE_NEWPID) == 0);
	asker = fork();
	if (asker == 0)
		_exit(ask_outside());
	must(unit_wait(asker) == CHILD_GOOD);
	must(owner_ends(pid));
	return CHILD_GOOD;
}

/* Sandboxes */

static void in_sandbox(int error)
{
	struct rule rules[] = { { SYS_process_vm_readv, error, 0, 0, 0 }, { 0 } };

	become_owner();
	if (!filter_install(rules))
		_exit(50);
	own_plain();
}

static void owner_refused(void)
{
	in_sandbox(EPERM);
}

static void owner_unheard(void)
{
	in_sandbox(ENOSYS);
}

static void owner_to_be_killed(void)
{
	in_sandbox(KILLED);
}

static int play_sandbox(void)
{
	must(play_refusal(owner_refused, -ENOTSUP) == CHILD_GOOD);
	must(play_refusal(owner_to_be_killed, -ENOTSUP) == CHILD_GOOD);
	return CHILD_GOOD;
}

static int play_asker_in_sandbox(void)
{
	struct rule rules[] = { { SYS_rt_tgsigqueueinfo, KILLED, 0, 0, 0 }, { 0 } };
	pid_t pid = owner_start(owner_simple);
	struct question *question;
	struct snapshot snapshot;

	must(pid > 0 && filter_install(rules));
	must(ask_snapshot(atomic_load(&board->number), ASK_MAX_MS, &snapshot, &question) ==
		-ENOTSUP);
	must(owner_ends(pid));
	return CHILD_GOOD;
}

/* If the user says so; it copies its stack itself. */
static int play_sandbox_always(void)
{
	config.signal = CONFIG_SIGNAL_ALWAYS;
	must(play_chain(owner_refused, has_plain, 3) == CHILD_GOOD);
	must(play_chain(owner_unheard, has_plain, 3) == CHILD_GOOD);
	return CHILD_GOOD;
}

/* Answers that come late */

static pid_t stopped;

static void stop_owner(const long *args)
{
	(void)args;
	kill(stopped, SIGSTOP);
	if (!eventually(state_of(stopped, stopped) == 'T'))
		abort();
}

static int play_late(void)
{
	struct question *question, *place = &registry->questions[0];
	struct snapshot snapshot;
	unsigned late;
	pid_t another;

	stopped = owner_start(owner_simple);
	late = atomic_load(&board->number);
	must(stopped > 0);
	kernel_watch(SYS_rt_tgsigqueueinfo, stop_owner);
	must(ask_snapshot(late, ASK_MAX_MS, &snapshot, &question) == -ETIMEDOUT);
	kernel_reset();
	must(question_phase_of(atomic_load(&place->state)) == QUESTION_FREE);
	must(is_pending(stopped));
	/* somebody else is asked in the same place meanwhile */
	another = owner_start(owner_simple);
	must(another > 0 && owner_ask(&snapshot, &question) == 0 && question == place);
	place->known = 0x4711;
	must(kill(stopped, SIGCONT) == 0 && eventually(!is_pending(stopped)));
	must(owner_is_killed(another)); /* whom the board is for */
	must(owner_ends(stopped));
	must(place->known == 0x4711);
	must(question_phase_of(atomic_load(&place->state)) == QUESTION_MINE);
	ask_done(question);
	must(question_phase_of(atomic_load(&place->state)) == QUESTION_FREE);
	return CHILD_GOOD;
}

/* Killed in between */

static void die(const long *args)
{
	(void)args;
	raise(SIGKILL);
}

static void ask_and_die(long step)
{
	struct question *question;
	struct snapshot snapshot;

	identity_get();
	if (step)
		kernel_watch(step, die);
	ask_snapshot(atomic_load(&board->number), ASK_MAX_MS, &snapshot, &question);
	raise(SIGKILL);
}

static bool all_places_are_there(void)
{
	struct question *questions[QUESTIONS], *question;
	struct snapshot snapshot;

	for (unsigned i = 0; i < QUESTIONS; i++)
		if (owner_ask(&snapshot, &questions[i]) != 0)
			return false;
	if (ask_snapshot(atomic_load(&board->number), 1, &snapshot, &question) != -EBUSY)
		return false;
	for (unsigned i = 0; i < QUESTIONS; i++)
		ask_done(questions[i]);
	return true;
}

/* Each step several times: a place that is not given back is missed. */
static int play_asker_killed(long step)
{
	pid_t owner = owner_start(owner_simple);

	must(owner > 0);
	for (unsigned i = 0; i < 2 * QUESTIONS; i++) {
		pid_t asker = fork();

		if (asker == 0)
			ask_and_die(step);
		must(unit_wait(asker) == 1000 + SIGKILL);
	}
	must(all_places_are_there());
	must(owner_ends(owner));
	return CHILD_GOOD;
}

static int play_killed_before_sending(void)
{
	return play_asker_killed(SYS_rt_tgsigqueueinfo);
}

static int play_killed_waiting(void)
{
	return play_asker_killed(SYS_futex);
}

static int play_killed_reading(void)
{
	return play_asker_killed(0);
}

/* A handler that is stuck in the middle of its answer. */
static void stall(const long *args)
{
	(void)args;
	atomic_store(&board->result, 1);
	while (!atomic_load(&board->go))
		NO_TAIL;
}

static void owner_stalling(void)
{
	become_owner();
	kernel_watch(SYS_process_vm_readv, stall);
	spin();
}

/* Ask until it is in the middle of it. */
static bool is_caught_writing(struct snapshot *snapshot)
{
	struct question *question;

	return eventually(ask_snapshot(atomic_load(&board->number), ASK_MAX_MS, snapshot,
				  &question) == -ETIMEDOUT &&
			  atomic_load(&board->result));
}

static unsigned places_being_written(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < QUESTIONS; i++)
		count += question_phase_of(atomic_load(&registry->questions[i].state)) ==
			 QUESTION_WRITING;
	return count;
}

static int play_writer_is_left_alone(void)
{
	struct question *questions[QUESTIONS];
	struct snapshot snapshot;
	pid_t owner, another;

	owner = owner_start(owner_stalling);
	must(owner > 0 && is_caught_writing(&snapshot) && places_being_written() == 1);
	atomic_store(&board->go, 0);
	another = fork(); /* not by owner_start(): the first waits on the same board */
	if (another == 0) {
		atomic_store(&board->ready, 0);
		owner_simple();
		_exit(CHILD_GOOD);
	}
	must(eventually(atomic_load(&board->tid) == another && atomic_load(&board->ready)));
	for (unsigned i = 0; i < QUESTIONS - 1; i++)
		must(owner_ask(&snapshot, &questions[i]) == 0);
	must(ask_snapshot(atomic_load(&board->number), 1, &snapshot, &questions[3]) == -EBUSY);
	must(places_being_written() == 1);
	for (unsigned i = 0; i < QUESTIONS - 1; i++)
		ask_done(questions[i]);
	atomic_store(&board->go, 1);
	must(unit_wait(owner) == CHILD_GOOD && unit_wait(another) == CHILD_GOOD);
	must(places_being_written() == 0);
	another = owner_start(owner_simple);
	must(another > 0 && all_places_are_there());
	must(owner_ends(another));
	return CHILD_GOOD;
}

static int play_writer_killed(void)
{
	struct snapshot snapshot;
	pid_t owner;

	for (unsigned i = 0; i < 2 * QUESTIONS; i++) {
		owner = owner_start(owner_stalling);
		must(owner > 0 && is_caught_writing(&snapshot));
		must(owner_is_killed(owner));
	}
	owner = owner_start(owner_simple);
	must(owner > 0 && all_places_are_there());
	must(owner_ends(owner));
	return CHILD_GOOD;
}

static pid_t victim;

static void kill_owner(const long *args)
{
	(void)args;
	owner_is_killed(victim);
}

/* Between the last look and the signal. */
static int play_owner_killed(void)
{
	struct question *question;
	struct snapshot snapshot;

	for (unsigned i = 0; i < 2 * QUESTIONS; i++) {
		victim = owner_start(owner_simple);
		must(victim > 0);
		kernel_watch(SYS_rt_tgsigqueueinfo, kill_owner);
		must(ask_snapshot(atomic_load(&board->number), ASK_MAX_MS, &snapshot, &question) ==
			-ESRCH);
		kernel_reset();
	}
	victim = owner_start(owner_simple);
	must(victim > 0 && all_places_are_there());
	must(owner_ends(victim));
	return CHILD_GOOD;
}

/* It executes another program while it is asked, which no signal may end. */
#define EXECS 2000

static unsigned exec_after; /* turns */

static void owner_executing(void)
{
	become_owner();
	atomic_store(&board->ready, 1);
	for (unsigned i = 0; i < exec_after; i++)
		NO_TAIL;
	execl("/bin/true", "true", (char *)NULL);
	_exit(1);
}

static int play_executing(void)
{
	struct question *question;
	struct snapshot snapshot;
	unsigned answers = 0, gone = 0;

	for (unsigned i = 0; i < EXECS; i++) {
		int error = 0, status = 0;
		pid_t pid;

		exec_after = i % 200 * 5000; /* up to 0.5 ms */
		pid = owner_start(owner_executing);
		must(pid > 0);
		while (waitpid(pid, &status, WNOHANG) == 0) {
			error = ask_snapshot(atomic_load(&board->number), 2, &snapshot, &question);
			if (error == 0)
				ask_done(question);
			answers += error == 0;
			gone += error == -ESRCH;
		}
		must(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	tap_note("  %u signals, %u answers, %u times too late",
		kernel_calls(SYS_rt_tgsigqueueinfo), answers, gone);
	must(gone > 0);
	return CHILD_GOOD;
}

/* Many at once: everybody gets what he has asked for, or is told that he does not. */
#define ASKERS 6
#define ANSWERS 50

static bool is_answered(unsigned number, pid_t tid)
{
	struct question *question;
	struct snapshot snapshot;
	uintptr_t pc;

	if (ask_snapshot(number, ASK_MAX_MS, &snapshot, &question) != 0)
		return false;
	pc = snapshot.registers.at[REGISTER_PC];
	if (snapshot.tid != tid || snapshot.windows[0].size < 1000 ||
		snapshot.windows[0].from + STACK_RED_ZONE != snapshot.registers.at[REGISTER_SP])
		_exit(40);
	sched_yield();
	if (question->at[REGISTER_PC] != pc)
		_exit(41); /* somebody has written to it */
	ask_done(question);
	return true;
}

static int ask_often(unsigned number, pid_t tid)
{
	identity_get();
	for (unsigned i = 0; i < ANSWERS; i++)
		must(eventually(is_answered(number, tid)));
	return CHILD_GOOD;
}

static int play_many(void)
{
	pid_t owners[2], askers[ASKERS];
	unsigned numbers[2];

	for (unsigned i = 0; i < 2; i++) {
		owners[i] = owner_start(owner_simple);
		must(owners[i] > 0);
		numbers[i] = atomic_load(&board->number);
	}
	for (unsigned i = 0; i < ASKERS; i++) {
		askers[i] = fork();
		if (askers[i] == 0)
			_exit(ask_often(numbers[i % 2], owners[i % 2]));
	}
	for (unsigned i = 0; i < ASKERS; i++)
		must(unit_wait(askers[i]) == CHILD_GOOD);
	must(all_places_are_there());
	atomic_store(&board->go, 1);
	must(unit_wait(owners[0]) == CHILD_GOOD && unit_wait(owners[1]) == CHILD_GOOD);
	return CHILD_GOOD;
}

static void test_without_unwinder(void)
{
	test_play("nothing of the owner's process changes", play_careful);
	test_play("who blocks all signals is sent none", play_blocking);
	test_play("who ignores it is sent none", play_ignoring);
	test_play("who has a handler of his own and not ours is sent none", play_foreign);
	test_play("FONDUE_SIGNAL=none: nobody is sent any", play_none);
	test_play("who has no slot may not ask", play_no_slot);
	test_play("where nothing can be found out nothing is sent", play_no_proc);
	test_play("the dead, oneself and nobody are not asked", play_nobody);
	test_play("who is stopped is sent none, and asked when he goes on", play_stopped);
	test_play("in vfork(): no answer, and nobody waits longer than 50 ms", play_in_vfork);
	if (geteuid() == 0) {
		test_play("an owner in another pid namespace is sent none", play_elsewhere);
		test_play("and none comes out of one", play_from_elsewhere);
	} else {
		skip("pid namespaces", "they take root");
	}
	test_play("an owner in a sandbox is sent none", play_sandbox);
	test_play("nobody in a sandbox sends any", play_asker_in_sandbox);
	test_play("an answer that comes late is dropped", play_late);
	test_play("an asker killed before he sends: his place is taken over",
		play_killed_before_sending);
	test_play("an asker killed while he waits: so is his", play_killed_waiting);
	test_play("an asker killed with the answer in his hands: so is his", play_killed_reading);
	test_play("where somebody is writing nobody else is asked", play_writer_is_left_alone);
	test_play("unless he was killed", play_writer_killed);
	test_play("an owner killed before the signal comes", play_owner_killed);
	test_play("2000 owners execute programs while they are asked, which all live",
		play_executing);
	test_play("six ask two, at once", play_many);
}

static void test_chains(void)
{
	test_play("a running thread without frame pointers", play_plain);
	test_play("a running thread with frame pointers", play_framed);
	test_play("a second thread", play_thread);
	test_play("a second thread with a stack of 16 KiB", play_small_thread);
	test_play("in the vdso, wherever there", play_clock);
	test_play("inside malloc(), wherever there", play_malloc);
	test_play("in a handler, with what it has interrupted", play_handler);
	test_play("in a handler on a stack of its own, and where the lock was taken",
		play_other_stack);
	test_play("both ends of 20000 calls", play_recursion);
	test_play("another thread holds the loader's lock", play_beside_loader);
	test_play("FONDUE_SIGNAL=always: in a sandbox that does not let it copy, too",
		play_sandbox_always);
#ifdef __GLIBC__
	test_play("on the stack of a coroutine", play_coroutine);
#endif
	if (__sanitizer_set_report_fd)
		skip("a small alternative stack", "a sanitizer needs more");
	else
		test_play("an alternative stack of 1 KiB beside the signal frame",
			play_tight_stack);
}

int main(void)
{
	if (is_emulated() || !owners_start()) {
		skip("asking", "an emulator stands between us and the kernel");
		return tap_done();
	}
	test_without_unwinder();
	if (unwind_start(NULL) != 0)
		skip("chains", "there is no libunwind");
	else
		test_chains();
	return tap_done();
}
