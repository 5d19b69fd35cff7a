/* SPDX-License-Identifier: MIT */
/*
 * ask.h - the registers and the stack of a thread of the family, from itself
 *
 * A sleeping thread can be looked at without its noticing (snapshot.h), unless the kernel
 * forbids it. That one, and one that runs, must be asked, by a signal: its handler copies
 * what is wanted into memory of the family, and who has asked works with the copy.
 *
 * What the host of the asked thread can notice: a system call that it sleeps in, or was just
 * about to, may return with EINTR, as the manual of the library tells; and a signal that was
 * sent in the instant in which the thread blocked it comes when it is unblocked, and is
 * dropped then.
 */
#pragma once

#include "layout.h"
#include "snapshot.h"

/* No answer takes longer on a machine that is not overloaded by far. */
#define ASK_MAX_MS 50

/*
 * ask_snapshot() - ask the thread of slot @number where it is
 * @timeout_ms: how long to wait for the answer, at most ASK_MAX_MS
 * @ret_question: holds the bytes of the snapshot's windows, until ask_done()
 *
 * For a thread with a slot of its own, in ordinary context. Takes 1 KiB of stack. The
 * snapshot's `earlier` is where the thread took the lock that it holds, if it still does.
 *
 * Return: 0, or
 *   -ESRCH      the thread is dead, or its process has executed another program
 *   -EACCES     it blocks the signal (or answers others all the time), or ignores it, or has
 *               no handler of ours
 *   -ENOTSUP    not here: FONDUE_SIGNAL=none, a sandbox, another pid namespace, an
 *               architecture whose signal frames are not known, an asker without a slot
 *   -EBUSY      other reports are being made
 *   -ETIMEDOUT  no answer: it is stopped (then nothing is sent), or in a system call that no
 *               signal interrupts, or does not get a processor
 *   -EPERM      it belongs to somebody else
 * and other errors of what it takes: -EAGAIN when too many signals are queued.
 */
int ask_snapshot(uint32_t number, unsigned timeout_ms, struct snapshot *ret,
	struct question **ret_question);

/* The bytes have been worked with: the place is free for the next. */
void ask_done(struct question *question);
