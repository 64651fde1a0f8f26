/* bpf_helpers.h - what BPF C is written with: sections, maps, helpers.  Comes with btaot. */
#pragma once

#include <linux/types.h>

#include "bpf_helper_defs.h"

#define SEC(name) __attribute__((section(name), used))
#define __ksym __attribute__((section(".ksyms")))
#define __kconfig __attribute__((section(".kconfig")))

/* Members of map definitions. */
#define __uint(name, value) int (*name)[value]
#define __type(name, value) typeof(value) *name
#define __array(name, value) typeof(value) *name[]

#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif
#ifndef __weak
#define __weak __attribute__((weak))
#endif
#define __hidden __attribute__((visibility("hidden")))

#ifndef NULL
#define NULL ((void *)0)
#endif
#ifndef offsetof
#define offsetof(type, member) __builtin_offsetof(type, member)
#endif
#ifndef container_of
#define container_of(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))
#endif
#define barrier() asm volatile("" ::: "memory")
#define barrier_var(variable) asm volatile("" : "+r"(variable))

#define bpf_ksym_exists(symbol) (!!(symbol))
#define bpf_printk(text, ...) \
	({ \
		static const char btaot_text[] = text; \
		bpf_trace_printk(btaot_text, sizeof(btaot_text), ##__VA_ARGS__); \
	})
