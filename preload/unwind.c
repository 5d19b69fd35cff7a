/* SPDX-License-Identifier: MIT */
/*
 * unwind.c - unwinding a snapshot with libunwind; nothing else sees that library
 *
 * libunwind has two halves. The local unwinder, which most programs use, is not for the
 * inside of somebody else's process: it takes the loader's lock, keeps descriptors of its
 * own, which the program may close and reuse, and can hang in a forked child. Used here is
 * the generic half, made for debuggers: it asks us for every register, every word of
 * memory and every unwind table. Registers and stack come from the snapshot; code and
 * tables from the objects that are mapped in the thread's process (target.h), looked
 * through first (cfi.h). So it may be given any bytes, and it touches nothing.
 *
 * It keeps a mutex of its own, and so has its pool of memory: a thread that unwinds while
 * another one forks leaves them locked in the child. Hence the door: one thread at a time,
 * and a child that was forked while it was shut never enters, and does without.
 */
#include <assert.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <libunwind.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "chain.h"
#include "cfi.h"
#include "thread-state.h"
#include "unwind.h"

#define NAME_OF_(name)	#name
#define NAME_OF(name)	NAME_OF_(name)
#define GENERIC(name)	"_U" NAME_OF(UNW_TARGET) "_" name
#define LIBRARY		"libunwind-" NAME_OF(UNW_TARGET) ".so.8"

/*
 * Words that may be read for one stack. libunwind asks for each byte of a table alone, some
 * 500 times a frame; more than this is a loop.
 */
#define READS_MAX (1u << 20)

static struct {
	unw_addr_space_t (*create_addr_space)(unw_accessors_t *, int);
	int (*set_caching_policy)(unw_addr_space_t, unw_caching_policy_t);
	int (*init_remote)(unw_cursor_t *, unw_addr_space_t, void *);
	int (*step)(unw_cursor_t *);
	int (*get_reg)(unw_cursor_t *, unw_regnum_t, unw_word_t *);
	/* exported, but in no header */
	int (*search)(unw_addr_space_t, unw_word_t, unw_dyn_info_t *, unw_proc_info_t *, int,
		void *);
} lib;

static unw_addr_space_t space; /* NULL: there is no unwinder */

/* One unwinding, what libunwind hands back to us with each question. */
struct walk {
	const struct snapshot *snapshot;
	const struct registers *from;
	struct target *target;
	struct binaries *binaries;
	struct cfi cfi; /* of the function in question */
	unsigned reads;
	/* since the last step */
	bool no_tables, bad_tables, no_register, no_memory;
};

static int find_proc_info(unw_addr_space_t as, unw_word_t ip, unw_proc_info_t *ret, int need,
	void *arg)
{
	struct walk *walk = arg;
	const struct binary *binary = binaries_find(walk->binaries, walk->target, ip);
	int error = -ENODATA;

	walk->cfi.signs = 0;
	if (binary && binary->is_elf)
		error = cfi_check(walk->target, binary, ip, &walk->cfi);
	if (error == 0) {
		unw_dyn_info_t info = { .format = UNW_INFO_FORMAT_REMOTE_TABLE,
			.start_ip = binary->start,
			.end_ip = binary->end };

		info.u.rti.segbase = binary->table;
		info.u.rti.table_data = walk->cfi.table;
		info.u.rti.table_len = walk->cfi.pairs * 8 / sizeof(unw_word_t);
		return lib.search(as, ip, &info, ret, need, arg);
	}
	if (error == -EBADMSG)
		walk->bad_tables = true;
	walk->no_tables = true;
	return -UNW_ENOINFO;
}

static void put_unwind_info(unw_addr_space_t as, unw_proc_info_t *info, void *arg)
{
	(void)as;
	(void)info;
	(void)arg;
}

static int get_dyn_info_list_addr(unw_addr_space_t as, unw_word_t *ret, void *arg)
{
	(void)as;
	(void)ret;
	(void)arg;
	return -UNW_ENOINFO;
}

/* See struct cfi. */
static void hide_signs(const struct cfi *cfi, uintptr_t address, unw_word_t *word)
{
	for (unsigned i = 0; i < cfi->signs; i++)
		if (cfi->sign_at[i] - address < sizeof(*word))
			((unsigned char *)word)[cfi->sign_at[i] - address] = 0;
}

static int access_mem(unw_addr_space_t as, unw_word_t address, unw_word_t *value, int write,
	void *arg)
{
	struct walk *walk = arg;
	uintptr_t word;

	(void)as;
	if (write || walk->reads++ >= READS_MAX)
		return -UNW_EINVAL;
	if (snapshot_read(walk->snapshot, address, &word)) {
		/* signed, it would be looked up where no function is */
		*value = chain_strip(walk->target, word);
		return 0;
	}
	if (target_read(walk->target, address, value, sizeof(*value))) {
		hide_signs(&walk->cfi, address, value);
		return 0;
	}
	walk->no_memory = true;
	return -UNW_EINVAL;
}

static int access_reg(unw_addr_space_t as, unw_regnum_t number, unw_word_t *value, int write,
	void *arg)
{
	struct walk *walk = arg;

	(void)as;
	if (write || !register_is_known(walk->from, number)) {
		walk->no_register = true;
		return -UNW_EBADREG;
	}
	*value = chain_strip(walk->target, walk->from->at[number]);
	return 0;
}

static int access_fpreg(unw_addr_space_t as, unw_regnum_t number, unw_fpreg_t *value, int write,
	void *arg)
{
	(void)as;
	(void)number;
	(void)value;
	(void)write;
	(void)arg;
	return -UNW_EBADREG;
}

static int resume(unw_addr_space_t as, unw_cursor_t *cursor, void *arg)
{
	(void)as;
	(void)cursor;
	(void)arg;
	return -UNW_EINVAL;
}

static int get_proc_name(unw_addr_space_t as, unw_word_t address, char *name, size_t size,
	unw_word_t *offset, void *arg)
{
	(void)as;
	(void)address;
	(void)name;
	(void)size;
	(void)offset;
	(void)arg;
	return -UNW_ENOINFO;
}

/* Later versions of the same library have added members, which are copied from here, too. */
static union {
	unw_accessors_t known;
	char room[256];
} accessors = {
	.known = {
		.find_proc_info = find_proc_info,
		.put_unwind_info = put_unwind_info,
		.get_dyn_info_list_addr = get_dyn_info_list_addr,
		.access_mem = access_mem,
		.access_reg = access_reg,
		.access_fpreg = access_fpreg,
		.resume = resume,
		.get_proc_name = get_proc_name,
	},
};

static_assert(sizeof(unw_cursor_t) <= sizeof(((struct unwind_work *)0)->cursor),
	"a cursor has room to work in");
static_assert((int)UNW_REG_SP == (int)REGISTER_SP, "libunwind numbers registers as we do");

static bool resolve(void *library)
{
	*(void **)&lib.create_addr_space = dlsym(library, GENERIC("create_addr_space"));
	*(void **)&lib.set_caching_policy = dlsym(library, GENERIC("set_caching_policy"));
	*(void **)&lib.init_remote = dlsym(library, GENERIC("init_remote"));
	*(void **)&lib.step = dlsym(library, GENERIC("step"));
	*(void **)&lib.get_reg = dlsym(library, GENERIC("get_reg"));
	*(void **)&lib.search = dlsym(library, GENERIC("dwarf_search_unwind_table"));
	return lib.create_addr_space && lib.set_caching_policy && lib.init_remote && lib.step &&
	       lib.get_reg && lib.search;
}

/*
 * When it starts, libunwind opens a pipe, through which its local unwinder would test
 * addresses. We have no use for it, and the program must not find two descriptors more than
 * it opened. If it cannot be opened now, it will be when somebody needs it: so for this moment
 * none may be. With other threads about, which are not to notice, the pipe is closed
 * again: which two descriptors it has is known beforehand, and certain when they are as
 * that pipe is.
 */
static void create(void)
{
	space = lib.create_addr_space(&accessors.known, 0);
	/* what is cached would be of another process, or of before a dlopen() */
	if (space)
		lib.set_caching_policy(space, UNW_CACHE_NONE);
}

struct ends {
	int at[2];
};

static bool find_free_ends(struct ends *ret)
{
	if (sys_call(SYS_pipe2, ret->at, O_CLOEXEC) != 0)
		return false;
	(void)sys_call(SYS_close, ret->at[0]);
	(void)sys_call(SYS_close, ret->at[1]);
	return true;
}

static void close_ends(const struct ends *ends)
{
	struct stat status[2];

	for (unsigned i = 0; i < 2; i++)
		if (sys_call(SYS_fstat, ends->at[i], &status[i]) != 0 ||
			!S_ISFIFO(status[i].st_mode) ||
			!(sys_call(SYS_fcntl, ends->at[i], F_GETFL) & O_NONBLOCK))
			return;
	if (status[0].st_dev != status[1].st_dev || status[0].st_ino != status[1].st_ino)
		return;
	(void)sys_call(SYS_close, ends->at[0]);
	(void)sys_call(SYS_close, ends->at[1]);
}

static void create_among_threads(void)
{
	struct ends ends;
	bool closes = find_free_ends(&ends);

	create();
	if (closes)
		close_ends(&ends);
}

static void create_alone(void)
{
	struct rlimit saved, none;

	if (sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &saved) != 0) {
		create_among_threads();
		return;
	}
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = saved.rlim_max };
	(void)sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, &none, NULL);
	create();
	(void)sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, &saved, NULL);
}

static void load(const char *library)
{
	/* if the program uses it, too, the pipe is in use perhaps */
	bool known = dlopen(library, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD) != NULL;
	void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);

	if (!handle || !resolve(handle))
		(void)dlerror(); /* a message that the program did not ask for */
	else if (known)
		create();
	else if (thread_is_alone())
		create_alone();
	else
		create_among_threads();
}

int unwind_start(const char *library)
{
	int saved = errno;

	if (!space)
		load(library ? library : LIBRARY);
	errno = saved;
	return space ? 0 : -ENOSYS;
}

static bool is_at_entry(const struct binary *binary, uintptr_t pc)
{
	/* in some C libraries _start has no tables; it is some 40 bytes long */
	return binary && binary->entry && pc - binary->entry < 64;
}

/* When the tables do not lead on, libunwind tries the frame pointer, and does not tell. */
static bool has_guessed(const struct walk *walk)
{
	return walk->no_tables || walk->no_register || walk->no_memory;
}

/* Where a step has led to. False: it is nowhere; *ret_end tells why. */
static bool read_step(const struct walk *walk, unw_cursor_t *cursor, const struct step *last,
	struct step *ret, enum unwind_end *ret_end)
{
	unw_word_t pc, sp;

	if (lib.get_reg(cursor, UNW_REG_IP, &pc) < 0 ||
		lib.get_reg(cursor, UNW_REG_SP, &sp) < 0) {
		*ret_end = UNWIND_BAD_FRAME;
		return false;
	}
	*ret_end = pc ? UNWIND_BAD_FRAME : UNWIND_COMPLETE;
	*ret = (struct step){ .pc = pc, .sp = sp,
		.is_exact = last->is_signal,
		.is_guess = last->is_guess || has_guessed(walk) };
	if (!target_is_code(walk->target, step_place(ret)))
		return false;
	/* a stack unwinds upwards; a leaf may have no frame, a handler a stack of its own */
	if (!last->is_signal && (sp < last->sp || (sp == last->sp && !last->is_exact)))
		return false;
	return !has_guessed(walk) || chain_returns_to(walk->target, pc);
}

/* Why libunwind cannot go on from @last. */
static enum unwind_end judge(const struct walk *walk, const struct step *last, int result,
	const struct binary **ret_where)
{
	const struct binary *binary =
		binaries_find(walk->binaries, walk->target, step_place(last));

	if (walk->bad_tables || walk->reads > READS_MAX) {
		*ret_where = binary;
		return UNWIND_BAD_TABLES;
	}
	if (has_guessed(walk) && is_at_entry(binary, last->pc))
		return UNWIND_COMPLETE;
	if (walk->no_tables) {
		*ret_where = binary;
		return target_is_code(walk->target, step_place(last)) ? UNWIND_NO_TABLES
								    : UNWIND_BAD_FRAME;
	}
	if (walk->no_register)
		return UNWIND_NO_REGISTER;
	if (walk->no_memory)
		return UNWIND_STACK_ENDS;
	return result == 0 ? UNWIND_COMPLETE : UNWIND_BAD_FRAME;
}

static unsigned walk_steps(struct walk *walk, unw_cursor_t *cursor, struct step *steps,
	unsigned max, enum unwind_end *ret_end, const struct binary **ret_where)
{
	unsigned count = 1;

	for (;; count++) {
		struct step *last = &steps[count - 1];
		struct step next;
		int result;

		walk->no_tables = walk->bad_tables = false;
		walk->no_register = walk->no_memory = false;
		last->is_signal = chain_is_signal(walk->target, last->pc);
		result = lib.step(cursor);
		if (result <= 0 || walk->bad_tables) {
			*ret_end = judge(walk, last, result, ret_where);
			return count;
		}
		if (!read_step(walk, cursor, last, &next, ret_end)) {
			if (*ret_end == UNWIND_BAD_FRAME && has_guessed(walk))
				*ret_end = judge(walk, last, result, ret_where);
			return count;
		}
		if (count == max) {
			*ret_end = UNWIND_TOO_MANY;
			return count;
		}
		steps[count] = next;
	}
}

/* 0: open; else the process of the thread that is inside. */
static atomic_int inside;

static bool enter(void)
{
	int nobody = 0;

	/* acquire: pairs with the release in leave(): what a walk has left in libunwind */
	return atomic_compare_exchange_strong_explicit(&inside, &nobody,
		(int)sys_call(SYS_getpid), memory_order_acquire, memory_order_relaxed);
}

static void leave(void)
{
	atomic_store_explicit(&inside, 0, memory_order_release);
}

static unsigned unwind_inside(struct walk *walk, struct unwind_work *work, struct step *steps,
	unsigned max, enum unwind_end *ret_end, const struct binary **ret_where)
{
	unw_cursor_t *cursor = (void *)work->cursor;

	if (lib.init_remote(cursor, space, walk) < 0) {
		*ret_end = UNWIND_NO_REGISTER;
		return 1;
	}
	return walk_steps(walk, cursor, steps, max, ret_end, ret_where);
}

unsigned unwind_steps(const struct snapshot *snapshot, const struct registers *from,
	struct target *target, struct binaries *binaries, struct unwind_work *work,
	struct step *steps, unsigned max, enum unwind_end *ret_end,
	const struct binary **ret_where)
{
	struct walk walk = { .snapshot = snapshot, .from = from, .target = target,
		.binaries = binaries };
	int saved = errno;
	unsigned count;

	*ret_where = NULL;
	if (!space || !enter()) {
		*ret_end = space ? UNWIND_BUSY : UNWIND_NO_UNWINDER;
		return chain_steps(snapshot, from, target, steps, max);
	}
	steps[0] = (struct step){ .pc = chain_strip(target, from->at[REGISTER_PC]),
		.sp = from->at[REGISTER_SP], .is_exact = true };
	count = unwind_inside(&walk, work, steps, max, ret_end, ret_where);
	leave();
	errno = saved;
	return count;
}
