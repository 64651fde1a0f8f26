/* bpf_object.h - objects that the kernel has loaded already: BTF of modules, programs of others. */
#ifndef BTAOT_BPF_OBJECT_H
#define BTAOT_BPF_OBJECT_H

#include <stdint.h>

/* Descriptor of the BTF of a kernel module, or -errno (-ENOENT: none). */
int btf_module_fd(const char *module);

/* What fentry and fexit on BPF programs need. */
struct bpf_program {
	uint32_t id, func_id;           /* func_id: of its main function, in its own BTF */
	char name[64];                  /* from its BTF: bpf_prog_info cuts names to 15 bytes */
};

/* The next program after id `*id` with BTF: its descriptor, -ENOENT after the last, or -errno. */
int bpf_program_next(uint32_t *id, struct bpf_program *out);
int bpf_program_fd(uint32_t id);

#endif
