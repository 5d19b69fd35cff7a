divert(-1)
dnl SPDX-License-Identifier: MIT
dnl
dnl splash.m4 - the parallel macros of SPLASH, on processes: CREATE is fork()
dnl
dnl What the programs ask G_MALLOC for is shared by mapping; locks and barriers in it are
dnl made for processes by their attributes. Their globals are private, as fork() has it:
dnl which is what SPLASH wished for, and what some of its programs forgot. Nothing in here
dnl knows of fondue.

define(INCLUDES, `
#ifndef SPLASH_MACROS /* a header has them, too */
#define SPLASH_MACROS
#include <assert.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#define PAGE_SIZE 4096

/* The first word of the arena is how much of it is given away. */
#define SPLASH_ARENA (1ul << 32)
extern char *splash_arena;

static inline void *splash_malloc(size_t size)
{
	size_t start = atomic_fetch_add((_Atomic size_t *)splash_arena, (size + 127) & -64ul);

	assert(start + size < SPLASH_ARENA - 64);
	return splash_arena + 64 + start;
}

static inline void splash_lock_init(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(lock, &attr);
}

static inline void splash_barrier_init(pthread_barrier_t *barrier, unsigned count)
{
	pthread_barrierattr_t attr;

	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(barrier, &attr, count);
}

static inline void splash_condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_cond_init(condition, &attr);
}
#endif
')

define(MAIN_ENV, `
INCLUDES
char *splash_arena;
')
define(EXTERN_ENV, `INCLUDES')
define(MAIN_INITENV, `{
	splash_arena = mmap(NULL, SPLASH_ARENA, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert(splash_arena != MAP_FAILED);
}')
define(MAIN_END, `{exit(0);}')

define(CREATE, `{
	for (long splash_i = 1; splash_i < ($2); splash_i++)
		if (fork() == 0) {
			$1();
			exit(0);
		}
	$1();
}')
define(WAIT_FOR_END, `{while (wait(NULL) > 0);}')

define(G_MALLOC, `splash_malloc($1);')
define(NU_MALLOC, `splash_malloc($1);')

define(BARDEC, `pthread_barrier_t ($1);')
define(BARINIT, `{splash_barrier_init(&($1), $2);}')
define(BARRIER, `{pthread_barrier_wait(&($1));}')

define(LOCKDEC, `pthread_mutex_t $1;')
define(LOCKINIT, `{splash_lock_init(&($1));}')
define(LOCK, `{pthread_mutex_lock(&($1));}')
define(UNLOCK, `{pthread_mutex_unlock(&($1));}')

define(ALOCKDEC, `pthread_mutex_t ($1)[$2];')
define(ALOCKINIT, `{for (int splash_i = 0; splash_i < ($2); splash_i++) splash_lock_init(&($1)[splash_i]);}')
define(ALOCK, `{pthread_mutex_lock(&(($1)[($2)]));}')
define(AGETL, `(($1)[$2])')
define(AULOCK, `{pthread_mutex_unlock(&(($1)[($2)]));}')

define(PAUSEDEC, `sem_t $1;')
define(PAUSEINIT, `{sem_init(&($1), 1, 0);}')
define(CLEARPAUSE, `{;}')
define(SETPAUSE, `{sem_post(&($1));}')
define(WAITPAUSE, `{sem_wait(&($1));}')

define(CONDVARDEC, `pthread_cond_t $1;')
define(CONDVARINIT, `splash_condition_init(&($1));')
define(CONDVARWAIT, `{pthread_cond_wait(&($1), &($2));}')
define(CONDVARSIGNAL, `{pthread_cond_signal(&($1));}')
define(CONDVARBCAST, `{pthread_cond_broadcast(&($1));}')

define(RELEASE_FENCE, `{atomic_thread_fence(memory_order_release);}')
define(ACQUIRE_FENCE, `{atomic_thread_fence(memory_order_acquire);}')
define(FULL_FENCE, `{atomic_thread_fence(memory_order_seq_cst);}')

define(SPLASH3_ROI_BEGIN, `')
define(SPLASH3_ROI_END, `')
define(CLOCK, `{long time(); ($1) = time(0);}')
divert(0)
