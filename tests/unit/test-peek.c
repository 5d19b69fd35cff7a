/* SPDX-License-Identifier: MIT */
/*
 * Description: reading memory that ends, or is not there, or may not be read by the kernel
 */
#include "kernel.h"
#include "peek.h"
#include "unit.h"

/* Two pages with a hole behind them. */
static uint8_t *make_edge(void)
{
	uint8_t *at = make_guarded(2 * page_size());

	for (size_t i = 0; i < 2 * page_size(); i++)
		at[i] = i * 7;
	return at;
}

static bool reads_to_the_edge(long (*read_it)(uintptr_t, void *, size_t))
{
	static const size_t starts[] = { 0, 1, 100, 4095, 4096, 4097, 8191 };
	uint8_t *edge = make_edge(), *copy = malloc(4 * page_size());
	bool good = true;

	for (unsigned i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		size_t left = 2 * page_size() - starts[i];
		uintptr_t from = (uintptr_t)edge + starts[i];

		memset(copy, 0, 4 * page_size());
		good = good && read_it(from, copy, 4 * page_size()) == (long)left &&
		       !memcmp(copy, edge + starts[i], left) && !copy[left];
		good = good && read_it(from, copy, 1) == 1;
	}
	good = good && read_it((uintptr_t)edge + 2 * page_size(), copy, 1) == -EFAULT;
	return good && read_it(8, copy, 100) == -EFAULT;
}

static int play_edge(void)
{
	must(reads_to_the_edge(peek));
	must(reads_to_the_edge(peek_stack));
	must(kernel_calls(SYS_rt_sigprocmask) == 0);
	return CHILD_GOOD;
}

static int play_refused(void)
{
	uint8_t byte = 1, copy = 0;

	kernel_refuse(SYS_process_vm_readv, EPERM);
	must(peek((uintptr_t)&byte, &copy, 1) == -EPERM && !copy);
	must(reads_to_the_edge(peek_stack));
	return CHILD_GOOD;
}

static int play_unheard(void)
{
	uint8_t byte = 1, copy = 0;

	kernel_refuse(SYS_process_vm_readv, ENOSYS);
	must(peek((uintptr_t)&byte, &copy, 1) == -ENOSYS && !copy);
	must(reads_to_the_edge(peek_stack));
	return CHILD_GOOD;
}

/* When nothing may be found out, nothing is touched. */
static int play_nothing_goes(void)
{
	uint8_t byte = 1, copy = 0;

	kernel_refuse(SYS_process_vm_readv, EPERM);
	kernel_refuse(SYS_rt_sigprocmask, EPERM);
	must(peek_stack((uintptr_t)&byte, &copy, 1) == -EFAULT && !copy);
	return CHILD_GOOD;
}

static int play_unnoticed(void)
{
	uint8_t copy[16];
	sigset_t before, after;

	sigprocmask(SIG_SETMASK, NULL, &before);
	errno = EDOM;
	(void)peek_stack(8, copy, sizeof(copy));
	kernel_refuse(SYS_process_vm_readv, EPERM);
	(void)peek_stack(8, copy, sizeof(copy));
	(void)peek_stack((uintptr_t)copy, copy, 0);
	must(errno == EDOM);
	sigprocmask(SIG_SETMASK, NULL, &after);
	for (int i = 1; i < 32; i++)
		must(sigismember(&before, i) == sigismember(&after, i));
	return CHILD_GOOD;
}

int main(void)
{
	test_play_natively("as far as it goes, through the kernel", play_edge);
	test_play_natively("refused: the stack, in place", play_refused);
	test_play_natively("unknown to the kernel: the stack, in place", play_unheard);
	test_play("nothing to be found out: nothing is touched", play_nothing_goes);
	test_play("neither errno nor the signal mask is changed", play_unnoticed);
	return tap_done();
}
