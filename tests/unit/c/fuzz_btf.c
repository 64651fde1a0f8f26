/* fuzz_btf.c - the reader of kernel types against known and damaged BTF.
 *
 *   fuzz_btf show FILE         print what the reader finds for the types of btf_types.c
 *   fuzz_btf mutate FILE N     change FILE's bytes N times at random and look everything up; nothing bad may happen
 *
 * Compiled with AddressSanitizer by test_runtime_btf.py, with and without mmap. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "btf.h"
#include "util.h"

static const char *const fields[][2] = {
	{ "task_struct", "comm[2]" }, { "struct task_struct", "o.in[1].f2" }, { "outer_t", "in[1].c" }, { "inner___old", "f1" },
	{ "task_struct", "counter" }, { "task_struct", "p" }, { "task_struct", "nope" }, { "nothing", "a" },
};

static void look_up(const char *path, bool show)
{
	struct env env = { .opt.btf_path = path };
	uint32_t size = 0;
	int64_t value = 0;
	int ret;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		btf_want(&env, fields[i][0]);
		btf_want_path(&env, fields[i][1]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		struct btf_field_place p = { 0 };

		ret = btf_find_field(&env, fields[i][0], fields[i][1], &p);
		if (show)
			printf("%s.%s: %d %u %u %u %u\n", fields[i][0], fields[i][1], ret, p.offset, p.size, p.lshift, p.rshift);
	}
	ret = btf_type_size(&env, "task_struct", &size);
	if (show)
		printf("sizeof: %d %u\n", ret, size);
	ret = btf_enum_value(&env, "B", &value);
	if (show)
		printf("B: %d %lld\n", ret, (long long)value);
	ret = btf_func_id(&env, "vfs_read");
	if (show)
		printf("vfs_read: %s\n", ret > 0 ? "found" : "missing");
	btf_close(&env);
}

static void write_file(const char *path, const uint8_t *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write_all(fd, data, size))
		exit(2);
	close(fd);
}

static void change(uint8_t *data, size_t size)
{
	static const uint32_t words[] = { 0, 1, 16, 0x10000, 0x7fffffff, 0xffffffff };
	size_t at = (size_t)rand() % size;

	if (rand() % 3)
		data[at] ^= (uint8_t)(1 << rand() % 8);
	else if ((at & ~(size_t)3) + 4 <= size)
		memcpy(data + (at & ~(size_t)3), &words[rand() % 6], 4);
}

static void mutate(const char *path, long runs)
{
	static uint8_t good[1 << 16], bad[1 << 16];
	char copy[4096];
	int fd = open(path, O_RDONLY);
	ssize_t size = read(fd, good, sizeof(good));

	if (size <= 0)
		exit(2);
	close(fd);
	str_printf(copy, sizeof(copy), "%s.bad", path);
	srand(1);
	for (long i = 0; i < runs; i++) {
		memcpy(bad, good, (size_t)size);
		for (int n = 1 + rand() % 4; n; n--)
			change(bad, (size_t)size);
		write_file(copy, bad, rand() % 10 ? (size_t)size : (size_t)(rand() % size));
		look_up(copy, false);
	}
	unlink(copy);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "show"))
		look_up(argv[2], true);
	else if (argc == 4 && !strcmp(argv[1], "mutate"))
		mutate(argv[2], atol(argv[3]));
	else
		return 2;
	return 0;
}
