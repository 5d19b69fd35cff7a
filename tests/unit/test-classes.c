/* SPDX-License-Identifier: MIT */
/*
 * Description: every size has a class that is large enough and not much larger
 */
#include "classes.h"
#include "unit.h"

static bool is_small_enough(uint32_t class, uint32_t size)
{
	uint32_t waste = size_classes[class].size - size;

	return size <= 128 ? waste < 16 : waste * 5 <= size_classes[class].size;
}

static bool all_sizes_fit(void)
{
	for (uint32_t size = 1; size <= CLASS_SIZE_MAX; size++) {
		unsigned class = class_of(size);

		if (class < 1 || class > CLASSES || size_classes[class].size < size ||
			(class > 1 && size_classes[class - 1].size >= size) ||
			!is_small_enough(class, size)) {
			tap_note("size %u, class %u of %u", size, class, size_classes[class].size);
			return false;
		}
	}
	return true;
}

static bool indices_are_exact(void)
{
	for (unsigned class = 1; class <= CLASSES; class++)
		for (uint32_t offset = 0; offset < 65536; offset++)
			if (class_index(class, offset) != offset / size_classes[class].size) {
				tap_note("class %u, offset %u", class, offset);
				return false;
			}
	return true;
}

static bool blocks_fit_a_slab(void)
{
	for (unsigned class = 1; class <= CLASSES; class++) {
		const struct size_class *it = &size_classes[class];

		if (it->size % 16 || it->blocks != 65536 / it->size || it->blocks > 4096 ||
			it->list > 128 || it->list < 2 || !it->batch || it->batch >= it->list)
			return false;
	}
	return size_classes[CLASSES].size == CLASS_SIZE_MAX;
}

/* What aligned_alloc() looks for is never beyond the last. */
static bool alignments_have_classes(void)
{
	for (uint32_t alignment = 1; alignment <= CLASS_SIZE_MAX; alignment *= 2) {
		bool found = false;

		for (unsigned class = class_of(CLASS_SIZE_MAX); class >= 1; class--)
			found |= size_classes[class].size % alignment == 0;
		if (!found || size_classes[CLASSES].size % alignment)
			return false;
	}
	return true;
}

int main(void)
{
	test("sizes 1 to 32768 have the class that fits best", all_sizes_fit());
	test("a block's number is exact for each offset", indices_are_exact());
	test("a slab, and a list, hold what is said", blocks_fit_a_slab());
	test("the last class has all alignments", alignments_have_classes());
	return tap_done();
}
