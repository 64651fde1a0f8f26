/* usyms.c - names of user-space addresses: /proc/PID/maps and the symbol tables of the mapped files.
 *
 * Role: an address belongs to a mapping, a mapping to a file, a place in the file to a function.  Files are kept by
 * device and inode with their functions sorted by file offset, so address-space randomisation does not matter and a
 * library is read once for all processes.  Mappings are kept per process and read again when an address is in none of
 * them; a process that is gone keeps what was seen of it.  Files are opened through /proc/PID, in the process's
 * own mount namespace.  Code that is in no file may be listed in /tmp/perf-PID.map, by whoever compiled it at run time. */
#include "usyms.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf_file.h"
#include "textbuf.h"

#define LOOK_BACK 32
#define LISTED_MAX (256 << 20)
/* Processes whose mappings are kept; the one that was not asked for the longest time makes room. */
#define MAX_PROCESSES 256

struct function {
	uint64_t offset;                /* in the file */
	uint32_t size, name;            /* name: in the file's names */
	uint8_t rank;                   /* of several names for one place the lowest */
};

struct file {
	struct file *next;
	uint64_t inode;
	uint32_t major, minor;
	char *path;
	struct textbuf functions, names;
};

struct region {
	uint64_t start, end, offset;
	struct file *file;
};

struct process {
	struct process *next;
	uint32_t pid;
	uint64_t exe_dev, exe_inode;    /* what it ran when its mappings were read; another file: it has called exec */
	struct textbuf regions;
	struct file *listed;            /* what its perf map lists, at addresses instead of places in a file */
	uint64_t listed_size;           /* of the perf map when it was read */
};

struct usyms {
	struct process *processes;      /* the one asked for last comes first */
	uint32_t process_count;
	struct file *files;
	bool checked;                   /* the first process was compared with /proc since usyms_recheck() */
};

struct usyms *usyms_open(void)
{
	return arena_alloc(sizeof(struct usyms));
}

static bool parse_number(const char **p, const char *end, unsigned base, char stop, uint64_t *value)
{
	const char *s = *p;

	for (*value = 0; s < end && *s != stop; s++) {
		unsigned digit = *s >= '0' && *s <= '9' ? (unsigned)(*s - '0')
			       : *s >= 'a' && *s <= 'f' ? (unsigned)(*s - 'a') + 10 : 99;

		if (digit >= base)
			return false;
		*value = *value * base + digit;
	}
	if (s == *p || s == end)
		return false;
	*p = s + 1;
	return true;
}

bool mapping_parse(const char **text, const char *end, struct mapping *m)
{
	const char *p = *text, *newline = memchr(p, '\n', (size_t)(end - p)), *flags;
	uint64_t major, minor;

	*text = newline ? newline + 1 : end;
	if (!newline)
		newline = end;
	if (!parse_number(&p, newline, 16, '-', &m->start) || !parse_number(&p, newline, 16, ' ', &m->end))
		return false;
	flags = p;
	if (newline - p < 5 || p[4] != ' ')
		return false;
	p += 5;
	if (!parse_number(&p, newline, 16, ' ', &m->offset) || !parse_number(&p, newline, 16, ':', &major) ||
	    !parse_number(&p, newline, 16, ' ', &minor) || !parse_number(&p, newline, 10, ' ', &m->inode))
		return false;
	m->major = (uint32_t)major;
	m->minor = (uint32_t)minor;
	while (p < newline && *p == ' ')
		p++;
	m->path = p;
	m->path_len = (size_t)(newline - p);
	return flags[2] == 'x';
}

static int add_function(void *arg, const struct elf_symbol *s)
{
	struct file *f = ((void **)arg)[0];
	const struct elf_file *elf = ((void **)arg)[1];
	struct function fn = {.size = s->size > UINT32_MAX ? UINT32_MAX : (uint32_t)s->size, .name = (uint32_t)f->names.len};

	if ((s->type != STT_FUNC && s->type != STT_GNU_IFUNC) || !s->name[0])
		return 0;
	if (!elf_address_to_offset(elf, s->value, true, &fn.offset))
		return 0;
	fn.rank = (uint8_t)((s->bind == STB_GLOBAL ? 0 : s->bind == STB_WEAK ? 1 : 2) * 4 + (s->name[0] == '_') +
			    (s->name[0] == '_' && s->name[1] == '_'));
	text_bytes(&f->names, s->name, strlen(s->name) + 1);
	text_bytes(&f->functions, &fn, sizeof(fn));
	return 0;
}

static int compare_functions(const void *a, const void *b)
{
	const struct function *x = a, *y = b;

	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	/* The best name last: the search finds it first. */
	return (y->rank > x->rank) - (y->rank < x->rank);
}

static void read_functions(struct file *f, uint32_t pid, const struct mapping *m)
{
	struct elf_file elf;
	char path[4200];
	void *arg[2] = {f, &elf};

	str_printf(path, sizeof(path), "/proc/%u/map_files/%llx-%llx", pid, (unsigned long long)m->start,
		 (unsigned long long)m->end);
	if (elf_map(&elf, path) < 0) {
		str_printf(path, sizeof(path), "/proc/%u/root%s", pid, f->path);
		if (elf_map(&elf, path) < 0)
			return;
	}
	elf_symbols(&elf, add_function, arg);
	elf_unmap(&elf);
	if (f->functions.len)
		items_sort(f->functions.data, f->functions.len / sizeof(struct function), sizeof(struct function),
		      compare_functions);
}

static struct file *find_file(struct usyms *u, uint32_t pid, const struct mapping *m)
{
	struct file *f;

	for (f = u->files; f; f = f->next) {
		if (f->inode == m->inode && f->major == m->major && f->minor == m->minor)
			return f;
	}
	f = arena_alloc(sizeof(*f));
	f->inode = m->inode;
	f->major = m->major;
	f->minor = m->minor;
	f->path = arena_alloc(m->path_len + 1);
	memcpy(f->path, m->path, m->path_len);
	f->next = u->files;
	u->files = f;
	read_functions(f, pid, m);
	return f;
}

/* Read /proc/PID/maps; an empty or unreadable one (the process is gone) leaves what is known. */
static void read_regions(struct usyms *u, struct process *proc)
{
	struct textbuf maps = {0};
	char path[64];
	const char *p, *end;
	ssize_t n;
	int fd;

	str_printf(path, sizeof(path), "/proc/%u/maps", proc->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	while ((n = read(fd, text_room(&maps, 4096), 4096)) > 0)
		maps.len += (size_t)n;
	close(fd);
	if (maps.len)
		proc->regions.len = 0;
	for (p = maps.data, end = p + maps.len; maps.len && p < end;) {
		struct mapping m;
		struct region r;

		if (!mapping_parse(&p, end, &m) || !m.inode || m.path_len == 0 || m.path[0] != '/')
			continue;
		r = (struct region){m.start, m.end, m.offset, find_file(u, proc->pid, &m)};
		text_bytes(&proc->regions, &r, sizeof(r));
	}
	text_free(&maps);
}

/* "address size name" in hexadecimal, the name up to the end of the line. */
static int take_listed(void *arg, char *line)
{
	struct file *f = arg;
	struct function fn = {.name = (uint32_t)f->names.len};
	const char *p = line, *end = line + strlen(line);
	uint64_t size;

	if (!parse_number(&p, end, 16, ' ', &fn.offset) || !parse_number(&p, end, 16, ' ', &size) || p == end)
		return 0;
	fn.size = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
	text_bytes(&f->names, p, (size_t)(end - p) + 1);
	text_bytes(&f->functions, &fn, sizeof(fn));
	return 0;
}

/* The perf map is read again when it has grown; its name has the number that the process has in its own namespace. */
static void read_listed(struct process *proc)
{
	char path[64], status[4096], *own;
	uint32_t pid = proc->pid;
	struct stat st;

	str_printf(path, sizeof(path), "/proc/%u/status", pid);
	if (read_file(path, status, sizeof(status)) > 0 && (own = strstr(status, "\nNSpid:"))) {
		own[1 + strcspn(own + 1, "\n")] = '\0';
		pid = (uint32_t)strtoul(strrchr(own, '\t') ? strrchr(own, '\t') : own + 7, NULL, 10);
	}
	str_printf(path, sizeof(path), "/proc/%u/root/tmp/perf-%u.map", proc->pid, pid);
	/* Anybody may have put it there: no pipe, and no more than there is memory for. */
	if (stat(path, &st) || !S_ISREG(st.st_mode) || st.st_size > LISTED_MAX || (uint64_t)st.st_size == proc->listed_size)
		return;
	if (!proc->listed)
		proc->listed = arena_alloc(sizeof(*proc->listed));
	proc->listed_size = (uint64_t)st.st_size;
	proc->listed->path = "[perf map]";
	proc->listed->functions.len = proc->listed->names.len = 0;
	file_lines(AT_FDCWD, path, take_listed, proc->listed);
	if (proc->listed->functions.len)
		items_sort(proc->listed->functions.data, proc->listed->functions.len / sizeof(struct function),
			   sizeof(struct function), compare_functions);
}

static const struct region *find_region(const struct process *proc, uint64_t addr)
{
	const struct region *r = (const struct region *)(const void *)proc->regions.data;

	for (size_t i = 0; i < proc->regions.len / sizeof(*r); i++) {
		if (addr >= r[i].start && addr < r[i].end)
			return &r[i];
	}
	return NULL;
}

static const struct function *find_function(const struct file *f, uint64_t offset)
{
	const struct function *fn = (const struct function *)(const void *)f->functions.data;
	size_t low = 0, high = f->functions.len / sizeof(*fn);

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (fn[middle].offset <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	/* Functions may lie inside others: go back to one that holds the place. */
	for (unsigned i = 0; low && i < LOOK_BACK; i++, low--) {
		const struct function *candidate = &fn[low - 1];

		if (offset - candidate->offset < candidate->size || (!candidate->size && !i))
			return candidate;
	}
	return NULL;
}

/* Take the process out of the list, or the last one if there are too many; NULL: neither. */
static struct process *unlink_process(struct usyms *u, uint32_t pid)
{
	struct process **link = &u->processes, *proc;

	for (; (proc = *link); link = &proc->next) {
		if (proc->pid == pid || (!proc->next && u->process_count >= MAX_PROCESSES)) {
			*link = proc->next;
			return proc;
		}
	}
	return NULL;
}

/* Forget mappings that belong to another process of this number, or to what it ran before exec. */
static void check_process(struct process *proc, uint32_t pid)
{
	struct stat st;
	char path[64];

	str_printf(path, sizeof(path), "/proc/%u/exe", pid);
	if (proc->pid != pid)
		proc->regions.len = 0;
	else if (stat(path, &st) < 0 || (st.st_dev == proc->exe_dev && st.st_ino == proc->exe_inode))
		return;  /* gone: what was seen of it is the best that there is */
	proc->pid = pid;
	proc->regions.len = 0;
	proc->listed_size = 0;
	if (proc->listed)
		proc->listed->functions.len = 0;
	proc->exe_dev = proc->exe_inode = 0;
	if (stat(path, &st) == 0)
		proc->exe_dev = st.st_dev, proc->exe_inode = st.st_ino;
}

static struct process *find_process(struct usyms *u, uint32_t pid)
{
	struct process *proc = u->processes;

	/* The frames of one stack ask one after the other: do not look at /proc for each. */
	if (proc && proc->pid == pid && u->checked)
		return proc;
	proc = unlink_process(u, pid);
	if (!proc) {
		proc = arena_alloc(sizeof(*proc));
		proc->pid = ~pid;
		u->process_count++;
	}
	check_process(proc, pid);
	if (!proc->regions.len)
		read_regions(u, proc);
	proc->next = u->processes;
	u->processes = proc;
	u->checked = true;
	return proc;
}

void usyms_recheck(struct usyms *u)
{
	u->checked = false;
}

struct usym usyms_find(struct usyms *u, uint32_t pid, uint64_t addr)
{
	struct process *proc = find_process(u, pid);
	const struct region *r = find_region(proc, addr);
	const struct function *fn;
	struct usym sym = {0};
	const struct file *f;
	uint64_t offset;

	if (!r) {
		read_regions(u, proc);
		r = find_region(proc, addr);
	}
	if (r && r->file->functions.len) {
		f = r->file;
		offset = addr - r->start + r->offset;
	} else {  /* made at run time, or a file without names */
		read_listed(proc);
		f = proc->listed;
		offset = addr;
	}
	sym.module = r ? r->file->path : NULL;
	fn = f ? find_function(f, offset) : NULL;
	if (fn) {
		sym.module = f->path;
		sym.name = f->names.data + fn->name;
		sym.offset = offset - fn->offset;
	}
	return sym;
}
