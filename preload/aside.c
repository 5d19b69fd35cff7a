/* SPDX-License-Identifier: MIT */
/*
 * aside.c - the switch, in assembly
 *
 * The frame pointer keeps the old stack, and unwinders are told so: a profiler, or a
 * debugger, that looks at the thread meanwhile finds the way back.
 */
#include "aside.h"

#if defined(__x86_64__)
__asm__(".pushsection .text\n"
	"\t.globl aside_call\n\t.hidden aside_call\n\t.type aside_call, @function\n"
	"aside_call:\n"
	"\t.cfi_startproc\n"
	"\tpushq %rbp\n"
	"\t.cfi_def_cfa_offset 16\n"
	"\t.cfi_offset %rbp, -16\n"
	"\tmovq %rsp, %rbp\n"
	"\t.cfi_def_cfa_register %rbp\n"
	"\tmovq %rdx, %rsp\n"
	"\tmovq %rdi, %rax\n"
	"\tmovq %rsi, %rdi\n"
	"\tcallq *%rax\n"
	"\tmovq %rbp, %rsp\n"
	"\tpopq %rbp\n"
	"\t.cfi_def_cfa %rsp, 8\n"
	"\tret\n"
	"\t.cfi_endproc\n"
	"\t.size aside_call, . - aside_call\n"
	".popsection\n");
#elif defined(__aarch64__)
__asm__(".pushsection .text\n\t.balign 4\n"
	"\t.globl aside_call\n\t.hidden aside_call\n\t.type aside_call, %function\n"
	"aside_call:\n"
	"\t.cfi_startproc\n"
	"\tstp x29, x30, [sp, #-16]!\n"
	"\t.cfi_def_cfa_offset 16\n"
	"\t.cfi_offset x29, -16\n"
	"\t.cfi_offset x30, -8\n"
	"\tmov x29, sp\n"
	"\t.cfi_def_cfa_register x29\n"
	"\tmov x3, x0\n"
	"\tmov x0, x1\n"
	"\tmov sp, x2\n"
	"\tblr x3\n"
	"\tmov sp, x29\n"
	"\t.cfi_def_cfa_register sp\n"
	"\tldp x29, x30, [sp], #16\n"
	"\t.cfi_def_cfa_offset 0\n"
	"\tret\n"
	"\t.cfi_endproc\n"
	"\t.size aside_call, . - aside_call\n"
	".popsection\n");
#endif
