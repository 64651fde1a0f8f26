/* bpf_core_read.h - access to kernel memory and types as the host has them.  Comes with btaot. */
#pragma once

#include "bpf_helpers.h"

#define BTAOT_CAT2(a, b) a##b
#define BTAOT_CAT(a, b) BTAOT_CAT2(a, b)
#define BTAOT_NTH(a, b, c, d, e, f, g, h, n, ...) n
#define BTAOT_COUNT(...) BTAOT_NTH(__VA_ARGS__, 8, 7, 6, 5, 4, 3, 2, 1)

#define bpf_core_read(to, size, from) bpf_probe_read_kernel(to, size, (const void *)__builtin_preserve_access_index(from))
#define bpf_core_read_str(to, size, from) \
	bpf_probe_read_kernel_str(to, size, (const void *)__builtin_preserve_access_index(from))
#define bpf_core_read_user(to, size, from) \
	bpf_probe_read_user(to, size, (const void *)__builtin_preserve_access_index(from))

/* A member, named as an expression or by type and name. */
#define BTAOT_FIELD1(field) field
#define BTAOT_FIELD2(type, field) ((typeof(type) *)0)->field
#define BTAOT_FIELD(...) BTAOT_CAT(BTAOT_FIELD, BTAOT_COUNT(__VA_ARGS__))(__VA_ARGS__)
#define bpf_core_field_offset(...) __builtin_preserve_field_info(BTAOT_FIELD(__VA_ARGS__), 0)
#define bpf_core_field_size(...) __builtin_preserve_field_info(BTAOT_FIELD(__VA_ARGS__), 1)
#define bpf_core_field_exists(...) __builtin_preserve_field_info(BTAOT_FIELD(__VA_ARGS__), 2)
#define bpf_core_type_exists(type) __builtin_preserve_type_info(*(typeof(type) *)0, 0)
#define bpf_core_type_size(type) __builtin_preserve_type_info(*(typeof(type) *)0, 1)
#define bpf_core_enum_value_exists(type, value) __builtin_preserve_enum_value(*(typeof(type) *)value, 0)
#define bpf_core_enum_value(type, value) __builtin_preserve_enum_value(*(typeof(type) *)value, 1)

/* Pointer after pointer: BPF_CORE_READ(task, mm, exe_file) is task->mm->exe_file. */
#define BTAOT_GET(pointer, member) \
	({ \
		__auto_type btaot_from = (pointer); \
		typeof(btaot_from->member) btaot_value; \
		bpf_core_read(&btaot_value, sizeof(btaot_value), &btaot_from->member); \
		btaot_value; \
	})
#define BTAOT_PATH1(p, a) BTAOT_GET(p, a)
#define BTAOT_PATH2(p, a, b) BTAOT_GET(BTAOT_PATH1(p, a), b)
#define BTAOT_PATH3(p, a, b, c) BTAOT_GET(BTAOT_PATH2(p, a, b), c)
#define BTAOT_PATH4(p, a, b, c, d) BTAOT_GET(BTAOT_PATH3(p, a, b, c), d)
#define BTAOT_PATH5(p, a, b, c, d, e) BTAOT_GET(BTAOT_PATH4(p, a, b, c, d), e)
#define BTAOT_PATH6(p, a, b, c, d, e, f) BTAOT_GET(BTAOT_PATH5(p, a, b, c, d, e), f)
#define BPF_CORE_READ(pointer, ...) BTAOT_CAT(BTAOT_PATH, BTAOT_COUNT(__VA_ARGS__))(pointer, __VA_ARGS__)

/* The same into memory, for arrays and strings: the last member is not read through. */
#define BTAOT_TO1(read, to, p, a) \
	({ \
		__auto_type btaot_base = (p); \
		read(to, sizeof(*(to)), &btaot_base->a); \
	})
#define BTAOT_TO2(read, to, p, a, b) BTAOT_TO1(read, to, BTAOT_PATH1(p, a), b)
#define BTAOT_TO3(read, to, p, a, b, c) BTAOT_TO1(read, to, BTAOT_PATH2(p, a, b), c)
#define BTAOT_TO4(read, to, p, a, b, c, d) BTAOT_TO1(read, to, BTAOT_PATH3(p, a, b, c), d)
#define BTAOT_TO5(read, to, p, a, b, c, d, e) BTAOT_TO1(read, to, BTAOT_PATH4(p, a, b, c, d), e)
#define BTAOT_TO6(read, to, p, a, b, c, d, e, f) BTAOT_TO1(read, to, BTAOT_PATH5(p, a, b, c, d, e), f)
#define BPF_CORE_READ_INTO(to, pointer, ...) \
	BTAOT_CAT(BTAOT_TO, BTAOT_COUNT(__VA_ARGS__))(bpf_core_read, to, pointer, __VA_ARGS__)
#define BPF_CORE_READ_STR_INTO(to, pointer, ...) \
	BTAOT_CAT(BTAOT_TO, BTAOT_COUNT(__VA_ARGS__))(bpf_core_read_str, to, pointer, __VA_ARGS__)
