/* usyms.c - names of user-space addresses: /proc/PID/maps and the symbol tables of the mapped files.
 *
 * Role: an address belongs to a mapping, a mapping to a file, a place in the file to a function.  Files are kept by
 * device and inode with their functions sorted by file offset, so address-space randomisation does not matter and a
 * library is read once for all processes.  Mappings are kept per process and read again when an address is in none of
 * them; those of before (before exec, before dlclose) stay behind the new ones, as stacks may be printed long after they
 * were taken, and a process that is gone keeps what was seen of it.  Files are opened through /proc/PID, in the process's
 * own mount namespace.  Code that is in no file may be listed in /tmp/perf-PID.map, by whoever compiled it at run time.
 * Of a process that was gone too soon, the address of a uprobe tells where the probed file lay. */
#include "usyms.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach.h"
#include "debug_file.h"
#include "elf_file.h"
#include "parts.h"
#include "textbuf.h"

#define LOOK_BACK 32
#define LISTED_MAX (256 << 20)
/* Processes whose mappings are kept; the one that was not asked for the longest time makes room. */
#define MAX_PROCESSES 256
#define PLACES 1024
/* A file is not longer than this: what has no function there has no name. */
#define GUESS_AFTER (1u << 30)
/* The device of a file that is not known from a mapping but from a uprobe: its path may be relative to us. */
#define GUESSED UINT32_MAX
/* Mappings kept of one process, the newest. */
#define MAX_REGIONS 4096

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
	struct elf_file elf, debug;     /* stay mapped if there are source lines; debug: the same, or what was split off it */
	struct dwarf dwarf;
	struct textbuf lines, units;    /* indexes of lines.c and inlined.c */
	bool has_lines, indexed;
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
	const struct env *env;
	struct place *places[PLACES];   /* by a hash of the offset */
	bool checked;                   /* the first process was compared with /proc since usyms_recheck() */
	bool reread, gone;              /* and its mappings read: there are none any more */
};

struct usyms *usyms_open(const struct env *env)
{
	struct usyms *u = arena_alloc(sizeof(*u));

	u->env = env;
	return u;
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
	/* The best name last: the search finds it first.  Of equals it is the one that comes first in the file. */
	if (x->rank == y->rank)
		return x->name < y->name ? 1 : -1;
	return y->rank < x->rank ? -1 : 1;
}

/* The kernel's code in every process is in no file, but in its memory. */
static int read_vdso(struct elf_file *elf, uint32_t pid, const struct mapping *m)
{
	size_t size = m->end - m->start;
	void *data = arena_alloc(size);
	char path[64];
	int fd, ret;

	str_printf(path, sizeof(path), "/proc/%u/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = pread(fd, data, size, (off_t)m->start) == (ssize_t)size ? elf_parse(elf, data, size) : -EIO;
	close(fd);
	return ret;
}

static void sort_functions(struct file *f)
{
	if (f->functions.len)
		items_sort(f->functions.data, f->functions.len / sizeof(struct function), sizeof(struct function),
			   compare_functions);
}

int mapping_open(struct elf_file *elf, uint32_t pid, const struct mapping *m)
{
	char path[4200];
	int n;

	if (m->path_len == 6 && !memcmp(m->path, "[vdso]", 6))
		return read_vdso(elf, pid, m);
	str_printf(path, sizeof(path), "/proc/%u/map_files/%llx-%llx", pid, (unsigned long long)m->start,
		   (unsigned long long)m->end);
	if (m->path[0] != '/' && m->major != GUESSED)
		return -ENOENT;
	if (elf_map(elf, path) == 0)
		return 0;
	n = str_printf(path, sizeof(path), "/proc/%u/root", pid);
	str_printf(path + n, sizeof(path) - (size_t)n, "%.*s", (int)m->path_len, m->path);
	return elf_map(elf, path) == 0 ? 0 : elf_map(elf, path + n);
}

/* The file has no symbols, or no lines: another may have them. */
static bool find_debug(struct file *f, uint32_t pid, bool lines)
{
	const char *wanted = ".symtab";
	struct elf_section s;
	char root[32];

	if (elf_section_find(&f->elf, wanted, &s)) {
		wanted = ".debug_line";
		if (!lines || elf_section_find(&f->elf, wanted, &s))
			return false;
	}
	str_printf(root, sizeof(root), "/proc/%u/root", pid);
	return debug_file_open(&f->debug, &f->elf, root, f->path, wanted) || debug_file_open(&f->debug, &f->elf, "", f->path, wanted);
}

static void read_functions(struct usyms *u, struct file *f, uint32_t pid, const struct mapping *m)
{
	bool lines = HAS(LINES) && u->env->cfg.show_debug_info, other;
	void *arg[2] = {f, &f->elf};
	struct elf_section s;

	if (mapping_open(&f->elf, pid, m))
		return;
	f->debug = f->elf;
	elf_symbols(&f->elf, add_function, arg);
	if (f->path[0] == '[') {  /* no file, but memory */
		sort_functions(f);
		return;
	}
	other = find_debug(f, pid, lines);
	if (other)
		elf_symbols(&f->debug, add_function, arg);
	sort_functions(f);
	f->has_lines = lines && elf_section_find(&f->debug, ".debug_line", &s);
	if (f->has_lines)
		return;
	if (other)
		elf_unmap(&f->debug);
	elf_unmap(&f->elf);
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
	read_functions(u, f, pid, m);
	return f;
}

static bool has_region(const struct process *proc, const struct region *wanted)
{
	const struct region *r = (const struct region *)(const void *)proc->regions.data;

	for (size_t i = 0; i < proc->regions.len / sizeof(*r); i++)
		if (!memcmp(&r[i], wanted, sizeof(*r)))
			return true;
	return false;
}

static void add_region(struct process *proc, const struct region *r)
{
	if (proc->regions.len < MAX_REGIONS * sizeof(*r) && !has_region(proc, r))
		text_bytes(&proc->regions, r, sizeof(*r));
}

/* Read /proc/PID/maps; an empty or unreadable one (false: the process is gone) leaves what is known. */
static bool read_regions(struct usyms *u, struct process *proc)
{
	struct textbuf maps = {0}, old = proc->regions;
	char path[64];
	const char *p, *end;
	ssize_t n;
	int fd;

	str_printf(path, sizeof(path), "/proc/%u/maps", proc->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	while ((n = read(fd, text_room(&maps, 4096), 4096)) > 0)
		maps.len += (size_t)n;
	close(fd);
	if (!maps.len)
		return false;
	memset(&proc->regions, 0, sizeof(proc->regions));
	for (p = maps.data, end = p + maps.len; p < end;) {
		struct mapping m;
		struct region r;

		if (!mapping_parse(&p, end, &m))
			continue;
		if (m.path_len == 6 && !memcmp(m.path, "[vdso]", 6))
			m.inode = m.end - m.start;  /* those of 32-bit processes are others */
		else if (!m.inode || m.path_len == 0 || m.path[0] != '/')
			continue;
		r = (struct region){m.start, m.end, m.offset, find_file(u, proc->pid, &m)};
		add_region(proc, &r);
	}
	for (size_t i = 0; i < old.len; i += sizeof(struct region))
		add_region(proc, (const struct region *)(const void *)(old.data + i));
	text_free(&old);
	text_free(&maps);
	return true;
}

/* Of a process that is gone: if its address can be that of a uprobe, the file lay around it. */
static void guess_region(struct usyms *u, struct process *proc, uint64_t addr)
{
	for (uint32_t i = 0; i < u->env->instance_count; i++) {
		const struct instance *inst = &u->env->instances[i];
		uint16_t kind = u->env->payload.attaches[inst->attach].kind;
		struct region r = {.start = addr - inst->address, .end = addr + GUESS_AFTER};
		struct mapping m = {.major = GUESSED, .inode = i, .path = inst->target};

		if (kind < BTAOT_PROBE_KIND_UPROBE || kind > BTAOT_PROBE_KIND_USDT || r.start & (page_size() - 1))
			continue;
		m.path_len = strlen(m.path);
		r.file = find_file(u, proc->pid, &m);
		add_region(proc, &r);
		return;
	}
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
	sort_functions(proc->listed);
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

/* Look for the mappings of another process of this number, or of what it has called exec for. */
static void check_process(struct usyms *u, struct process *proc, uint32_t pid)
{
	struct stat st = {0};
	char path[64];
	bool gone;

	str_printf(path, sizeof(path), "/proc/%u/exe", pid);
	gone = stat(path, &st) < 0;
	if (proc->pid != pid)
		proc->regions.len = 0;
	else if (gone || (st.st_dev == proc->exe_dev && st.st_ino == proc->exe_inode))
		return;  /* gone: what was seen of it is the best that there is */
	proc->pid = pid;
	proc->listed_size = 0;
	if (proc->listed)
		proc->listed->functions.len = 0;
	proc->exe_dev = st.st_dev;
	proc->exe_inode = st.st_ino;
	read_regions(u, proc);
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
	check_process(u, proc, pid);
	proc->next = u->processes;
	u->processes = proc;
	u->checked = true;
	u->reread = u->gone = false;
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

	if (!r && !u->reread) {
		u->reread = true;  /* once for a stack: some end in addresses that are none */
		u->gone = !read_regions(u, proc);
		r = find_region(proc, addr);
	}
	if (!r && u->gone) {
		guess_region(u, proc, addr);
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
		sym.file = r ? r->file : NULL;
		sym.place = offset;
	}
	return sym;
}

static struct place *find_place(struct file *f, uint64_t offset)
{
	struct inlined inlined[INLINED_MAX];
	struct source line;
	struct place *p;
	uint64_t address;
	unsigned count = 0;
	bool found;

	if (!f->indexed) {
		f->indexed = true;
		dwarf_open(&f->dwarf, &f->debug);
		lines_index(&f->dwarf, &f->lines);
		inlined_index(&f->dwarf, &f->units);
	}
	found = elf_offset_to_address(&f->elf, offset, &address) && lines_find(&f->dwarf, &f->lines, address, &line);
	if (found)
		count = inlined_find(&f->dwarf, &f->units, address, &line, inlined);
	p = arena_alloc(sizeof(*p) + count * sizeof(inlined[0]));
	p->file = f;
	p->offset = offset;
	p->found = found;
	p->line = line;
	p->count = count;
	memcpy(p->inlined, inlined, count * sizeof(inlined[0]));
	return p;
}

const struct place *usyms_place(struct usyms *u, const struct usym *sym)
{
	struct place **bucket = &u->places[(sym->place ^ sym->place >> 10) % PLACES], *p;

	if (!HAS(LINES) || !sym->file || !sym->file->has_lines)
		return NULL;
	for (p = *bucket; p && (p->file != sym->file || p->offset != sym->place);)
		p = p->next;
	if (!p) {
		p = find_place(sym->file, sym->place);
		p->next = *bucket;
		*bucket = p;
	}
	return p->found ? p : NULL;
}
