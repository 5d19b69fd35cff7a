/* SPDX-License-Identifier: MIT */
/*
 * plan-file.c - a file that tells us to change code is believed last
 *
 * Who may write to a plan may change a program, so only its user may. It is read, and not
 * mapped: a file that is cut short under a mapping ends the host with SIGBUS. Then all is
 * checked that can be without the object: sizes against the size of the file, the sum, order,
 * and that every number names something that is there. So whoever applies the plan may use it
 * as it is.
 */
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "plan-file.h"
#include "text.h"

/* Displacements of four bytes, relative to the instruction: no other machine's code is so. */
#if defined(__x86_64__)
#define MACHINE EM_X86_64
#else
#define MACHINE EM_NONE
#endif

/* A program of 100 MiB of code has a million references at most. */
#define PLAN_SIZE_MAX (64 << 20)

static bool refuse(struct plan_refusal *refusal, const char *cause, const char *cure, uint64_t value)
{
	*refusal = (struct plan_refusal){ .cause = cause, .cure = cure, .value = value };
	return false;
}

static bool refuse_damaged(struct plan_refusal *refusal, const char *cause, uint64_t value)
{
	return refuse(refusal, cause, "make it again, with fondue plan", value);
}

static bool is_trusted(long fd, struct stat *status, struct plan_refusal *refusal)
{
	if (sys_call(SYS_fstat, fd, status) != 0)
		return refuse(refusal, "it cannot be looked at", "allow fstat in the sandbox", 0);
	if (!S_ISREG(status->st_mode))
		return refuse(refusal, "it is no regular file", "name the file that fondue plan wrote", 0);
	if (status->st_uid != (uid_t)sys_call(SYS_geteuid))
		return refuse(refusal, "it belongs to user %lu, not to who runs the program",
			"make a plan of your own, with fondue plan", status->st_uid);
	if (status->st_mode & (S_IWGRP | S_IWOTH))
		return refuse(refusal, "others may write to it", "chmod go-w", 0);
	if (status->st_size > PLAN_SIZE_MAX || status->st_size < (off_t)sizeof(struct plan_header))
		return refuse_damaged(refusal, "it has %lu bytes, and is no plan", status->st_size);
	return true;
}

/* Return: how much was read; the memory at *ret_bytes is the caller's. */
static long read_whole(long fd, size_t size, void **ret_bytes)
{
	long at = sys_call(SYS_mmap, 0, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t done = 0;

	if (sys_failed(at))
		return at;
	*ret_bytes = (void *)at;
	while (done < size) {
		long got = sys_call(SYS_read, fd, (char *)at + done, size - done);

		if (got <= 0 && got != -EINTR)
			break;
		done += got > 0 ? got : 0;
	}
	return done;
}

/* Where the parts lie; the size that they need is the size of the plan. */
static bool divide(struct plan *plan)
{
	const struct plan_header *h = plan->header;
	uint64_t size = sizeof(*h) + h->variables * (uint64_t)sizeof(*plan->variables) +
			h->references * (uint64_t)sizeof(*plan->references) +
			h->pointers * (uint64_t)sizeof(*plan->pointers) + h->strings;

	plan->variables = (const void *)(h + 1);
	plan->references = (const void *)(plan->variables + h->variables);
	plan->pointers = (const void *)(plan->references + h->references);
	plan->strings = (const void *)(plan->pointers + h->pointers);
	return size == h->size;
}

static bool is_string(const struct plan *plan, uint32_t at)
{
	return at < plan->header->strings;
}

static bool has_good_strings(const struct plan *plan)
{
	const struct plan_header *h = plan->header;

	return h->strings && !plan->strings[h->strings - 1] && is_string(plan, h->name);
}

/* Disjoint and in order; none wraps around. */
static bool has_good_variables(const struct plan *plan)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < plan->header->variables; i++) {
		const struct plan_variable *v = &plan->variables[i];

		if (!v->size || v->address < end || v->address + v->size < v->address ||
			!is_string(plan, v->name))
			return false;
		end = v->address + v->size;
	}
	return plan->header->variables > 0;
}

static bool has_good_references(const struct plan *plan)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < plan->header->references; i++) {
		const struct plan_reference *r = &plan->references[i];

		if (r->at < end || r->at > UINT64_MAX - 4 || r->variable >= plan->header->variables)
			return false;
		end = r->at + 4;
	}
	return true;
}

/* What a pointer holds is an address in its variable, or its end. */
static bool has_good_pointers(const struct plan *plan)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < plan->header->pointers; i++) {
		const struct plan_pointer *p = &plan->pointers[i];
		const struct plan_variable *v;

		if (p->at < end || p->at > UINT64_MAX - 8 || p->variable >= plan->header->variables)
			return false;
		v = &plan->variables[p->variable];
		if (p->value < v->address || p->value - v->address > v->size)
			return false;
		end = p->at + 8;
	}
	return true;
}

/* Whole pages, and nothing else. */
static bool is_good_if_of_pages(const struct plan *plan)
{
	const struct plan_header *h = plan->header;

	if (!plan_is_of_pages(plan))
		return true;
	for (uint32_t i = 0; i < h->variables; i++)
		if ((plan->variables[i].address | plan->variables[i].size) % PLAN_PAGE_SIZE)
			return false;
	return h->variables <= PLAN_PAGES_MAX && !h->references && !h->pointers;
}

bool plan_parse(const void *bytes, size_t size, struct plan *ret, struct plan_refusal *ret_refusal)
{
	const struct plan_header *h = bytes;

	*ret = (struct plan){ .header = h };
	for (unsigned i = 0; i < sizeof(h->magic); i++)
		if (size < sizeof(*h) || h->magic[i] != PLAN_MAGIC[i])
			return refuse_damaged(ret_refusal, "it is no plan", 0);
	if (h->version != PLAN_VERSION && h->version != PLAN_OF_PAGES)
		return refuse_damaged(ret_refusal, "it is of version %lu, unknown to this runtime", h->version);
	if (h->machine != MACHINE)
		return refuse(ret_refusal, "it is for machine %lu (ELF's number), not for this one",
			"annotate the variables instead", h->machine);
	if (h->size != size || !divide(ret))
		return refuse_damaged(ret_refusal, "it is cut short or damaged", 0);
	if (h->sum != plan_sum(h, size))
		return refuse_damaged(ret_refusal, "it is damaged", 0);
	if (h->id_size == 0 || h->id_size > sizeof(h->id))
		return refuse_damaged(ret_refusal, "it names no build-id", 0);
	if (!has_good_strings(ret) || !has_good_variables(ret) || !has_good_references(ret) ||
		!has_good_pointers(ret) || !is_good_if_of_pages(ret))
		return refuse_damaged(ret_refusal, "it contradicts itself", 0);
	return true;
}

bool plan_read(const char *path, struct plan *ret, struct plan_refusal *ret_refusal)
{
	long fd = sys_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat status;
	void *bytes = NULL;
	long got;

	if (fd < 0)
		return refuse(ret_refusal, "it cannot be opened (error %lu)",
			"FONDUE_PLAN has to name files that fondue plan wrote", -fd);
	if (!is_trusted(fd, &status, ret_refusal)) {
		(void)sys_call(SYS_close, fd);
		return false;
	}
	got = read_whole(fd, status.st_size, &bytes);
	(void)sys_call(SYS_close, fd);
	if (got < 0)
		return refuse(ret_refusal, "there is no memory for it", "raise ulimit -v", 0);
	if (got == status.st_size && plan_parse(bytes, got, ret, ret_refusal)) {
		ret->mapped = status.st_size;
		return true;
	}
	if (got != status.st_size)
		(void)refuse_damaged(ret_refusal, "it cannot be read as a whole", 0);
	(void)sys_call(SYS_munmap, bytes, status.st_size);
	return false;
}

void plan_close(struct plan *plan)
{
	if (plan->mapped)
		(void)sys_call(SYS_munmap, plan->header, plan->mapped);
	plan->mapped = 0;
}
