/* SPDX-License-Identifier: MIT */
/*
 * Description: a thread that asks for a lock which it holds is told so, once for each place
 *
 * Played as it is, with audited locks, and with FONDUE_HOLD_MS=0, which turns it off.
 */
#include "heard.h"
#include "locking.h"

#define LOCKS 4000

FONDUE_SHARED static struct board annotated;
FONDUE_SHARED_ZERO static fondue_spinlock_t plenty[LOCKS];

#define A (&board->lock)
#define B (&board->second)


static unsigned reports(void)
{
	return heard_count("refused with EDEADLK");
}

static __attribute__((noinline)) int ask(fondue_spinlock_t *lock)
{
	int result = fondue_spin_lock(lock);

	__asm__ volatile("" ::: "memory"); /* no jump: the place is in here */
	return result;
}

static __attribute__((noinline)) int ask_elsewhere(fondue_spinlock_t *lock)
{
	struct timespec later = time_at(now() + 10000 * MS);
	int result = fondue_spin_timedlock(lock, &later);

	__asm__ volatile("" ::: "memory");
	return result;
}

static __attribute__((noinline)) int take(fondue_spinlock_t *lock)
{
	int result = fondue_spin_lock(lock);

	__asm__ volatile("nop" ::: "memory"); /* or the compiler makes one of two */
	return result;
}

/* The last that was said: of @lock, with both places. */
static bool is_told(fondue_spinlock_t *lock, const char *asked)
{
	const char *at = heard(), *next;
	unsigned long offset = 0;
	char where[64], held[64];

	while ((next = strstr(at, "lock annotated")))
		at = next + strlen("lock annotated");
	if (sscanf(at, "+0x%lx", &offset) == 1)
		at = strchr(at, ' ');
	return sscanf(at, " (%*[^)]): asked for at %63[^+]+%*[^ ] (%*[^)]) by a thread that holds "
			  "it (taken at %63[^+]",
		       where, held) == 2 &&
	       offset == (size_t)((char *)lock - (char *)&annotated) && !strcmp(where, asked) &&
	       !strcmp(held, "take");
}

static int play_off(void)
{
	must(take(A) == 0 && ask(A) == EDEADLK && fondue_spin_unlock(A) == 0);
	must(!*heard());
	return CHILD_GOOD;
}

static int play_told(void)
{
	must(is_sound(A)); /* not the first: by the fast path */
	must(take(A) == 0 && ask(A) == EDEADLK);
	must(reports() == 1 && is_told(A, "ask"));
	must(fondue_spin_unlock(A) == 0);
	return CHILD_GOOD;
}

static int play_nested(void)
{
	must(take(B) == 0 && take(A) == 0);
	must(ask(A) == EDEADLK && reports() == 1 && is_told(A, "ask"));
	must(ask(B) == EDEADLK && reports() == 2 && is_told(B, "ask"));
	must(fondue_spin_unlock(A) == 0 && fondue_spin_unlock(B) == 0);
	return CHILD_GOOD;
}

static int play_once(void)
{
	pid_t pid;

	must(take(A) == 0);
	for (unsigned i = 0; i < 100; i++)
		must(ask(A) == EDEADLK);
	must(reports() == 1);
	for (unsigned i = 0; i < 100; i++)
		must(ask_elsewhere(A) == EDEADLK);
	must(reports() == 2 && is_told(A, "ask_elsewhere"));
	must(fondue_spin_unlock(A) == 0);
	pid = fork();
	if (pid == 0)
		_exit(take(A) == 0 && ask(A) == EDEADLK ? CHILD_GOOD : 1);
	must(unit_wait(pid) == CHILD_GOOD && reports() == 3);
	return CHILD_GOOD;
}

/* Who only tries expects it, and the scoped form is content. */
static int play_silent(void)
{
	must(take(A) == 0 && fondue_spin_trylock(A) == EDEADLK);
	{
		FONDUE_SCOPED_LOCK(A);
	}
	must(fondue_spin_unlock(A) == 0);
	must(!*heard());
	return CHILD_GOOD;
}

/* A child of a bare system call signs as its parent, but does not hold what that holds. */
static int play_raw_fork(void)
{
	pid_t pid;

	must(take(A) == 0);
	pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		_exit(ask(A) == EDEADLK ? CHILD_GOOD : 1);
	must(unit_wait(pid) == CHILD_GOOD);
	must(fondue_spin_unlock(A) == 0 && !*heard());
	return CHILD_GOOD;
}

static void *hold_while_asked(void *unused)
{
	(void)unused;
	if (take(A) != 0)
		return "not taken";
	atomic_store(&board->ready, 1);
	while (!atomic_load(&board->go))
		sched_yield();
	return fondue_spin_unlock(A) == 0 ? NULL : "not released";
}

static int play_thread(void)
{
	pthread_t thread;
	void *result;

	must(pthread_create(&thread, NULL, hold_while_asked, NULL) == 0);
	must(eventually(atomic_load(&board->ready)));
	must(fondue_spin_trylock(A) == EBUSY);
	atomic_store(&board->go, 1);
	must(ask(A) == 0 && fondue_spin_unlock(A) == 0);
	must(pthread_join(thread, &result) == 0 && !result);
	must(!*heard());
	return CHILD_GOOD;
}

#if defined(__x86_64__)
static volatile long step, at;
static volatile unsigned certain;

static unsigned my_slot(void)
{
	const struct fondue_self *self = (void *)(fondue_thread_() + fondue_binding_.self);

	return self->word & 0xffff;
}

/* The interrupted thread holds the lock if its word says so; otherwise it is on its way. */
static void on_trap(int number)
{
	uint32_t word;

	(void)number;
	if (step++ != at)
		return;
	word = __atomic_load_n(&plenty[at].word, __ATOMIC_SEQ_CST);
	certain += word && (word & 0xffff) == my_slot();
	if (ask(&plenty[at]) == 0)
		fondue_spin_unlock(&plenty[at]);
}

#define STEPPED(call)                                                                    \
	do {                                                                             \
		__asm__ volatile("pushfq; orq $256, (%%rsp); popfq" ::: "memory", "cc"); \
		call;                                                                    \
		__asm__ volatile("pushfq; andq $~256, (%%rsp); popfq" ::: "memory", "cc"); \
	} while (0)

static int play_signals(void)
{
	struct sigaction action = { .sa_handler = on_trap };

	must(is_sound(A) && sigaction(SIGTRAP, &action, NULL) == 0);
	/* there are a thousand where locks are audited, and each that is told of takes a while */
	for (at = 0; step >= at && at < LOCKS; at += getenv("FONDUE_LOCKORDER") ? 7 : 1) {
		int result = 0;

		step = 0;
		STEPPED(result |= take(&plenty[at]));
		STEPPED(result |= fondue_spin_unlock(&plenty[at]));
		must(result == 0);
		must(reports() == (certain < 512 ? certain : 512));
	}
	must(at > 20 && certain > 0 && certain < (unsigned)at);
	return CHILD_GOOD;
}
#endif

static void test_relock(const char *claim, int (*play)(void))
{
	bool good;

	hear_anew();
	good = plays_on(&annotated, play);
	if (!good)
		heard_explain();
	test(claim, good);
}

int main(void)
{
	const char *limit = getenv("FONDUE_HOLD_MS");

	if (!fondue_active())
		tap_skip_all("to be preloaded");
	hear();
	if (limit && !strcmp(limit, "0")) {
		test_relock("FONDUE_HOLD_MS=0: nothing is said", play_off);
		return tap_done();
	}
	test_relock("it is told at once, with both places", play_told);
	test_relock("so it is of several locks", play_nested);
	test_relock("once for each place of a process", play_once);
	test_relock("not of who only tries, nor of the scoped form", play_silent);
	test_relock("not of a child that signs as its parent", play_raw_fork);
	test_relock("not of what another thread holds", play_thread);
#if defined(__x86_64__)
	test_relock("of a signal handler, if what it interrupts does hold the lock", play_signals);
#else
	skip("of a signal handler, if what it interrupts does hold the lock", "not x86-64");
#endif
	return tap_done();
}
