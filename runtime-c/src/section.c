/* section.c - section headers of an ELF file: enough to find our own payload and a .BTF section.
 *
 * Everything that is read is checked against the file's size; a file that lies gives -ENOEXEC.  Only files of this
 * machine's own class and byte order are read: others can neither run here nor describe this kernel. */
#include "section.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util.h"

#define SECTIONS_MAX 4096
#define NAMES_MAX (1024 * 1024)

static int read_at(int fd, void *buf, size_t size, uint64_t offset)
{
	ssize_t n = pread(fd, buf, size, (off_t)offset);

	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -ENOEXEC;
}

static int header_read(int fd, ElfW(Ehdr) *eh)
{
	static const uint16_t one = 1;
	uint8_t data = *(const uint8_t *)&one ? ELFDATA2LSB : ELFDATA2MSB;
	uint8_t class = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
	int ret = read_at(fd, eh, sizeof(*eh), 0);

	if (ret)
		return ret;
	if (memcmp(eh->e_ident, ELFMAG, SELFMAG) || eh->e_ident[EI_CLASS] != class || eh->e_ident[EI_DATA] != data)
		return -ENOEXEC;
	if (eh->e_shentsize != sizeof(ElfW(Shdr)) || !eh->e_shnum || eh->e_shnum > SECTIONS_MAX ||
	    eh->e_shstrndx >= eh->e_shnum)
		return -ENOEXEC;
	return 0;
}

static int sections_match(const ElfW(Shdr) *sh, uint32_t n, const char *names, uint64_t names_size, uint64_t file_size,
			  struct section_place *wanted, uint32_t count)
{
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t w = 0; w < count; w++) {
			size_t len = strlen(wanted[w].name) + 1;

			if (sh[i].sh_name > names_size || len > names_size - sh[i].sh_name ||
			    memcmp(names + sh[i].sh_name, wanted[w].name, len))
				continue;
			if (sh[i].sh_type == SHT_NOBITS || sh[i].sh_offset > file_size ||
			    sh[i].sh_size > file_size - sh[i].sh_offset)
				return -ENOEXEC;
			wanted[w].offset = sh[i].sh_offset;
			wanted[w].size = sh[i].sh_size;
			wanted[w].compressed = sh[i].sh_flags & SHF_COMPRESSED;
			wanted[w].found = true;
		}
	}
	return 0;
}

int sections_find(int fd, struct section_place *wanted, uint32_t count)
{
	ElfW(Ehdr) eh;
	ElfW(Shdr) *sh;
	struct stat st;
	size_t table_size;
	char *names;
	int ret = header_read(fd, &eh);

	if (ret)
		return ret;
	if (fstat(fd, &st))
		return -errno;
	table_size = (size_t)eh.e_shnum * sizeof(*sh);
	sh = pages_alloc(table_size);
	if (!sh)
		return -ENOMEM;
	ret = read_at(fd, sh, table_size, eh.e_shoff);
	if (!ret) {
		const ElfW(Shdr) *str = &sh[eh.e_shstrndx];
		size_t names_size = (size_t)str->sh_size;

		ret = -ENOEXEC;
		if (str->sh_size && str->sh_size <= NAMES_MAX) {
			names = pages_alloc(names_size);
			ret = names ? read_at(fd, names, names_size, str->sh_offset) : -ENOMEM;
			if (!ret)
				ret = sections_match(sh, eh.e_shnum, names, names_size, (uint64_t)st.st_size, wanted, count);
			pages_free(names, names_size);
		}
	}
	pages_free(sh, table_size);
	return ret;
}
