/* SPDX-License-Identifier: MIT */
/*
 * hook-vfork.c - vfork(): a child that has its parent's memory, and is not known to the kernel
 *
 * The parent's thread sleeps, and the child runs in its memory, thread-local variables
 * included. There stands on which processor the thread runs, as the kernel writes it there for
 * rseq(2); but the kernel drops the registration of such a child, so that what stands there
 * is the parent's and gets old, and sequences (cpu-lists.c) are not protected. A child of
 * vfork() that allocates does what it must not; but it should not damage the heap of all. So it
 * finds that this is not the thread whose memory it is in, and goes the way under a lock. It
 * does not use that thread's own lists either: it may outlive it, and they are another's then.
 *
 * The parent finds it so, too, if the kernel has not written there when it woke it, as it does
 * where it has scheduled it; then what the child has found there is put back. In one
 * instruction: what the kernel writes meanwhile is right. Of vfork()s within a vfork() the
 * innermost finds that nothing is left to be done.
 *
 * Who calls returns twice, the second time over a stack that the child has used: so this is
 * in assembly, with nothing on the stack, and what is needed later in registers that the
 * kernel keeps. The child goes back by a jump: a shadow stack is the parent's, too. Without
 * a heap the real function does it all.
 */
#include "base.h"

#if defined(__x86_64__) && defined(__LP64__)

#include "cpu-lists.h"
#include "real.h"

/* What the child has found; of the thread, since it is the parent's memory. */
__thread uint32_t vfork_cpu_id __attribute__((tls_model("initial-exec")));

/* The real one, while there is no heap; NULL: there is, or it is too early to know. */
pid_t (*vfork_elsewhere(void))(void);
pid_t (*vfork_elsewhere(void))(void)
{
	return heap_map.heap ? NULL : real()->vfork;
}

_Static_assert(offsetof(struct rseq_area, cpu_id) == 4, "as it is below");
_Static_assert(CPU_AWAY == UINT32_MAX - 2, "-3, as it is below");

__asm__(".pushsection .text\n"
	"\t.globl vfork\n\t.type vfork, @function\n"
	"vfork:\n"
	"\t.cfi_startproc\n"
	"\tsubq $8, %rsp\n"
	"\t.cfi_adjust_cfa_offset 8\n"
	"\tcallq vfork_elsewhere\n"
	"\taddq $8, %rsp\n"
	"\t.cfi_adjust_cfa_offset -8\n"
	"\ttestq %rax, %rax\n"
	"\tjz 1f\n"
	"\tjmpq *%rax\n"
	"1:\tmovq cpu_lists_rseq_at(%rip), %rdx\n"
	"\tmovq vfork_cpu_id@gottpoff(%rip), %rsi\n"
	"\tmovl %fs:4(%rdx), %r10d\n" /* -3: nothing is to be done */
	"\tpopq %rdi\n"
	"\t.cfi_adjust_cfa_offset -8\n"
	"\t.cfi_register %rip, %rdi\n"
	"\tmovl $58, %eax\n" /* SYS_vfork */
	"\tsyscall\n"
	"\ttestq %rax, %rax\n"
	"\tjnz 2f\n"
	/* the child */
	"\tcmpl $-3, %r10d\n"
	"\tje 3f\n"
	"\tmovl $-3, %ecx\n"
	"\txchgl %ecx, %fs:4(%rdx)\n"
	"\tmovl %ecx, %fs:(%rsi)\n"
	"3:\tjmpq *%rdi\n"
	/* the parent, or nobody else */
	"2:\tpushq %rdi\n"
	"\t.cfi_adjust_cfa_offset 8\n"
	"\t.cfi_rel_offset %rip, 0\n"
	"\tcmpq $-4095, %rax\n"
	"\tjae 4f\n"
	"\tcmpl $-3, %r10d\n"
	"\tje 5f\n"
	"\tmovq %rax, %r8\n"
	"\tmovl $-3, %eax\n"
	"\tmovl %fs:(%rsi), %ecx\n"
	"\tcmpxchgl %ecx, %fs:4(%rdx)\n"
	"\tmovq %r8, %rax\n"
	"5:\tret\n"
	"4:\tnegl %eax\n"
	"\tmovl %eax, %edi\n"
	"\tjmp vfork_failed\n"
	"\t.cfi_endproc\n"
	"\t.size vfork, . - vfork\n"
	".popsection\n");

pid_t vfork_failed(int error);
pid_t vfork_failed(int error)
{
	errno = error;
	return -1;
}

#endif
