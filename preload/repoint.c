/* SPDX-License-Identifier: MIT */
/*
 * repoint.c - the slots of calls
 *
 * An object calls a function of another one through a slot that the loader fills: when it
 * loads the object (GLOB_DAT, or a pointer among the data), or at the first call
 * (JUMP_SLOT), until when the slot leads back into the object itself. We know which by
 * name, and change what holds exactly the function that our door goes on to, or will hold
 * it. So whatever else somebody has put there is left alone: another library's function,
 * the program's own.
 *
 * "What objects are bound to" is found by dlsym(RTLD_DEFAULT). It may be that the program
 * does not define the function and has an address for it all the same: in a program that is
 * not position independent a function's address is that of the program's own stub, which
 * calls through a slot; to go on to that from the door, which is in that slot, would never
 * end. Then the next definition is the right one.
 *
 * Libc itself, the loader and we are not changed.
 *
 * Nor is what another thread is just loading, see repoint_silent(): the loader fills all
 * slots of an object, and makes some of them read-only then. Who makes those writable, and
 * read-only again, before it is done has the loader, or us, write to what is read-only.
 */
#include <link.h>
#include <stdatomic.h>

#include "repoint.h"
#include "log.h"
#include "moved.h"
#include "opened.h"
#include "relocations.h"
#include "text.h"

static const struct doors *doors;
static const struct door *list; /* NULL: nobody has needed it yet */
static unsigned count;
static bool is_open;

/*
 * Who makes a page writable must not have it closed by another thread that has come later.
 * The number of the process and of the thread that is at it: in a child, which has its
 * parent's, it is nobody's, and no page is needed for that.
 */
static _Atomic uint64_t busy;

static uint64_t loads_seen = UINT64_MAX; /* modules_count_loads() when all had been looked at */

void repoint_start(const struct doors *all)
{
	doors = all;
}

/* Finding what is behind the doors */

static void *next_of(const struct door *door)
{
	return *(void **)door->next;
}

#define IS_STUB 1
#define NO_STUB -1

/* Is @address in the program, under a name that the program does not define? */
static int look_for_stub(const struct module *program, void *address)
{
	uintptr_t at = *(uintptr_t *)address;
	struct relocations r = relocations_of_calls(program);
	size_t symbols;

	if (!r.symbols || !module_segment(program, PT_LOAD, at, 1))
		return NO_STUB;
	symbols = relocations_count_symbols(program);
	for (size_t i = 1; i < symbols; i++)
		if (r.symbols[i].st_shndx == SHN_UNDEF && r.symbols[i].st_value &&
			program->base + r.symbols[i].st_value == at)
			return IS_STUB;
	return NO_STUB; /* only the first object is the program */
}

static void find(const struct door *door)
{
	void *next = doors->find(door->name, false);

	if (next && modules_visit(look_for_stub, &next) == IS_STUB)
		next = doors->find(door->name, true);
	*(void **)door->next = next;
}

static void open_doors(void)
{
	is_open = true;
	for (unsigned i = 0; i < count; i++)
		find(&list[i]);
	doors->open();
}

/* Slots */

static bool has_list(void)
{
	if (!list)
		list = doors->list(&count);
	return list != NULL;
}

/* What most programs need of libc is not told apart from doors by looking through all of them. */
static bool is_for_threads(const char *name)
{
	return text_begins(name, "pthread_") || text_begins(name, "mtx_") ||
	       text_begins(name, "cnd_") || text_begins(name, "sem_") ||
	       text_equals(name, "dlopen");
}

/* glibc has many of its functions by a second name, too. */
static const struct door *door_to(const char *name)
{
	if (text_begins(name, "__pthread_"))
		name += 2;
	if (!is_for_threads(name) || !has_list())
		return NULL;
	for (unsigned i = 0; i < count; i++)
		if (list[i].function && text_equals(name, list[i].name))
			return &list[i];
	return NULL;
}

/* Over objects of which some may just be loaded, by another thread. */
struct walk {
	bool is_beside;	    /* it may be so */
	bool is_incomplete; /* it was, and something has been left to the next walk */
};

struct job {
	const struct module *module;
	struct walk *walk;
	struct opened opened;
	long error; /* why slots could not be changed */
};

/*
 * A door that leads nowhere is for no one; what stands in a slot is what it goes on to, or
 * will be: of a call, of symbol @call (0: no call), that has not been bound yet.
 */
static bool leads_on(
	const struct job *job, const struct door *door, uintptr_t holds, size_t call)
{
	void *next = next_of(door);

	if (!next || (void *)holds == next)
		return next;
	return call && module_segment(job->module, PT_LOAD, holds, 1) &&
	       !doors->is_other(door->name, relocations_version(job->module, call));
}

/* The loader has not come to this slot yet. */
static bool is_unfilled(const struct job *job, uintptr_t holds)
{
	uintptr_t base = job->module->base;

	return !holds || (base && module_segment(job->module, PT_LOAD, base + holds, 1));
}

static void change(struct job *job, uintptr_t at, const struct door *door)
{
	long error = 0;

	if (job->walk->is_beside &&
		!opened_is_settled(&job->opened, job->module, at, sizeof(at))) {
		job->walk->is_incomplete = true;
		return;
	}
	if (moved_place(at) == at) /* what a plan has moved is open */
		error = opened_add(&job->opened, job->module, at, sizeof(at));
	if (error)
		job->error = error;
	else
		/*
		 * release: what is behind the door, before it; pairs with the call through
		 * the slot
		 */
		atomic_store_explicit((_Atomic uintptr_t *)moved_place(at),
			(uintptr_t)door->function, memory_order_release);
}

static void look_at(struct job *job, const struct relocations *r, const ElfW(Rela) * relocation,
	bool is_call)
{
	const ElfW(Sym) *symbol = relocation_symbol(r, relocation);
	uintptr_t at = job->module->base + relocation->r_offset;
	const struct door *door;
	uintptr_t holds;

	if (symbol->st_shndx != SHN_UNDEF || (!is_call && relocation->r_addend))
		return;
	door = door_to(r->names + symbol->st_name);
	if (!door)
		return;
	if (!is_open)
		open_doors();
	holds = *(const volatile uintptr_t *)moved_place(at);
	if (leads_on(job, door, holds, is_call ? ELF64_R_SYM(relocation->r_info) : 0))
		change(job, at, door);
	else if (next_of(door) && is_unfilled(job, holds))
		job->walk->is_incomplete = true;
}

static void say_denied(const struct job *job)
{
	static atomic_bool told;

	if (!atomic_exchange(&told, true))
		log_line(
			"%s: its slots may not be written to (error %lu): locks that it shares are "
			"process-shared only if it makes them so; allow mprotect in the sandbox's "
			"policy",
			job->module->name, (unsigned long)-job->error);
}

static void repoint(const struct module *module, struct walk *walk)
{
	struct job job = { .module = module, .walk = walk };
	struct relocations data = relocations_of(module), calls = relocations_of_calls(module);
	size_t first_defined = relocations_first_defined(module);

	opened_begin(&job.opened, getpagesize());
	for (size_t i = 0; i < data.count; i++)
		if (relocation_is_address(&data.first[i]) &&
			ELF64_R_SYM(data.first[i].r_info) < first_defined)
			look_at(&job, &data, &data.first[i], false);
	for (size_t i = 0; i < calls.count; i++)
		look_at(&job, &calls, &calls.first[i], true);
	opened_close_data(&job.opened);
	if (job.error)
		say_denied(&job);
}

/* Objects */

/* The program never is, whatever functions of libc it has of its own. */
static bool is_behind(const struct module *module)
{
	if (module_is_underneath(module))
		return true;
	for (unsigned i = 0; is_open && !module->is_program && i < count; i++)
		if (module_segment(module, PT_LOAD, (uintptr_t)next_of(&list[i]), 1))
			return true;
	return false;
}

static int visit(const struct module *module, void *arg)
{
	if (module->dynamic && !is_behind(module))
		repoint(module, arg);
	return 0;
}

struct arrival {
	uintptr_t code;
	struct walk walk;
};

static int visit_arrival(const struct module *module, void *arg)
{
	struct arrival *arrival = arg;

	if (!module_segment(module, PT_LOAD, arrival->code, 1))
		return 0;
	(void)visit(module, &arrival->walk);
	return 1;
}

static uint64_t self(void)
{
	return (uint64_t)sys_call(SYS_getpid) << 32 | (uint32_t)sys_call(SYS_gettid);
}

static bool take_from(uint64_t there, uint64_t mine)
{
	/* acquire: what the last one has changed; pairs with the release in end() */
	return atomic_compare_exchange_strong_explicit(
		&busy, &there, mine, memory_order_acquire, memory_order_relaxed);
}

/* A walk takes a thousand times less; whoever waits for so long waits in vain. */
#define TURNS 100000

/*
 * Return: false: somebody is at it already, whom a signal handler of this thread
 * interrupts.
 */
static bool begin(void)
{
	uint64_t mine = self();

	for (unsigned i = 0; i < TURNS; i++) {
		uint64_t there = atomic_load_explicit(&busy, memory_order_relaxed);

		if (there == mine)
			return false;
		if ((!there || there >> 32 != mine >> 32) && take_from(there, mine))
			return true;
		(void)sys_call(SYS_sched_yield);
	}
	return false;
}

static void end(void)
{
	/* release: the slots before it; pairs with the acquire in take_from() */
	atomic_store_explicit(&busy, 0, memory_order_release);
}

static void repoint_by(
	int (*visit_modules)(int (*)(const struct module *, void *), void *), struct walk walk)
{
	uint64_t loads = modules_count_loads();

	if (loads == loads_seen || !begin())
		return;
	visit_modules(visit, &walk);
	if (!walk.is_beside || !walk.is_incomplete)
		loads_seen = loads;
	end();
}

void repoint_all(void)
{
	int saved = errno;

	if (doors)
		repoint_by(modules_visit, (struct walk){ .is_beside = false });
	errno = saved;
}

void repoint_silent(void)
{
	int saved = errno;

	if (is_open)
		repoint_by(modules_visit_held, (struct walk){ .is_beside = true });
	errno = saved;
}

void repoint_arrival(uintptr_t code)
{
	struct arrival arrival = { .code = code };
	int saved = errno;

	if (loads_seen == UINT64_MAX)
		repoint_all();
	if (!doors || modules_count_loads() == loads_seen || !begin())
		return;
	modules_visit(visit_arrival, &arrival);
	end();
	errno = saved;
}
