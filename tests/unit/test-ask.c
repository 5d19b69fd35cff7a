/* SPDX-License-Identifier: MIT */
/*
 * Description: a running thread is asked for its stack, which is all there, and notices nothing
 */
#include <dlfcn.h>
#include <link.h>
#include <sys/auxv.h>
#include <ucontext.h>

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

/* Sandboxes */

static void owner_refused(void)
{
	owner_in_sandbox(EPERM, own_plain);
}

static void owner_unheard(void)
{
	owner_in_sandbox(ENOSYS, own_plain);
}

/* If the user says so; it copies its stack itself. */
static int play_sandbox_always(void)
{
	config.signal = CONFIG_SIGNAL_ALWAYS;
	must(play_chain(owner_refused, has_plain, 3) == CHILD_GOOD);
	must(play_chain(owner_unheard, has_plain, 3) == CHILD_GOOD);
	return CHILD_GOOD;
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
	test_play("nothing of the owner's process changes", play_careful);
	if (unwind_start(NULL) != 0)
		skip("chains", "there is no libunwind");
	else
		test_chains();
	return tap_done();
}
