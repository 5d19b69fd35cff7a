/* SPDX-License-Identifier: MIT */
/*
 * object.c - headers and notes of an ELF file, read by libelf
 *
 * The proof here is the very one of the runtime (preload/proof.c), on the same facts: the
 * program headers and the bytes of PT_NOTE. No section table is needed for it, and none
 * is trusted. A file may be damaged or made to mislead: whatever it says of sizes, only
 * bytes that are in the file are read, and not many of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "memory.h"
#include "object.h"

/* A note has 84 bytes, a large program some hundreds of files. */
#define NOTE_BYTES_MAX	  (16 << 20)
#define INTERPRETER_MAX	  4096
#define NATIVE_ENDIAN	  (__BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB)
#define FOREIGN_PAGE_SIZE 4096

static void add_segment(struct object *object, const GElf_Phdr *p)
{
	struct image *image = &object->image;

	if (p->p_type == PT_DYNAMIC)
		object->dynamic = *p;
	if (image->count == IMAGE_SEGMENTS_MAX)
		return;
	image->segments[image->count++] = (struct segment){
		.type = p->p_type,
		.flags = p->p_flags,
		.start = p->p_vaddr,
		.end = p->p_vaddr + p->p_memsz,
		.file_end = p->p_vaddr + p->p_filesz,
	};
}

static void read_interpreter(struct object *object, const GElf_Phdr *p)
{
	Elf_Data *data;

	if (object->interpreter || p->p_filesz == 0 || p->p_filesz > INTERPRETER_MAX)
		return;
	data = elf_getdata_rawchunk(
		object->elf, (int64_t)p->p_offset, p->p_filesz, ELF_T_BYTE);
	if (data && memchr(data->d_buf, '\0', data->d_size))
		object->interpreter = data->d_buf;
}

static void read_segments(struct object *object)
{
	GElf_Phdr p;

	object->image.word = object->header.e_ident[EI_CLASS] == ELFCLASS64 ? 8 : 4;
	for (size_t i = 0; i < object->segment_count; i++) {
		if (!gelf_getphdr(object->elf, (int)i, &p))
			continue;
		add_segment(object, &p);
		if (p.p_type == PT_INTERP)
			read_interpreter(object, &p);
	}
}

/* Every note of one segment; the runtime, too, looks only at what is loaded. */
static void read_notes(struct object *object, const GElf_Phdr *p)
{
	enum note_result result;
	struct note note;
	Elf_Data *data;
	size_t pos = 0;

	if (!image_load_holding(
		    &object->image, p->p_vaddr, p->p_vaddr + p->p_memsz, PF_R))
		return;
	data = elf_getdata_rawchunk(
		object->elf, (int64_t)p->p_offset, p->p_filesz, ELF_T_BYTE);
	if (!data || !data->d_buf)
		return;
	object->has_runtime |= note_tells_runtime(data->d_buf, data->d_size);
	while ((result = note_next(data->d_buf, data->d_size, p->p_vaddr,
			object->image.word, &pos, &note)) != NOTE_END) {
		object->is_annotated = true;
		proof_add(&object->proof, result, &note);
	}
}

/* The GOT of lazy binding lies outside of RELRO; the runtime asks for it, too. */
static bool check_got(struct object *object)
{
	uint64_t got = object_dynamic_value(object, DT_PLTGOT);

	for (unsigned kind = 0; got && kind < KIND_COUNT; kind++)
		if (ranges_meet(got, got + 1, object->proof.ranges[kind].start,
			    object->proof.ranges[kind].stop))
			return proof_refuse(
				&object->proof, REASON_FOREIGN, kind_name[kind], got);
	return true;
}

bool object_prove(struct object *object, uint64_t page_size)
{
	uint64_t bytes = 0;
	GElf_Phdr p;

	object->image.page_size = page_size;
	proof_begin(&object->proof, &object->image);
	for (size_t i = 0; i < object->segment_count; i++) {
		if (!gelf_getphdr(object->elf, (int)i, &p) || p.p_type != PT_NOTE)
			continue;
		if (p.p_filesz > NOTE_BYTES_MAX || (bytes += p.p_filesz) > NOTE_BYTES_MAX)
			break;
		read_notes(object, &p);
	}
	if (!object->is_annotated)
		return false;
	if (object->segment_count > IMAGE_SEGMENTS_MAX)
		proof_refuse(&object->proof, REASON_TOO_MANY_SEGMENTS, NULL,
			object->segment_count);
	return proof_finish(&object->proof) && check_got(object);
}

static const char *open_regular(struct object *object)
{
	struct stat stat;

	/* O_NONBLOCK: opening a FIFO must not wait for its other end */
	object->fd = open(object->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (object->fd < 0)
		return strerror(errno);
	if (fstat(object->fd, &stat) == 0 && S_ISREG(stat.st_mode))
		return NULL;
	close(object->fd);
	return S_ISDIR(stat.st_mode) ? "it is a directory" : "it is not a regular file";
}

static const char *read_header(struct object *object)
{
	elf_version(EV_CURRENT);
	object->elf = elf_begin(object->fd, ELF_C_READ, NULL);
	if (!object->elf || elf_kind(object->elf) != ELF_K_ELF)
		return "it is not an ELF file";
	if (!gelf_getehdr(object->elf, &object->header))
		return "its ELF header is damaged";
	if (object->header.e_ident[EI_DATA] != NATIVE_ENDIAN)
		return "it is for a machine of the other byte order";
	return NULL;
}

static const char *read_headers(struct object *object)
{
	const char *why = read_header(object);
	size_t count;

	if (why)
		return why;
	if (object->header.e_type != ET_EXEC && object->header.e_type != ET_DYN)
		return object->header.e_type == ET_REL ?
			       "it is not linked; check the program or library that it becomes" :
			       "it is neither a program nor a shared library";
	if (elf_getphdrnum(object->elf, &object->segment_count) != 0 ||
		!object->segment_count)
		return "it has no program headers: damaged, or only debug information";
	object->has_tables = elf_getshdrnum(object->elf, &count) == 0 && count > 1;
	return NULL;
}

static const char *open_and_read(struct object *object, const char *path,
	const char *(*read)(struct object *object))
{
	const char *why;

	*object = (struct object){ .path = path };
	why = open_regular(object);
	if (why)
		return why;
	why = read(object);
	if (why)
		object_close(object);
	return why;
}

const char *object_open(struct object *object, const char *path)
{
	const char *why = open_and_read(object, path, read_headers);

	if (why)
		return why;
	read_segments(object);
	object_prove(object, object_page_size(object));
	return NULL;
}

const char *object_open_any(struct object *object, const char *path)
{
	return open_and_read(object, path, read_header);
}

void object_close(struct object *object)
{
	elf_end(object->elf);
	close(object->fd);
}

uint64_t object_page_size(const struct object *object)
{
	return object_is_native(object) ? getauxval(AT_PAGESZ) : FOREIGN_PAGE_SIZE;
}
