/* SPDX-License-Identifier: MIT */
/*
 * remark.c - begin, name, end
 */
#include <sys/mman.h>

#include "remark.h"

/* What is mapped for a remark. */
struct remark {
	struct log_text text;
	char bytes[LOG_TEXT_MAX];
};

struct log_text *remark_begin(void)
{
	long at = sys_call(SYS_mmap, 0, sizeof(struct remark), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct remark *remark = (struct remark *)at;

	if (sys_failed(at))
		return NULL;
	remark->text.bytes = remark->bytes;
	remark->text.max = sizeof(remark->bytes);
	log_begin(&remark->text);
	return &remark->text;
}

void remark_end(struct log_text *text)
{
	log_say(text);
	(void)sys_call(SYS_munmap, text, sizeof(struct remark));
}

void remark_add_lock(struct log_text *text, uintptr_t lock)
{
	log_add(text, "lock at 0x%lx", (unsigned long)lock);
}

void remark_add_place(struct log_text *text, uintptr_t pc)
{
	if (pc)
		log_add(text, "0x%lx", (unsigned long)pc);
	else
		log_add(text, "an unknown place");
}
