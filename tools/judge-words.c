/* SPDX-License-Identifier: MIT */
/*
 * judge-words.c - two values of a word, and what such a word may be
 *
 * Nothing is known of a program but the bytes that a child has changed; yet most words give
 * themselves away. A process id is one of those that were seen. A time lies between the
 * start of the run and now, in seconds or in one of their parts. A pointer points at
 * something. A counter has grown, a little. Only what is none of the others may be a counter:
 * so the order of these questions is that of their certainty.
 */
#include <string.h>

#include "judge-names.h"
#include "judge-words.h"
#include "memory.h"

/* Some systems number from 1, where small counters are: of those, only the name may tell. */
#define PID_MIN 300

/*
 * Growth per microsecond that is still counting: 4 GB in a second, were it bytes. A seed of
 * 32 bits jumps by half its range within a child's life of milliseconds.
 */
#define GROWTH_PER_US 4000
/* Less is growth in any case: a short life is measured badly. */
#define GROWTH_SMALL (UINT64_C(1) << 24)

/* Bits in one word, and the least value, that no counter from 0 reaches by chance. */
#define BITS_MIN   4
#define BITS_VALUE (UINT64_C(1) << 20)

struct look {
	const struct kin *kin;
	const struct seen_change *change;
	const char *name; /* of the variable, or NULL */
	bool is_text;	  /* bytes of this change are letters */
	bool is_array;	  /* there is more than one number in the variable */
};

static int64_t extend(uint64_t bits, unsigned width)
{
	unsigned shift = width < 8 ? 64 - 8 * width : 0;

	return (int64_t)(bits << shift) >> shift;
}

static bool is_unsigned(const struct word *word)
{
	return word->encoding == SEEN_UNSIGNED || word->encoding == SEEN_CHARACTER ||
	       word->encoding == SEEN_BOOLEAN;
}

static long double real(const struct word *word, uint64_t bits)
{
	double whole;
	float half;

	if (word->width == sizeof(half)) {
		memcpy(&half, &bits, sizeof(half));
		return half;
	}
	memcpy(&whole, &bits, sizeof(whole));
	return whole;
}

long double words_value(const struct word *word, uint64_t bits)
{
	if (word->encoding == SEEN_REAL)
		return real(word, bits);
	if (is_unsigned(word))
		return bits;
	return extend(bits, word->width);
}

const char *words_class_name(enum word_class class)
{
	static const char *const names[WORD_CLASSES] = { "counter", "result", "bits", "flag",
		"lowered", "reset", "jump", "cursor", "descriptor", "text", "pid", "time",
		"shared pointer", "private pointer", "pointer", "other" };

	return names[class];
}

/* 1: surely text of letters; a histogram of bytes has any values. */
static bool is_letter(uint64_t byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == ' ';
}

static bool is_printable(uint64_t byte)
{
	return (byte >= ' ' && byte < 0x7f) || byte == '\n' || byte == '\t' || byte == '\r';
}

static bool has_text(const struct seen_change *change, const struct seen_variable *variable)
{
	size_t bytes = 0, printable = 0, letters = 0;

	for (size_t i = 0; i < change->word_count; i++) {
		const struct seen_word *word = &change->words[i];

		if (word->width != 1 || !(word->after ? word->after : word->before))
			continue;
		bytes++;
		printable += is_printable(word->after ? word->after : word->before);
		letters += is_letter(word->after ? word->after : word->before);
	}
	if (variable->type && !strncmp(variable->type, "char", 4) && bytes)
		return printable * 5 >= bytes * 4;
	return bytes >= 4 && printable == bytes && letters * 2 >= bytes;
}

/* Letters in a word of which nothing is known, perhaps with zeros behind them. */
static bool is_text_word(const struct word *word)
{
	unsigned length = 0;

	if (word->width != 8 || word->encoding != SEEN_UNKNOWN)
		return false;
	while (length < 8 && word->after >> 8 * length & 0xff)
		if (!is_printable(word->after >> 8 * length++ & 0xff))
			return false;
	return length >= 4 && (length == 8 || !(word->after >> 8 * length));
}

static bool is_pid(const struct look *look, const struct word *word)
{
	return word->width >= 4 && word->after >= PID_MIN && kin_is_pid(look->kin, word->after);
}

static bool is_near(long double value, long double start, long double unit, uint64_t at_us)
{
	return value >= unit * (start - 2) && value <= unit * (start + 2 + at_us / 1e6L);
}

/* Of seconds since the machine was started, a small number, only the name is proof. */
static bool is_time(const struct look *look, const struct word *word)
{
	long double value = words_value(word, word->after);
	uint64_t start = look->kin->seen->start_time_s,
		 other = look->kin->seen->start_monotonic_s;
	uint64_t at = look->change->at_us;

	if (word->member && names_is_time(word->member))
		return true;
	if (word->width < 4 || !start)
		return false;
	if (names_is_time(look->name) && is_near(value, other, 1, at))
		return true;
	for (long double unit = 1; unit <= 1e9L; unit *= 1000)
		if (is_near(value, start, unit, at) ||
			(other && unit > 1 && other * unit > 1e6L &&
				is_near(value, other, unit, at)))
			return true;
	return false;
}

static bool is_private(enum seen_class class)
{
	return class == SEEN_HEAP || class == SEEN_STACK;
}

/* Return: WORD_OTHER when it is no pointer. */
static enum word_class pointer_class(const struct seen_word *seen)
{
	if (seen->width != 8)
		return WORD_OTHER;
	if (is_private(seen->is_class))
		return WORD_PRIVATE;
	if (seen->is_class == SEEN_SHARED)
		return WORD_SHARED;
	if (seen->encoding == SEEN_POINTER || seen->is_class != SEEN_NUMBER)
		return WORD_POINTER;
	return seen->was_class != SEEN_NUMBER && !seen->after ? WORD_POINTER : WORD_OTHER;
}

static bool is_bits(const struct word *word)
{
	return word->encoding != SEEN_SIGNED && !(word->before & ~word->after) &&
	       word->after >= BITS_VALUE &&
	       __builtin_popcountll(word->after ^ word->before) >= BITS_MIN;
}

static bool is_jump(const struct look *look, uint64_t growth)
{
	uint64_t age = kin_age(look->kin->seen, look->change->process, look->change->at_us);

	return growth > GROWTH_SMALL && growth / GROWTH_PER_US > age;
}

static bool is_little(int64_t value)
{
	return value >= -1 && value <= 1;
}

static enum word_class real_class(const struct word *word)
{
	long double before = words_value(word, word->before);
	long double after = words_value(word, word->after);

	if (after == 0)
		return WORD_RESET;
	return after < before && after > 0 ? WORD_LOWERED : WORD_RESULT;
}

static enum word_class number_class(const struct look *look, const struct word *word)
{
	int64_t before = extend(word->before, word->width);
	int64_t after = extend(word->after, word->width);
	bool is_up = is_unsigned(word) ? word->after > word->before : after > before;

	if (word->encoding == SEEN_BOOLEAN || (is_little(before) && is_little(after)))
		return WORD_FLAG;
	if (word->width <= 4 && !is_unsigned(word) &&
		((before == -1 && after < 1024) || (after == -1 && before < 1024)))
		return WORD_DESCRIPTOR;
	if (!after)
		return WORD_RESET;
	if (look->is_array && is_bits(word) && is_jump(look, word->after - word->before))
		return WORD_BITS;
	if (!is_up)
		return WORD_LOWERED;
	if (before < 0 && !is_unsigned(word))
		return WORD_OTHER;
	if (is_jump(look, word->after - word->before))
		return WORD_JUMP;
	return word->member && names_is_position(word->member) ? WORD_CURSOR : WORD_COUNTER;
}

static enum word_class class_of(
	const struct look *look, const struct word *word, const struct seen_word *seen)
{
	enum word_class pointer = pointer_class(seen);

	if (pointer != WORD_OTHER && word->width == 8)
		return pointer;
	if (is_pid(look, word))
		return WORD_PID;
	if (is_time(look, word))
		return WORD_TIME;
	if ((word->width == 1 && look->is_text) || is_text_word(word))
		return WORD_TEXT;
	if (word->encoding == SEEN_REAL)
		return real_class(word);
	return number_class(look, word);
}

/* Of 4096 exponents a hash hits these 64 by chance, a double that was computed few others. */
static bool is_exponent(uint64_t bits)
{
	uint64_t exponent = bits >> 52 & 0x7ff;

	return exponent >= 1023 - 20 && exponent < 1023 + 44;
}

/* Without debug information a double is only known by what it looks like. */
static bool is_double(const struct seen_word *word)
{
	return word->encoding == SEEN_UNKNOWN && word->width == 8 &&
	       word->is_class == SEEN_NUMBER && is_exponent(word->after) &&
	       (!word->before || is_exponent(word->before));
}

/* Without debug information: two small numbers, or a negative one and another? */
static bool is_pair(const struct seen_word *word)
{
	uint64_t before = word->before >> 32, after = word->after >> 32;

	if (word->encoding != SEEN_UNKNOWN || word->width != 8 ||
		word->was_class != SEEN_NUMBER || word->is_class != SEEN_NUMBER)
		return false;
	if (after == UINT32_MAX && (uint32_t)word->after < INT32_MAX)
		return true;
	return (before || after) && before < 1 << 24 && after < 1 << 24;
}

static size_t add_word(
	const struct look *look, const struct seen_word *seen, unsigned half, struct word *ret)
{
	struct word word = { seen->offset, seen->width, seen->encoding, seen->member,
		seen->before, seen->after, WORD_OTHER };

	if (is_double(seen)) {
		word.encoding = SEEN_REAL;
		if (half)
			return 0;
	} else if (is_pair(seen)) {
		word.offset += 4 * half;
		word.width = 4;
		word.before = (uint32_t)(seen->before >> 32 * half);
		word.after = (uint32_t)(seen->after >> 32 * half);
	} else if (half) {
		return 0;
	}
	if (word.before == word.after)
		return 0;
	word.class = class_of(look, &word, seen);
	*ret = word;
	return 1;
}

size_t words_judge(const struct kin *kin, const struct seen_change *change, struct word **ret)
{
	const struct seen_variable *variable = &kin->seen->variables[change->variable];
	struct look look = { kin, change, variable->name, has_text(change, variable),
		variable->size > 8 };
	size_t count = 0;

	*ret = memory_get(2 * change->word_count * sizeof(**ret));
	for (size_t i = 0; i < change->word_count; i++)
		for (unsigned half = 0; half < 2; half++)
			count += add_word(&look, &change->words[i], half, *ret + count);
	return count;
}
