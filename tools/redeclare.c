/* SPDX-License-Identifier: MIT */
/*
 * redeclare.c - what is declared once may be declared twice, and attributes add up
 *
 * In C a variable of a file may be declared as often as one likes; the definition then has
 * the attributes of all declarations before it. So a header that the compiler is told to
 * include first (-include) can put variables into section `shared`, and includes
 * <fondue/shared.h>, which sees to all the rest. The declaration of one that is not static
 * does nothing in files that do not define it, so one header may serve all; that of a static
 * one would make a variable in each, so it has a header of its own, for its file alone.
 *
 * The header compiles wherever the program does, or there is none: what could not be
 * repeated is refused here. A compiler may have been told to warn of things that are no
 * errors; the header counts as a system header, in which it does not.
 */
#include <dwarf.h>
#include <string.h>

#include "memory.h"
#include "prelude.h"
#include "redeclare.h"
#include "say.h"

/* From here on a variable without contents is worth a section without contents. */
#define ZERO_MIN 4096

const char *redeclare_word(const struct definition *definition)
{
	return definition->is_zero && definition->place.size >= ZERO_MIN ?
		       "FONDUE_SHARED_ZERO" :
		       "FONDUE_SHARED";
}

char *redeclare_where(const struct definition *definition)
{
	return memory_format("%s:%d", definition_file(definition), definition->place.line);
}

const char *redeclare_by_hand(const struct definition *definition)
{
	return memory_format("annotate %s by hand, or see `fondue annotate --emit-objcopy`",
		redeclare_where(definition));
}

static const char *by_hand(const struct definition *definition, const char *why)
{
	return memory_format("%s; %s", why, redeclare_by_hand(definition));
}

static bool is_among(const char *section, const char *const *names)
{
	while (*names && strcmp(section, *names) != 0 &&
		(strncmp(section, *names, strlen(*names)) != 0 ||
			section[strlen(*names)] != '.'))
		names++;
	return *names != NULL;
}

const char *redeclare_never(const struct definition *definition)
{
	static const char *const usual[] = { ".data", ".bss", ".ldata", ".lbss", ".sdata",
		".sbss", ".tm_clone_table", NULL };
	static const char *const constant[] = { ".rodata", ".lrodata", ".data.rel.ro", NULL };
	const char *section = definition->section;

	if (!definition->is_c && !definition->is_cplusplus)
		return "it is of a file that is neither C nor C++";
	if (!section)
		return "it has no place in the object";
	if (!strcmp(section, "shared") || !strcmp(section, "shared_zero"))
		return "it is annotated already";
	if (is_among(section, constant))
		return "it is read-only";
	if (!is_among(section, usual))
		return memory_format("its source puts it into section %s", section);
	return NULL;
}

/* Of what cannot be declared twice, or not from outside. */
static const char *refuse_kind(const struct definition *definition)
{
	const struct place *place = &definition->place;

	if (redeclare_never(definition))
		return redeclare_never(definition);
	if (place->function)
		return by_hand(
			definition, memory_format("it is static in %s(), where no declaration "
						  "reaches it",
					    place->function));
	if (strstr(place->name, "::"))
		return by_hand(definition, "it is in a namespace or a class");
	if (definition->is_static && definition->is_cplusplus)
		return by_hand(
			definition, "it is static, and C++ lets that be declared once only");
	if (definition->is_renamed)
		return by_hand(definition, "its source gives it another name for the linker");
	if (!definition->unit)
		return "its file is not known";
	return NULL;
}

/* In every file that the header is for. */
static const char *namesake(const struct definitions *all, const char *name,
	const struct definition *definition, const char *file)
{
	const char *found = definitions_namesake(all, name, definition->unit, definition);

	return found || file ? found : definitions_namesake(all, name, NULL, definition);
}

static const char *refuse_names(
	const struct definitions *all, const struct definition *definition, const char *file)
{
	const char *name = definition->place.name, *other;

	for (size_t i = 0; i < all->count; i++)
		if (all->list[i].place.address == definition->place.address &&
			all->list[i].unit && strcmp(all->list[i].unit, definition->unit) != 0)
			return memory_format(
				"both %s and %s define it, which only -fcommon allows; "
				"make one of them extern",
				all->list[i].unit, definition->unit);
	if (definition->is_static && !file)
		return memory_format(
			"it is static in %s, so its header is for that file alone; "
			"write --file=%s",
			definition->unit, definition->unit);
	other = file ? NULL : definitions_namesake(all, name, NULL, definition);
	if (other)
		return memory_format(
			"%s has another %s; write --file=%s, and include the header "
			"in that file alone",
			other, name, definition->unit);
	other = namesake(all, "shared", definition, file);
	if (!other)
		other = namesake(all, "shared_zero", definition, file);
	return other ? memory_format(
			       "%s has a symbol `shared` or `shared_zero`, which are names "
			       "of sections; rename that",
			       other) :
		       NULL;
}

static char *absolute(const struct definition *definition, const char *path)
{
	return *path == '/' || !definition->directory ?
		       memory_copy(path) :
		       memory_format("%s/%s", definition->directory, path);
}

static const char *refuse_needed(
	struct redeclaration *ret, const struct definition *definition, const char *file)
{
	const char *unit = absolute(definition, definition->unit), *declared, *why;
	const char *name = declaration_type_name(&ret->declaration.needed[0]);
	char *prelude;

	for (size_t i = 0; i < ret->declaration.needed_count; i++) {
		declared = dwarf_decl_file(&ret->declaration.needed[i]);
		if (!declared || !strcmp(absolute(definition, declared), unit))
			return by_hand(definition,
				memory_format("its type %s is declared in the file itself",
					declaration_type_name(&ret->declaration.needed[i])));
	}
	if (!file)
		return memory_format(
			"its type %s has to be known first, as %s includes it; write "
			"--file=%s, and include the header in that file alone",
			name, definition->unit, definition->unit);
	why = prelude_read(unit, &prelude);
	if (why)
		return by_hand(definition,
			memory_format(
				"its type %s has to be included first, but %s", name, why));
	ret->prelude = prelude;
	return NULL;
}

const char *redeclare(struct redeclaration *ret, const struct definitions *all,
	const struct definition *definition, const char *file)
{
	struct definition copy = *definition;
	const char *why = refuse_kind(definition);

	*ret = (struct redeclaration){ .definition = definition };
	if (!why)
		why = refuse_names(all, definition, file);
	if (why)
		return why;
	declaration_spell(&copy.place.die, definition->place.name, SPELL_ANYWHERE,
		definition->is_cplusplus, &ret->declaration);
	if (!ret->declaration.text)
		return by_hand(definition, ret->declaration.why_not);
	return ret->declaration.needed_count ? refuse_needed(ret, definition, file) : NULL;
}

/* Of a variable before the one numbered @before, too? Then it has been printed. */
static bool is_printed(const struct redeclaration *list, size_t before, const char *tag)
{
	for (size_t i = 0; i < before; i++)
		for (size_t j = 0; j < list[i].declaration.tag_count; j++)
			if (list[i].definition->is_cplusplus ==
					list[before].definition->is_cplusplus &&
				!strcmp(list[i].declaration.tags[j], tag))
				return true;
	return false;
}

/* Before their first use: in the parameters of a function a tag would be of that alone. */
static void print_tags(FILE *to, const struct redeclaration *list, size_t number)
{
	const struct declaration *declaration = &list[number].declaration;

	for (size_t i = 0; i < declaration->tag_count; i++)
		if (!is_printed(list, number, declaration->tags[i]))
			fprintf(to, "%s;\n", declaration->tags[i]);
}

static void print_language(
	FILE *to, const struct redeclaration *list, size_t count, bool is_cplusplus)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i].definition->is_cplusplus != is_cplusplus)
			continue;
		print_tags(to, list, i);
		fprintf(to, "%s %s %s;\n", list[i].definition->is_static ? "static" : "extern",
			redeclare_word(list[i].definition), list[i].declaration.text);
	}
}

static bool has_language(const struct redeclaration *list, size_t count, bool is_cplusplus)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].definition->is_cplusplus == is_cplusplus)
			return true;
	return false;
}

static void print_prelude(FILE *to, const struct redeclaration *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].prelude) {
			fprintf(to,
				"\n/* the head of the file, for types that are needed here */\n%s",
				list[i].prelude);
			return;
		}
}

static void print_opening(FILE *to, const char *path, const char *file)
{
	char *head = memory_format("/* Made by `fondue annotate --emit-header` from %s, to be "
				   "included first by %s. */",
		say_base_name(path), file ? file : "all its files");

	say_clean(head);
	fprintf(to, "%s\n#if !defined(__ASSEMBLER__) && !defined(FONDUE_DISABLE)\n", head);
	fputs("#pragma GCC system_header\n#include <fondue/shared.h>\n", to);
}

void redeclare_print(FILE *to, const struct redeclaration *list, size_t count, const char *path,
	const char *file)
{
	print_opening(to, path, file);
	print_prelude(to, list, count);
	/* `used` makes no difference to an extern variable, of which clang warns */
	fputs("\n#ifdef __clang__\n"
	      "#pragma clang diagnostic push\n"
	      "#pragma clang diagnostic ignored \"-Wignored-attributes\"\n"
	      "#elif defined(__GNUC__) /* who declares them again does so rightly */\n"
	      "#pragma GCC diagnostic ignored \"-Wredundant-decls\"\n"
	      "#endif\n",
		to);
	if (has_language(list, count, false)) {
		fputs("#ifndef __cplusplus\n", to);
		print_language(to, list, count, false);
		fputs("#endif\n", to);
	}
	if (has_language(list, count, true)) {
		/* what is declared so first need not say it again; and may */
		fputs("#ifdef __cplusplus\nextern \"C\" {\n", to);
		print_language(to, list, count, true);
		fputs("}\n#endif\n", to);
	}
	fputs("#ifdef __clang__\n#pragma clang diagnostic pop\n#endif\n#endif\n", to);
}
