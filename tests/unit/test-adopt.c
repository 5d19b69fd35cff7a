/* SPDX-License-Identifier: MIT */
/*
 * Description: annotated objects are taken into the family, or stay out with one line said
 *
 * The whole engine, on objects made by hand: what the loader would have mapped is adopted
 * under the eyes of forked children. Each scenario is a process of its own.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "adopt.h"
#include "config.h"
#include "family.h"
#include "kernel.h"
#include "log.h"
#include "object.h"
#include "said.h"

static const struct fondue_runtime table = {
	.size = sizeof(table), .abi = FONDUE_ABI, .version = "test" };

static struct object program, library;

/* As lifecycle_start() does it. */
static void start(void)
{
	said_start();
	log_start();
	family_start(false);
	adopt_start(&table);
	modules_set_walk(object_walk);
	object_make(&program, "program");
	object_make(&library, "liblibrary.so");
}

static bool is_shared(const struct object *object)
{
	return !strcmp(object_sharing(object), object_shared) &&
	       object->binding->state == FONDUE_STATE_SHARED &&
	       object->binding->runtime == &table;
}

static bool is_private(const struct object *object)
{
	return !strcmp(object_sharing(object), object_private) &&
	       object->binding->state == FONDUE_STATE_PRIVATE &&
	       object->binding->runtime == &table;
}

/* Nothing has been written to where the note says that the binding is. */
static bool is_unbound(const struct object *object)
{
	static const struct fondue_binding zero;

	return !strcmp(object_sharing(object), object_private) &&
	       !memcmp(object->binding, &zero, sizeof(zero));
}

static int play_start(void)
{
	start();
	object_load(&program);
	object_load(&library);
	must(adopt_new_objects() == 0);
	must(said_lines() == 0);
	must(is_shared(&program) && is_shared(&library));
	must(object_is_whole(&program, -1) && object_is_whole(&library, -1));
	return CHILD_GOOD;
}

static int play_again(void)
{
	start();
	object_load(&program);
	must(adopt_new_objects() == 0);
	program.pages[PAGE_SHARED * page_size()] = 1;
	kernel_reset();
	must(adopt_new_objects() == 0);
	/* to look, signals are blocked; nothing else */
	must(kernel_all_calls() == kernel_calls(SYS_rt_sigprocmask));
	must(program.pages[PAGE_SHARED * page_size()] == 1);
	must(said_lines() == 0);
	return CHILD_GOOD;
}

/* A program without annotations costs the walk, and nothing else. */
static int play_nothing(void)
{
	start();
	memset(program.pages, 0, page_size());
	object_load(&program);
	config_load((char *const[]){ "FONDUE_STRICT=nonsense", NULL }, false);
	kernel_reset();
	must(!adopt_is_wanted());
	must(kernel_all_calls() == 0);
	object_load(&library);
	must(adopt_is_wanted());
	must(said_lines() == 0); /* not even of the bad value, which does not matter */
	must(is_unbound(&program));
	return CHILD_GOOD;
}

static int play_complaint(void)
{
	start();
	object_load(&program);
	config_load((char *const[]){ "FONDUE_STRICT=nonsense", NULL }, false);
	must(adopt_new_objects() == 0);
	must(strstr(said(), "FONDUE_STRICT") && said_lines() == 0);
	must(is_shared(&program));
	return CHILD_GOOD;
}

static int play_verbose(void)
{
	char expected[256];

	start();
	config.verbose = true;
	object_load(&program);
	must(adopt_new_objects() == 0);
	snprintf(expected, sizeof(expected), "]: program: section shared: %zu bytes at 0x%lx",
		2 * page_size(), (unsigned long)object_at(&program, PAGE_SHARED));
	must(strstr(said(), expected));
	must(strstr(said(), "program: section shared_zero: "));
	must(said_lines() == 0);
	return CHILD_GOOD;
}

/* Is this one whole line of the right form, that says all this? */
static bool explains(const char *line, const char *name, const char *about, enum reason reason)
{
	char cause[512];

	/* the cause up to its number, which is the object's business */
	snprintf(cause, sizeof(cause), "%.*s", (int)strcspn(refusal_cause(reason), "%"),
		refusal_cause(reason));
	return strstr(line, name) && strstr(line, about) && strstr(line, cause) &&
	       strstr(line, refusal_cure(reason)) && !strchr(line, '%') &&
	       strchr(line, '\n') == line + strlen(line) - 1;
}

static int play_refused(void)
{
	start();
	program.note.at[KIND_ZERO].stop -= 16;
	object_write_note(&program, 64);
	object_load(&program);
	object_load(&library);
	must(adopt_new_objects() == 1);
	must(explains(said(), "program: ", "section shared_zero: ", REASON_STOP_UNALIGNED));
	must(said_lines() == 0);
	must(is_private(&program));
	must(is_shared(&library)); /* one object's mistake is not another's */
	must(adopt_new_objects() == 0);
	must(said_lines() == 0);
	return CHILD_GOOD;
}

/* Objects whose note cannot be trusted: their memory is not written to. */
static int unsound(enum reason reason)
{
	object_load(&program);
	must(adopt_new_objects() == 1);
	must(explains(said(), "program: ", "", reason));
	must(said_lines() == 0);
	must(is_unbound(&program));
	must(object_is_whole(&program, -1));
	must(adopt_new_objects() == 0);
	must(said_lines() == 0);
	return CHILD_GOOD;
}

static int play_damaged(void)
{
	start();
	wire_put32(program.pages + 64 + WIRE_DESC_SIZE, 0);
	return unsound(REASON_NOTE_DAMAGED);
}

static int play_newer(void)
{
	start();
	program.note.abi = 1000;
	object_write_note(&program, 64);
	return unsound(REASON_NOTE_VERSION);
}

/* A second note that is bad makes the first, which is good, suspect. */
static int play_half_damaged(void)
{
	start();
	object_write_note(&program, 1024);
	wire_put32(program.pages + 1024 + WIRE_DESC_SIZE, 0);
	return unsound(REASON_NOTE_DAMAGED);
}

static int play_half_newer(void)
{
	start();
	program.note.abi = 1000;
	object_write_note(&program, 1024);
	return unsound(REASON_NOTE_VERSION);
}

static int play_disagreeing(void)
{
	start();
	program.note.binding += 64;
	object_write_note(&program, 1024);
	return unsound(REASON_NOTES_DISAGREE);
}

static int play_many_segments(void)
{
	start();
	while (program.phnum <= IMAGE_SEGMENTS_MAX)
		object_add_phdr(&program, PT_NULL, 0, 0);
	return unsound(REASON_TOO_MANY_SEGMENTS);
}

static int play_wild_binding(void)
{
	start();
	program.note.binding = object_at(&program, PAGE_SHARED) + 64;
	object_write_note(&program, 64);
	return unsound(REASON_BINDING);
}

/* The note of an object that is refused for its layout may be wrong in that, too. */
static int play_wild_binding_too(void)
{
	start();
	program.note.binding = object_at(&program, PAGE_NOTE);
	program.note.at[KIND_SHARED].start += 8;
	program.note.at[KIND_SHARED].head += 8;
	object_write_note(&program, 64);
	return unsound(REASON_START_UNALIGNED);
}

static int play_many_damaged(void)
{
	static struct object damaged[30];
	static char names[30][16];

	start();
	object_load(&program);
	for (unsigned i = 0; i < 30; i++) {
		snprintf(names[i], sizeof(names[i]), "damaged-%u", i);
		object_make(&damaged[i], names[i]);
		wire_put32(damaged[i].pages + 64 + WIRE_DESC_SIZE, 0);
		object_load(&damaged[i]);
	}
	must(adopt_new_objects() == 30);
	/* a pipe in packet mode holds 16 of them at least; what is in it, was said once */
	must(said_lines() >= 16);
	must(adopt_new_objects() == 0);
	must(said_lines() == 0);
	must(is_shared(&program));
	return CHILD_GOOD;
}

/* Late objects */

static int play_late_before_fork(void)
{
	start();
	object_load(&program);
	must(adopt_new_objects() == 0);
	object_load(&library);
	must(adopt_new_objects() == 0);
	must(is_shared(&library) && said_lines() == 0);
	return CHILD_GOOD;
}

static int play_late_after_fork(void)
{
	start();
	object_load(&program);
	must(adopt_new_objects() == 0);
	family_forks();
	object_load(&library);
	must(adopt_new_objects() == 1);
	must(explains(said(), "liblibrary.so: ", "", REASON_AFTER_FORK));
	must(is_private(&library) && is_shared(&program));
	must(adopt_new_objects() == 0 && said_lines() == 0);
	return CHILD_GOOD;
}

static int play_late_wanted(void)
{
	start();
	config.late = true;
	family_forks();
	object_load(&library);
	must(adopt_new_objects() == 0);
	must(is_shared(&library) && said_lines() == 0);
	return CHILD_GOOD;
}

/* The runtime itself came late, and does not know who uses the objects already. */
static int play_late_threads(void)
{
	start();
	config.late = true; /* is about forks */
	adopt_refuse_all(REASON_THREADS);
	object_load(&library);
	must(adopt_new_objects() == 1);
	must(explains(said(), "liblibrary.so: ", "", REASON_THREADS));
	must(is_private(&library));
	return CHILD_GOOD;
}

/* Loaded and unloaded for each request, say: the same is not said again. */
static int play_said_once(void)
{
	start();
	family_forks();
	object_load(&library);
	for (unsigned i = 0; i < 10; i++) {
		must(adopt_new_objects() == 1);
		memset(library.binding, 0, sizeof(*library.binding));
	}
	must(strstr(said(), "liblibrary.so: ") && said_lines() == 0);
	library.note.at[KIND_SHARED].stop -= 16; /* another reason is another line */
	object_write_note(&library, 64);
	must(adopt_new_objects() == 1);
	must(explains(said(), "liblibrary.so: ", "", REASON_STOP_UNALIGNED));
	return CHILD_GOOD;
}

/* More than can be remembered: each is dealt with all the same, and nothing hangs. */
static int play_very_many_damaged(void)
{
	static struct object damaged[70];
	static char names[70][16];

	start();
	log_set_file("/dev/null");
	for (unsigned i = 0; i < 70; i++) {
		snprintf(names[i], sizeof(names[i]), "damaged-%u", i);
		object_make(&damaged[i], names[i]);
		wire_put32(damaged[i].pages + 64 + WIRE_DESC_SIZE, 0);
		object_load(&damaged[i]);
	}
	object_load(&library);
	must(adopt_new_objects() == 70);
	must(is_shared(&library));
	return CHILD_GOOD;
}

/* With nothing to share there is nothing to be late for. */
static int play_late_empty(void)
{
	start();
	for (unsigned kind = 0; kind < KIND_COUNT; kind++)
		library.note.at[kind].stop = library.note.at[kind].start;
	object_write_note(&library, 64);
	object_load(&library);
	family_forks();
	must(adopt_new_objects() == 0);
	must(library.binding->state == FONDUE_STATE_SHARED);
	must(library.binding->runtime == &table && said_lines() == 0);
	return CHILD_GOOD;
}

/* A place that a library has left may be another's: there is no table to go stale. */
static int play_reused_address(void)
{
	start();
	object_load(&library);
	must(adopt_new_objects() == 0 && is_shared(&library));
	memset(library.binding, 0, sizeof(*library.binding)); /* as if loaded anew, private */
	must(mmap(library.pages + PAGE_SHARED * page_size(), 2 * page_size(),
		     PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		     0) != MAP_FAILED);
	must(mmap(library.pages + PAGE_ZERO * page_size(), 2 * page_size(),
		     PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		     0) != MAP_FAILED);
	must(adopt_new_objects() == 0 && is_shared(&library));
	return CHILD_GOOD;
}

/* Kernel and loader */

static int play_denied(void)
{
	start();
	object_load(&program);
	kernel_refuse(SYS_mremap, EPERM);
	must(adopt_new_objects() == 1);
	must(explains(said(), "program: ", "section shared: ", REASON_DENIED));
	must(said_lines() == 0);
	must(is_private(&program) && object_is_whole(&program, -1));
	return CHILD_GOOD;
}

static int play_lost(void)
{
	start();
	must(madvise(program.pages + PAGE_ZERO * page_size(), page_size(), MADV_WIPEONFORK) ==
		0);
	object_load(&program);
	must(adopt_new_objects() == 0);
	must(strstr(said(), "program: section shared_zero: MADV_WIPEONFORK is lost"));
	must(said_lines() == 0);
	must(is_shared(&program));
	return CHILD_GOOD;
}

#if defined(__x86_64__)
#define R_COPY	   R_X86_64_COPY
#define R_GOT_SLOT R_X86_64_GLOB_DAT
#elif defined(__aarch64__)
#define R_COPY	   R_AARCH64_COPY
#define R_GOT_SLOT R_AARCH64_GLOB_DAT
#endif

#ifdef R_COPY
static int play_copied(void)
{
	start();
	object_put_symbols(&library,
		(struct object_symbol[]){ { "hits", object_at(&library, PAGE_SHARED) } }, 1,
		HASH_GNU);
	object_put_symbols(&program,
		(struct object_symbol[]){ { "hits", object_at(&program, PAGE_BETWEEN) } }, 1,
		HASH_GNU);
	object_put_relocations(&program,
		(struct object_relocation[]){
			{ R_COPY, 1, object_at(&program, PAGE_BETWEEN), 0 } },
		1);
	object_load(&program);
	object_load(&library);
	must(adopt_new_objects() == 1);
	must(explains(said(), "liblibrary.so: ", "hits: ", REASON_COPY_RELOCATION));
	must(is_private(&library) && is_shared(&program));
	return CHILD_GOOD;
}

/* The library's variable is bound to the program's, which is annotated, too. */
static int interposed(uint64_t bound)
{
	object_put_symbols(&library,
		(struct object_symbol[]){ { "hits", object_at(&library, PAGE_SHARED) } }, 1,
		HASH_GNU);
	memcpy(library.pages + PAGE_BEHIND * page_size(), &bound, sizeof(bound));
	object_put_relocations(&library,
		(struct object_relocation[]){
			{ R_GOT_SLOT, 1, object_at(&library, PAGE_BEHIND), 0 } },
		1);
	object_load(&program);
	object_load(&library);
	return adopt_new_objects();
}

static int play_interposed(void)
{
	start();
	must(interposed(object_at(&program, PAGE_SHARED)) == 0);
	must(is_shared(&library) && is_shared(&program) && said_lines() == 0);
	return CHILD_GOOD;
}

static int play_interposed_privately(void)
{
	start();
	must(interposed(object_at(&program, PAGE_BEFORE)) == 1);
	must(explains(said(), "liblibrary.so: ", "hits: ", REASON_INTERPOSED));
	must(is_private(&library) && is_shared(&program));
	return CHILD_GOOD;
}
#endif

/* Signals, threads, forks */

static unsigned blocked, unblocked;

/* The real mask, at the moment in which the pages change. */
static void see_move(const long *args)
{
	sigset_t set;

	(void)args;
	sigprocmask(SIG_BLOCK, NULL, &set);
	if (sigismember(&set, SIGUSR1) && sigismember(&set, SIGSEGV) && sigismember(&set, SIGALRM))
		blocked++;
	else
		unblocked++;
}

static int masked(void)
{
	sigset_t before, after;

	sigemptyset(&before);
	sigaddset(&before, SIGUSR2);
	sigprocmask(SIG_SETMASK, &before, NULL);
	kernel_watch(SYS_mremap, see_move);
	object_load(&program);
	adopt_new_objects();
	sigprocmask(SIG_SETMASK, NULL, &after);
	must(blocked > 0 && unblocked == 0);
	must(!sigismember(&after, SIGUSR1) && sigismember(&after, SIGUSR2));
	must(!sigismember(&after, SIGALRM));
	return CHILD_GOOD;
}

static int play_signals(void)
{
	start();
	must(masked() == CHILD_GOOD);
	must(blocked == 2 && is_shared(&program));
	return CHILD_GOOD;
}

static int play_signals_refused(void)
{
	start();
	kernel_refuse(SYS_mremap, EPERM);
	must(masked() == CHILD_GOOD);
	must(is_private(&program));
	return CHILD_GOOD;
}

static sem_t held, waiting;
static unsigned state_when_waiting = 99;

/* The thread that adopts waits for the one that forks: look at the object just then. */
static void see_wait(const long *args)
{
	if (args[1] == (0 | 128)) { /* FUTEX_WAIT_PRIVATE */
		state_when_waiting = program.binding->state;
		sem_post(&waiting);
	}
}

static void *hold(void *arg)
{
	(void)arg;
	adopt_hold();
	adopt_hold(); /* a fork from a handler, or from an atfork handler */
	adopt_release();
	sem_post(&held);
	while (sem_wait(&waiting) != 0)
		;
	adopt_release();
	return NULL;
}

static int play_fork_meanwhile(void)
{
	pthread_t thread;

	start();
	must(adopt_new_objects() == 0); /* from the first time on there is a lock */
	object_load(&program);
	sem_init(&held, 0, 0);
	sem_init(&waiting, 0, 0);
	kernel_watch(SYS_futex, see_wait);
	must(pthread_create(&thread, NULL, hold, NULL) == 0);
	while (sem_wait(&held) != 0)
		;
	must(adopt_new_objects() == 0); /* waits for the other thread's release */
	must(state_when_waiting == FONDUE_STATE_NONE);
	must(pthread_join(thread, NULL) == 0);
	must(is_shared(&program));
	return CHILD_GOOD;
}

/* A child by a raw system call: whoever held the lock is not in it. */
static sem_t let_go;

static void *hold_for_long(void *arg)
{
	(void)arg;
	adopt_hold();
	sem_post(&held);
	while (sem_wait(&let_go) != 0)
		;
	adopt_release();
	return NULL;
}

static int play_raw_fork_meanwhile(void)
{
	pthread_t thread;
	pid_t pid;

	start();
	must(adopt_new_objects() == 0);
	sem_init(&held, 0, 0);
	sem_init(&let_go, 0, 0);
	must(pthread_create(&thread, NULL, hold_for_long, NULL) == 0);
	while (sem_wait(&held) != 0)
		;
	pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		alarm(CHILD_SECONDS / 2);
		adopt_hold(); /* it forks */
		adopt_release();
		object_load(&library); /* it loads */
		_exit(adopt_new_objects() == 1 && is_private(&library) ? CHILD_GOOD : 1);
	}
	must(unit_wait(pid) == CHILD_GOOD);
	sem_post(&let_go);
	must(pthread_join(thread, NULL) == 0);
	return CHILD_GOOD;
}

/* Children forked all the time by one thread see both ranges shared, or neither. */
static atomic_bool stop;
static atomic_uint forks;
static unsigned halves, shared_children;

/* In the child. Return: what it believes. */
static int write_both(volatile uint8_t *shared, volatile uint8_t *zero)
{
	*shared = *zero = 200;
	return program.binding->state == FONDUE_STATE_SHARED;
}

static void *fork_on(void *arg)
{
	volatile uint8_t *shared = program.pages + PAGE_SHARED * page_size() + 1;
	volatile uint8_t *zero = program.pages + PAGE_ZERO * page_size() + 1;

	(void)arg;
	do {
		int believed;
		pid_t pid;

		adopt_hold();
		*shared = *zero = 100;
		pid = fork();
		adopt_release(); /* forks are not counted here: what is adopted is shared */
		if (pid == 0)
			_exit(write_both(shared, zero));
		believed = unit_wait(pid);
		halves += *shared != *zero || (*shared == 200) != (believed == 1);
		shared_children += believed == 1;
		atomic_fetch_add(&forks, 1);
	} while (!atomic_load(&stop));
	return NULL;
}

#define ROUNDS 25

static int play_fork_all_the_time(void)
{
	unsigned seen;

	start();
	object_load(&program);
	for (unsigned round = 0; round < ROUNDS; round++) {
		pthread_t thread;

		object_make(&program, "program");
		atomic_store(&stop, false);
		seen = atomic_load(&forks);
		must(pthread_create(&thread, NULL, fork_on, NULL) == 0);
		while (atomic_load(&forks) == seen)
			sched_yield();
		must(adopt_new_objects() == 0);
		seen = atomic_load(&forks);
		while (atomic_load(&forks) < seen + 2) /* one of them began afterwards */
			sched_yield();
		atomic_store(&stop, true);
		must(pthread_join(thread, NULL) == 0);
	}
	must(halves == 0 && shared_children >= ROUNDS);
	return CHILD_GOOD;
}

static int play_errno(void)
{
	start();
	object_load(&program);
	object_load(&library);
	library.note.at[KIND_SHARED].stop -= 16;
	object_write_note(&library, 64);
	errno = EXDEV;
	adopt_new_objects();
	must(errno == EXDEV);
	return CHILD_GOOD;
}

int main(void)
{
	test_play("what is there at start is shared, and told so", play_start);
	test_play("what was looked at is not looked at again", play_again);
	test_play("without annotations no system call is made", play_nothing);
	test_play("bad values of variables are complained of where it matters",
		play_complaint);
	test_play("FONDUE_VERBOSE says what is shared", play_verbose);
	test_play("a refused object is private, told so, and named once", play_refused);
	test_play("a damaged note: not bound, named once", play_damaged);
	test_play("a newer note: not bound, named once", play_newer);
	test_play("a good note and a damaged one: not bound, named once", play_half_damaged);
	test_play("a good note and a newer one: not bound, named once", play_half_newer);
	test_play("notes that disagree: not bound, named once", play_disagreeing);
	test_play("too many headers: not bound, named once", play_many_segments);
	test_play("a binding in shared pages is not written to", play_wild_binding);
	test_play("nor is a wild one of an object refused for another reason",
		play_wild_binding_too);
	test_play("thirty damaged objects are named once each", play_many_damaged);

	test_play("a late object is shared before the first fork", play_late_before_fork);
	test_play("after it, it stays private", play_late_after_fork);
	test_play("unless FONDUE_LATE asks for it", play_late_wanted);
	test_play("one that other threads may have used stays private", play_late_threads);
	test_play("loaded again and again, it is said once", play_said_once);
	test_play("seventy damaged objects are no trouble", play_very_many_damaged);
	test_play("a late object without variables is no trouble", play_late_empty);
	test_play("a library at the address of one that was unloaded", play_reused_address);

	test_play("a kernel that refuses: private, named once", play_denied);
	test_play_natively("advice that is lost is told", play_lost);
#ifdef R_COPY
	test_play("a variable with a copy in the program: private", play_copied);
	test_play("two annotated definitions of one name: shared", play_interposed);
	test_play("one of them not annotated: private", play_interposed_privately);
#endif

	test_play("all signals are blocked while pages move, and the mask comes back",
		play_signals);
	test_play("also when the kernel refuses", play_signals_refused);
	test_play("who adopts waits for who forks", play_fork_meanwhile);
	test_play_natively("but not in a child by a raw system call", play_raw_fork_meanwhile);
	test_play("a child sees an object shared whole or not at all", play_fork_all_the_time);
	test_play("errno is left alone", play_errno);
	return tap_done();
}
