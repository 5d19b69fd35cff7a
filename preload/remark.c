/* SPDX-License-Identifier: MIT */
/*
 * remark.c - a page of words, a stack to find them on, and names
 *
 * As a report of watch.c, a remark is made in memory that is mapped for it and given back,
 * and changes nothing in the host.
 */
#include <sys/mman.h>

#include "remark.h"
#include "aside.h"
#include "config.h"
#include "moved.h"
#include "report.h"

/* Names are looked up in memory that is mapped; for handlers of the program. */
#define STACK_SIZE (64 * 1024)

struct work {
	struct remark remark;
	const struct remark_form *form;
	const void *facts;
	char words[4 * LOG_TEXT_MAX]; /* objects are longer than lines */
	_Alignas(16) char stack[STACK_SIZE];
};

static void make(void *arg)
{
	struct work *work = arg;
	struct remark *remark = &work->remark;

	remark->places = places_open(sys_call(SYS_getpid));
	if (!work->form->put) {
		remark->text.max = LOG_LINE_MAX;
		work->form->say(remark, work->facts);
		work->words[remark->text.len] = '\0';
		log_line("%s", work->words);
		places_close(remark->places);
		return;
	}
	if (config.report_format == REPORT_FORMAT_JSON) {
		report_json_begin(
			&remark->text, work->form->event, facts_sequence(), facts_wall_ns());
		work->form->put(remark, work->facts);
		report_json_end(&remark->text);
	} else {
		remark->text.max = LOG_TEXT_MAX;
		log_begin(&remark->text);
		work->form->say(remark, work->facts);
	}
	log_say(&remark->text);
	places_close(remark->places);
}

void remark_make(const struct remark_form *form, const void *facts)
{
	long at = sys_call(SYS_mmap, 0, sizeof(struct work), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct work *work = (struct work *)at;
	int saved = errno;

	if (sys_failed(at))
		return;
	work->remark.text.bytes = work->words;
	work->remark.text.max = sizeof(work->words);
	work->form = form;
	work->facts = facts;
	aside_call(make, work, work->stack + STACK_SIZE);
	(void)sys_call(SYS_munmap, work, sizeof(*work));
	errno = saved;
}

/* What a plan has moved is named by the plan, in an object that is stripped, too. */
static struct place place_of_variable(struct remark *remark, uintptr_t address)
{
	size_t offset;
	const char *name;
	struct place place = place_of_data(
		remark->places, moved_origin(address, &name, &offset));

	if (!name || !place.binary || *place.name.text)
		return place;
	log_format(place.name.text, sizeof(place.name.text), "%s", name);
	place.name_offset = offset;
	return place;
}

static struct lock_fact fact_of(struct remark *remark, uintptr_t lock, bool here)
{
	struct lock_fact fact = { .lock = lock };

	if (here && remark->places)
		fact.place = place_of_variable(remark, lock);
	return fact;
}

static struct place place_of(struct remark *remark, uintptr_t pc, bool here)
{
	if (pc && remark->places && (here || place_is_site(remark->places, pc)))
		return place_of_code(remark->places, pc);
	return (struct place){ .address = pc, .offset = pc };
}

void remark_add_variable(struct remark *remark, uintptr_t address)
{
	struct lock_fact fact = fact_of(remark, address, true);

	report_add_lock(&remark->text, &fact);
}

void remark_add_lock(struct remark *remark, uintptr_t lock, bool here)
{
	struct lock_fact fact = fact_of(remark, lock, here);

	log_add(&remark->text, "lock ");
	report_add_lock(&remark->text, &fact);
}

void remark_add_place(struct remark *remark, uintptr_t pc, bool here)
{
	struct place place = place_of(remark, pc, here);

	if (pc)
		report_add_place(&remark->text, &place);
	else
		log_add(&remark->text, "an unknown place");
}

void remark_put_lock(struct remark *remark, const char *key, uintptr_t lock, bool here)
{
	struct lock_fact fact = fact_of(remark, lock, here);

	report_json_lock(&remark->text, key, &fact);
}

void remark_put_place(struct remark *remark, const char *key, uintptr_t pc, bool here)
{
	struct place place = place_of(remark, pc, here);

	report_json_place(&remark->text, key, &place);
}
