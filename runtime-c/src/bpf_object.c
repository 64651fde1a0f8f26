/* bpf_object.c - objects that the kernel has loaded already: BTF of modules, programs of others.
 *
 * Needs CAP_SYS_ADMIN, as enumerating does.  The structs are copies of the kernel's ABI as far as they are used; the
 * kernel fills as many bytes as we offer (5.11 for names of BTF objects). */
#define _GNU_SOURCE
#include "bpf_object.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "btf_index.h"

enum {
	CMD_PROG_NEXT_ID = 11, CMD_PROG_FD_BY_ID = 13, CMD_INFO_BY_FD = 15, CMD_BTF_FD_BY_ID = 19, CMD_BTF_NEXT_ID = 23,
};

struct attr_id {
	uint32_t id, next_id, open_flags;
};

struct attr_info {
	uint32_t fd, size;
	uint64_t info;
};

struct btf_info {
	uint64_t data;
	uint32_t size, id;
	uint64_t name;
	uint32_t name_size, is_kernel;
};

/* struct bpf_prog_info up to the function information. */
struct prog_info {
	uint32_t type, id;
	uint8_t tag[8];
	uint32_t jited_size, xlated_size;
	uint64_t jited, xlated, load_time;
	uint32_t uid, map_count;
	uint64_t map_ids;
	char name[16];
	uint32_t ifindex, flags;
	uint64_t netns_dev, netns_ino;
	uint32_t ksym_count, func_len_count;
	uint64_t ksyms, func_lens;
	uint32_t btf_id, func_record_size;
	uint64_t func_info;
	uint32_t func_count, line_count;
};

static int object_call(int command, void *attr, size_t size)
{
	long ret = syscall(SYS_bpf, command, attr, size);

	return ret < 0 ? -errno : (int)ret;
}

static int next_id(int command, uint32_t *id)
{
	struct attr_id attr = { .id = *id };
	int ret = object_call(command, &attr, sizeof(attr));

	*id = attr.next_id;
	return ret;
}

static int fd_of(int command, uint32_t id)
{
	struct attr_id attr = { .id = id };

	return object_call(command, &attr, sizeof(attr));
}

static int info_of(int fd, void *info, uint32_t size)
{
	struct attr_info attr = { .fd = (uint32_t)fd, .size = size, .info = (uintptr_t)info };

	return object_call(CMD_INFO_BY_FD, &attr, sizeof(attr));
}

int btf_module_fd(const char *module)
{
	char name[64];
	uint32_t id = 0;
	int fd, ret;

	while (!(ret = next_id(CMD_BTF_NEXT_ID, &id))) {
		struct btf_info info = { .name = (uintptr_t)name, .name_size = sizeof(name) };

		fd = fd_of(CMD_BTF_FD_BY_ID, id);
		if (fd == -ENOENT)
			continue;  /* gone */
		if (fd < 0)
			return fd;
		name[0] = 0;
		if (!info_of(fd, &info, sizeof(info)) && info.is_kernel && !strcmp(name, module))
			return fd;
		close(fd);
	}
	return ret;
}

int bpf_program_fd(uint32_t id)
{
	return fd_of(CMD_PROG_FD_BY_ID, id);
}

/* Name of the function `func_id` in the BTF object `id`. */
static bool function_name(uint32_t id, uint32_t func_id, char *name, size_t size)
{
	int fd = fd_of(CMD_BTF_FD_BY_ID, id);
	struct btf_info info = { 0 };
	struct btf_type_head head;
	uint32_t h[6], at, end, strings, strings_end, i;
	uint8_t *data = NULL;
	bool found = false;

	if (fd < 0)
		return false;
	if (!info_of(fd, &info, sizeof(info)) && info.size >= sizeof(h) && (data = calloc(1, info.size + 1))) {
		struct btf_info again = { .data = (uintptr_t)data, .size = info.size };

		if (!info_of(fd, &again, sizeof(again))) {
			memcpy(h, data, sizeof(h));  /* magic and so on; header, types, their size, strings, their size */
			at = h[1] + h[2];
			end = at + h[3];
			strings = h[1] + h[4];
			strings_end = strings + h[5];
			for (i = 1; end <= info.size && strings_end <= info.size && at + sizeof(head) <= end; i++) {
				memcpy(&head, data + at, sizeof(head));
				if (i == func_id && head.name < h[5]) {
					strncpy(name, (const char *)data + strings + head.name, size - 1);
					found = true;
					break;
				}
				if (btf_tail_size(&head) < 0)
					break;
				at += (uint32_t)(sizeof(head) + (size_t)btf_tail_size(&head));
			}
		}
	}
	free(data);
	close(fd);
	return found;
}

int bpf_program_next(uint32_t *id, struct bpf_program *out)
{
	int ret, fd;

	while (!(ret = next_id(CMD_PROG_NEXT_ID, id))) {
		struct prog_info info = { 0 };
		uint32_t func[2] = { 0 };

		fd = bpf_program_fd(*id);
		if (fd < 0)
			continue;
		memset(out, 0, sizeof(*out));
		if (!info_of(fd, &info, sizeof(info)) && info.btf_id && info.func_count && info.func_record_size == sizeof(func)) {
			struct prog_info again = { .func_count = 1, .func_record_size = sizeof(func), .func_info = (uintptr_t)func };

			if (!info_of(fd, &again, sizeof(again)) && function_name(info.btf_id, func[1], out->name, sizeof(out->name))) {
				out->id = *id;
				out->func_id = func[1];
				return fd;
			}
		}
		close(fd);
	}
	return ret;
}
