/* SPDX-License-Identifier: MIT */
/*
 * proof.h - may the pages of this object be shared? yes with a proof, or no with a reason
 */
#pragma once

#include "image.h"
#include "note.h"

/* Why an object stays private. Texts: refusal_cause(), refusal_cure(). */
enum reason {
	REASON_NONE,
	/* the note */
	REASON_NOTE_DAMAGED,
	REASON_NOTE_VERSION,
	REASON_NOTES_DISAGREE,
	REASON_TOO_MANY_SEGMENTS,
	/* the layout */
	REASON_SECTION_MOVED,
	REASON_BACKWARDS,
	REASON_HEAD_OUTSIDE,
	REASON_PAGE_LARGER,
	REASON_START_UNALIGNED,
	REASON_STOP_UNALIGNED,
	REASON_OUTSIDE,
	REASON_NOT_WRITABLE,
	REASON_EXECUTABLE,
	REASON_RELRO,
	REASON_FOREIGN,
	REASON_RANGES_OVERLAP,
	REASON_BINDING,
	/* other objects */
	REASON_COPY_RELOCATION,
	REASON_INTERPOSED,
	/* the process and the kernel */
	REASON_MAPPING,
	REASON_NO_MEMORY,
	REASON_DENIED,
	REASON_AFTER_FORK,
	REASON_THREADS,
	REASON_NAMESPACE,
	REASON_COUNT
};

struct refusal {
	enum reason reason;
	const char *kind;   /* section it is about, or NULL */
	const char *symbol; /* variable it is about, or NULL */
	uint64_t value;	    /* an address, a version or an error number, as the cause says */
};

/* What went wrong; may hold one %lx or %lu for refusal.value. */
const char *refusal_cause(enum reason reason);
/* What the user can do about it. */
const char *refusal_cure(enum reason reason);

struct range {
	uint64_t start;
	uint64_t stop;
	uint64_t file_end; /* from here on it was zero-filled at load */
	const char *lost;  /* advice on the pages that sharing could not keep, or NULL */
};

struct proof {
	const struct image *image;
	unsigned notes; /* understood so far */
	uint32_t align; /* the smallest FONDUE_ALIGN among them */
	struct range ranges[KIND_COUNT];
	uint64_t binding;
	struct refusal refusal; /* the first reason found */
};

/* Begin with no notes; @image must outlive the proof. */
void proof_begin(struct proof *proof, const struct image *image);

/* Take the result of one note_next(), other than NOTE_END, into account. */
void proof_add(struct proof *proof, enum note_result result, const struct note *note);

/*
 * proof_finish() - after the last note: is every range isolated?
 *
 * Return: true when ranges[] may be shared. An object may have notes and nothing to share:
 * then the ranges are empty.
 */
bool proof_finish(struct proof *proof);

/* Do all bytes of [start, end) lie in one of the ranges? */
static inline bool proof_holds(const struct proof *proof, uint64_t start, uint64_t end)
{
	for (unsigned kind = 0; kind < KIND_COUNT; kind++)
		if (proof->ranges[kind].start <= start && end <= proof->ranges[kind].stop &&
			start < end)
			return true;
	return false;
}

/* Is there anything to share? */
static inline bool proof_has_variables(const struct proof *proof)
{
	for (unsigned kind = 0; kind < KIND_COUNT; kind++)
		if (proof->ranges[kind].start != proof->ranges[kind].stop)
			return true;
	return false;
}

/* May the runtime write to the object's binding? Asks the layout only, not the notes. */
bool proof_binding_is_private(const struct proof *proof);

/* Record the reason, unless there is one already. Return: false. */
static inline bool proof_refuse(struct proof *proof, enum reason reason, const char *kind,
	uint64_t value)
{
	if (!proof->refusal.reason)
		proof->refusal = (struct refusal){
			.reason = reason, .kind = kind, .value = value };
	return false;
}
