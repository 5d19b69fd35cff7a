/* SPDX-License-Identifier: MIT */
/*
 * Description: SIGURG is the host's as ever, while the runtime has a handler for it
 *
 * SIGWINCH is its twin: ignored by default, and of no interest to the runtime. Whatever a
 * program does with the one and sees of it must be what it does and sees with the other;
 * so each scenario is played twice, by children that write down what they see. To the one
 * that uses SIGURG questions are sent meanwhile, which it must not notice.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <fondue/fondue.h>

#include "../../preload/question.h"
#include "locking.h"
#include "run.h"

FONDUE_SHARED static fondue_spinlock_t lock;

/* The two halves of a comparison. */
struct notes {
	char text[2][16384];
	atomic_int calls, done;
};

static struct notes *notes;
static int twin;   /* 0 or 1 */
static int number; /* SIGURG, or SIGWINCH */

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
	char *text = notes->text[twin];
	size_t len = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + len, sizeof(notes->text[0]) - len, format, args);
	va_end(args);
}

/* From then on nothing that it is asked is to be noticed by the process, and its children. */
static bool has_locked;
/* But the child of a vfork() that sets a handler has that one and no other. */
static volatile bool is_vforked;

static void take_lock(void)
{
	if (fondue_spin_lock(&lock) == 0)
		fondue_spin_unlock(&lock);
	has_locked = true;
}

/* As the kernel has it. */
static uintptr_t kernels_handler(int of)
{
	uintptr_t action[4] = { 0 };

	syscall(SYS_rt_sigaction, of, NULL, action, sizeof(uint64_t));
	return action[0];
}

/* A question that is none any more, to this thread. */
static void be_asked(void)
{
	siginfo_t info = { .si_signo = SIGURG, .si_code = SI_QUEUE };

	info.si_pid = getpid();
	info.si_value.sival_ptr = (void *)(uintptr_t)QUESTION_COOKIE;
	if (number == SIGURG && has_locked && !is_vforked)
		syscall(SYS_rt_tgsigqueueinfo, getpid(), my_tid(), SIGURG, &info);
}

static char other_stack[64 * 1024];
static volatile int depth, deepest, again;

static bool is_on_other_stack(void)
{
	char here;

	return (uintptr_t)&here - (uintptr_t)other_stack < sizeof(other_stack);
}

static void note_mask(const sigset_t *set)
{
	static const int others[] = { SIGUSR1, SIGUSR2, SIGHUP };

	note(" mask");
	if (sigismember(set, number))
		note(" it");
	for (unsigned i = 0; i < 3; i++)
		if (sigismember(set, others[i]))
			note(" %d", others[i]);
}

static void note_mask_now(void)
{
	sigset_t set;

	sigprocmask(SIG_SETMASK, NULL, &set);
	note_mask(&set);
	note("\n");
}

static void on_signal(int which)
{
	depth++;
	if (depth > deepest)
		deepest = depth;
	atomic_fetch_add(&notes->calls, 1);
	note("  handler: %s%s", which == number ? "it" : "another",
		is_on_other_stack() ? ", other stack," : "");
	note_mask_now();
	if (again) {
		again = 0;
		raise(number); /* nests, or comes when this is over, or is ignored */
	}
	depth--;
}

static void on_info(int which, siginfo_t *info, void *context)
{
	note("  information: %s, code %d, from us %d, context %d\n",
		info->si_signo == number ? "it" : "another", info->si_code,
		info->si_pid == getpid(), context != NULL);
	on_signal(which);
}

static const char *name_of(uintptr_t handler)
{
	return handler == (uintptr_t)SIG_DFL	? "default"
	       : handler == (uintptr_t)SIG_IGN	? "ignored"
	       : handler == (uintptr_t)SIG_ERR	? "error"
	       : handler == 2			? "held" /* SIG_HOLD */
	       : handler == (uintptr_t)on_signal ? "handler"
	       : handler == (uintptr_t)on_info	? "handler with information"
						: "foreign";
}

static void note_action(const char *when)
{
	struct sigaction action;

	if (sigaction(number, NULL, &action) != 0)
		note("%s: error %d\n", when, errno);
	note("%s: %s, flags 0x%x", when, name_of((uintptr_t)action.sa_handler),
		(unsigned)action.sa_flags);
	note_mask(&action.sa_mask);
	note("\n");
}

static void raise_it(void)
{
	int before = atomic_load(&notes->calls);

	again = 1;
	be_asked();
	raise(number);
	note("raised: %d calls, depth %d\n", atomic_load(&notes->calls) - before, deepest);
	deepest = 0;
	be_asked();
}

/* Signals whoever reads from @fd when he sleeps, and writes a byte when he does so again. */
static pid_t start_poker(pid_t reader, int fd)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!eventually(is_parked(reader)) || kill(reader, number) != 0)
		_exit(1);
	(void)eventually(atomic_load(&notes->done) || is_parked(reader));
	_exit(write(fd, "x", 1) == 1 ? 0 : 1);
}

/* Does the signal end a read()? */
static void read_and_be_poked(void)
{
	int ends[2], result, status;
	pid_t poker;
	char byte;

	if (pipe(ends) != 0)
		return;
	atomic_store(&notes->done, 0);
	poker = start_poker(getpid(), ends[1]);
	result = read(ends[0], &byte, 1);
	note("read: %d, error %d\n", result, result < 0 ? errno : 0);
	atomic_store(&notes->done, 1);
	waitpid(poker, &status, 0);
	close(ends[0]);
	close(ends[1]);
}

static void look_around(void)
{
	note_action("set");
	raise_it();
	note_action("raised");
	raise_it();
	read_and_be_poked();
	note_action("read");
	note_mask_now();
}

static const int flag_bits[] = { SA_RESTART, SA_NODEFER, SA_ONSTACK, (int)SA_RESETHAND,
	SA_SIGINFO };
#define FLAG_SETS 32

static int flags_of(unsigned set)
{
	int flags = 0;

	for (unsigned i = 0; i < 5; i++)
		if (set >> i & 1)
			flags |= flag_bits[i];
	return flags;
}

static void set_action(int flags)
{
	struct sigaction action = { .sa_flags = flags }, old;

	if (flags & SA_SIGINFO)
		action.sa_sigaction = on_info;
	else
		action.sa_handler = on_signal;
	sigemptyset(&action.sa_mask);
	sigaddset(&action.sa_mask, SIGUSR1);
	note("sigaction: %d", sigaction(number, &action, &old));
	note(", before %s 0x%x\n", name_of((uintptr_t)old.sa_handler), (unsigned)old.sa_flags);
}

/* Scenarios: each after the first lock of the process, or before, and then again. */

static unsigned variant;

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static void with_flags(void)
{
	set_action(flags_of(variant % FLAG_SETS));
	look_around();
}

static void with_signal(void)
{
	note("%s\n", name_of((uintptr_t)signal(number, on_signal)));
	look_around();
	note("%s\n", name_of((uintptr_t)signal(number, SIG_DFL)));
	look_around();
	note("%s\n", name_of((uintptr_t)signal(number, SIG_IGN)));
	look_around();
	note("%s\n", name_of((uintptr_t)signal(number, on_signal)));
	look_around();
	note("%s\n", name_of((uintptr_t)signal(number, SIG_ERR)));
}

static void with_siginterrupt(void)
{
	note("siginterrupt: %d\n", siginterrupt(number, 1));
	note("%s\n", name_of((uintptr_t)signal(number, on_signal)));
	look_around();
	note("siginterrupt: %d\n", siginterrupt(number, 0));
	look_around();
	note("%s\n", name_of((uintptr_t)signal(number, on_signal)));
	look_around();
}

static void with_sigset(void)
{
	note("%s\n", name_of((uintptr_t)sigset(number, on_signal)));
	look_around();
	note("%s\n", name_of((uintptr_t)sigset(number, (void (*)(int))2)));
	note_mask_now();
	note("%s\n", name_of((uintptr_t)sigset(number, (void (*)(int))2)));
	note("%s\n", name_of((uintptr_t)sigset(number, on_signal)));
	note_mask_now();
	note("sigignore: %d\n", sigignore(number));
	look_around();
	note("%s\n", name_of((uintptr_t)sigset(number, SIG_DFL)));
	look_around();
}

#ifdef __GLIBC__
static void with_sysv_signal(void)
{
	note("%s\n", name_of((uintptr_t)sysv_signal(number, on_signal)));
	look_around();
	note("%s\n", name_of((uintptr_t)__sysv_signal(number, on_signal)));
	look_around();
	note("%s\n", name_of((uintptr_t)ssignal(number, on_signal)));
	look_around();
}
#endif

/* A child that is forked has what its parent had, and may change it for itself. */
static void with_fork(void)
{
	pid_t pid;

	set_action(SA_RESTART);
	pid = fork();
	if (pid == 0) {
		note_action("child");
		raise_it();
		take_lock();
		note_action("child with a lock");
		raise_it();
		set_action((int)SA_RESETHAND);
		look_around();
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	look_around();
}

/* The child of a vfork() has its parent's memory, and actions of its own. */
static void with_vfork(void)
{
	pid_t pid;

	set_action(SA_RESTART);
	is_vforked = true;
	pid = vfork();
	if (pid == 0) {
		note_action("child");
		raise_it();
		set_action((int)SA_RESETHAND);
		note_action("child");
		raise_it();
		note_action("child");
		signal(number, SIG_IGN);
		note_action("child");
		_exit(0);
	}
	is_vforked = false;
	waitpid(pid, NULL, 0);
	look_around();
}

/* So has one whose parent waits for nothing to be done. */
static void with_vfork_once(void)
{
	pid_t pid;

	set_action((int)SA_RESETHAND);
	is_vforked = true;
	pid = vfork();
	if (pid == 0) {
		raise_it();
		raise_it();
		note_action("child");
		_exit(0);
	}
	is_vforked = false;
	waitpid(pid, NULL, 0);
	look_around();
}

static void with_sigwait(void)
{
	sigset_t set;
	int got = 0;

	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), number);
	note("sigwait: %d", sigwait(&set, &got));
	note(" %s\n", got == number ? "it" : "another");
	kill(getpid(), number);
	signal(number, SIG_DFL); /* what is pending of an ignored signal is forgotten */
	sigpending(&set);
	note("pending: %d\n", sigismember(&set, number));
}

static void with_signalfd(void)
{
	struct signalfd_siginfo info = { 0 };
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_NONBLOCK);
	kill(getpid(), number);
	note("signalfd: %zd", read(fd, &info, sizeof(info)));
	note(" %s\n", info.ssi_signo == (unsigned)number ? "it" : "another");
}

/* What an executed program inherits: the test itself, playing "inherited". */
static void with_exec(void)
{
	char text[16];
	pid_t pid;

	signal(number, variant % 2 ? SIG_IGN : on_signal);
	snprintf(text, sizeof(text), "%d", number);
	pid = fork();
	if (pid == 0) {
		execl(run_self(), run_self(), "inherited", text, (char *)NULL);
		_exit(1);
	}
	note("inherited: %d\n", unit_wait(pid));
}

static int play_inherited(void)
{
	return kernels_handler(number) == (uintptr_t)SIG_IGN ? 20 :
	       kernels_handler(number) == (uintptr_t)SIG_DFL ? 21 : 22;
}

static void (*scenario)(void);
static bool lock_first;

static int play_half(void)
{
	stack_t stack = { .ss_sp = other_stack, .ss_size = sizeof(other_stack) };

	sigaltstack(&stack, NULL);
	if (lock_first)
		take_lock();
	else
		scenario();
	if (!lock_first)
		take_lock();
	scenario();
	/* otherwise there is nothing to compare */
	must(number != SIGURG || kernels_handler(number) != (uintptr_t)on_signal);
	return CHILD_GOOD;
}

static int play_twins(void)
{
	for (twin = 0; twin < 2; twin++) {
		number = twin ? SIGURG : SIGWINCH;
		atomic_store(&notes->calls, 0);
		*notes->text[twin] = '\0';
		must(unit_plays(play_half));
	}
	must(strlen(notes->text[0]) > 10 && strlen(notes->text[0]) < sizeof(notes->text[0]) - 1);
	if (!strcmp(notes->text[0], notes->text[1]))
		return CHILD_GOOD;
	run_quote_("twin", notes->text[0]);
	run_quote_("SIGURG", notes->text[1]);
	fflush(stdout);
	return 1;
}

/* Is all the same, in @variants ways, with the lock taken first and afterwards? */
static bool is_same(void (*what)(void), unsigned variants)
{
	scenario = what;
	for (variant = 0; variant < variants; variant++)
		for (int first = 0; first < 2; first++) {
			lock_first = first;
			if (!unit_plays(play_twins)) {
				tap_note("  variant %u, lock first: %d", variant, first);
				return false;
			}
		}
	return true;
}

static void test_twins(void)
{
	test("sigaction() with every combination of flags", is_same(with_flags, FLAG_SETS));
	test("signal(), the default, and ignoring it", is_same(with_signal, 1));
	test("siginterrupt()", is_same(with_siginterrupt, 1));
	test("sigset(), sigignore()", is_same(with_sigset, 1));
#ifdef __GLIBC__
	test("sysv_signal(), ssignal()", is_same(with_sysv_signal, 1));
#endif
	test("fork()", is_same(with_fork, 1));
	test("vfork()", is_same(with_vfork, 1));
	test("vfork(), and a handler that is called once", is_same(with_vfork_once, 1));
	test("sigwait()", is_same(with_sigwait, 1));
	test("signalfd()", is_same(with_signalfd, 1));
	test("exec", is_same(with_exec, 2));
}

/* What has no twin */

static int play_shared_late(void)
{
	must(kernels_handler(SIGURG) == 0); /* nobody here has taken a lock */
	take_lock();
	must(kernels_handler(SIGURG) > 1);
	return CHILD_GOOD;
}

static atomic_int urgent;

static void on_urgent(int which)
{
	(void)which;
	atomic_fetch_add(&urgent, 1);
}

/* The real thing: data out of band. */
static int play_out_of_band(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0), ours, its = socket(AF_INET, SOCK_STREAM, 0);

	take_lock();
	signal(SIGURG, on_urgent);
	must(bind(listener, (struct sockaddr *)&address, len) == 0 && listen(listener, 1) == 0);
	must(getsockname(listener, (struct sockaddr *)&address, &len) == 0);
	must(connect(its, (struct sockaddr *)&address, len) == 0);
	ours = accept(listener, NULL, NULL);
	must(ours >= 0 && fcntl(ours, F_SETOWN, getpid()) == 0);
	number = SIGURG;
	be_asked();
	must(atomic_load(&urgent) == 0);
	must(send(its, "!", 1, MSG_OOB) == 1);
	must(eventually(atomic_load(&urgent) == 1));
	return CHILD_GOOD;
}

/* One thread sets handlers without end; what others see is always one of them. */
static void on_first(int which)
{
	(void)which;
	atomic_fetch_add(&urgent, 1);
}

static void on_second(int which)
{
	(void)which;
	atomic_fetch_add(&urgent, 1);
}

static atomic_int stop;

static void *set_for_ever(void *arg)
{
	while (!atomic_load(&stop)) {
		signal(SIGURG, on_first);
		signal(SIGURG, on_second);
	}
	return arg;
}

static bool is_one_of_them(void)
{
	struct sigaction action;
	int before = atomic_load(&urgent);

	if (sigaction(SIGURG, NULL, &action) != 0 ||
		(action.sa_handler != on_first && action.sa_handler != on_second))
		return false;
	raise(SIGURG);
	return atomic_load(&urgent) == before + 1;
}

static int child_of_setter(void)
{
	must(is_one_of_them());
	take_lock();
	must(is_one_of_them());
	must(kernels_handler(SIGURG) != (uintptr_t)on_first);
	must(kernels_handler(SIGURG) != (uintptr_t)on_second);
	return CHILD_GOOD;
}

static int play_setters(void)
{
	pthread_t setter;

	take_lock();
	signal(SIGURG, on_first);
	must(pthread_create(&setter, NULL, set_for_ever, NULL) == 0);
	for (unsigned i = 0; i < 20000; i++)
		must(is_one_of_them());
	for (unsigned i = 0; i < 300; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(child_of_setter());
		must(unit_wait(pid) == CHILD_GOOD);
	}
	atomic_store(&stop, 1);
	pthread_join(setter, NULL);
	return CHILD_GOOD;
}

/* Called once, whoever else gets a signal. */
static void *raise_once(void *arg)
{
	raise(SIGURG);
	return arg;
}

static int play_once(void)
{
	take_lock();
	for (unsigned i = 0; i < 300; i++) {
		struct sigaction action = { .sa_handler = on_first,
			.sa_flags = (int)SA_RESETHAND };
		pthread_t threads[3];

		atomic_store(&urgent, 0);
		sigaction(SIGURG, &action, NULL);
		for (unsigned t = 0; t < 3; t++)
			must(pthread_create(&threads[t], NULL, raise_once, NULL) == 0);
		for (unsigned t = 0; t < 3; t++)
			pthread_join(threads[t], NULL);
		must(atomic_load(&urgent) == 1);
	}
	return CHILD_GOOD;
}

/* FONDUE_SIGNAL=none: the kernel's action stays the host's. */
static int play_none(void)
{
	take_lock();
	printf("%lu\n", (unsigned long)kernels_handler(SIGURG));
	return 0;
}

static const struct scenario scenarios[] = {
	{ "none", play_none },
	{ "inherited", play_inherited },
	{ NULL, NULL },
};

static struct run r;

static void test_none(void)
{
	r = (struct run){ .args = { run_self(), "none" }, .env = { "FONDUE_SIGNAL=none" } };
	run(&r);
	test("FONDUE_SIGNAL=none: there is no handler",
		run_explain(&r, run_succeeded(&r) && !strcmp(r.out, "0\n") && !*r.err));
	r = (struct run){ .args = { run_self(), "none" }, .env = { "FONDUE_SIGNAL=SIGURG" } };
	run(&r);
	test("FONDUE_SIGNAL=SIGURG: there is one",
		run_explain(&r, run_succeeded(&r) && strcmp(r.out, "0\n") && !*r.err));
}

int main(int argc, char **argv)
{
	if (argc > 2)
		number = atoi(argv[2]);
	if (argc > 1)
		return run_scenario(scenarios, argv[1]);
	notes = mmap(NULL, sizeof(*notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		-1, 0);
	if (notes == MAP_FAILED)
		tap_bail_out("no memory");
	test_play("there is no handler of ours before the first lock", play_shared_late);
	test_twins();
	test_play("data out of band, on a socket", play_out_of_band);
	test_play("set and asked for by several threads, and forked meanwhile", play_setters);
	test_play("a handler to be called once, and three who want to", play_once);
	test_none();
	return tap_done();
}
