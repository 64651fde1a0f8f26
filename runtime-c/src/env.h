/* env.h - the state of one run of a btaot executable.
 *
 * There is one `struct env`, owned by main.c; nothing else is mutable and global.
 * Functions return 0 or -errno unless said otherwise; who detects an error that the
 * user must see prints it once with err() (util.h) and returns a negative value. */
#ifndef BTAOT_ENV_H
#define BTAOT_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "payload.h"

struct instance;  /* attach.h */
struct output;    /* output.h */
struct events;    /* events.h */
struct host;      /* host.h */
struct unwind;    /* unwind.h */

enum buffer_mode { BUFFER_DEFAULT, BUFFER_NONE, BUFFER_LINE, BUFFER_FULL };
enum missing_policy { MISSING_ERROR, MISSING_WARN, MISSING_IGNORE };

#define LOG_DEFAULT 1000000

/* Run-time configuration: BPFTRACE_* variables of the environment over the script's config block over defaults. */
struct config {
	uint64_t max_map_keys;          /* 4096 */
	uint64_t max_probes;            /* 1024 */
	uint64_t max_bpf_progs;         /* 1024 */
	uint64_t max_cat_bytes;         /* 10240 */
	uint64_t perf_rb_pages;         /* 0: chosen from memory */
	uint64_t log_size;              /* LOG_DEFAULT */
	enum missing_policy missing_probes;
	bool print_maps_on_exit;        /* true */
	bool cpp_demangle;              /* true */
	bool lazy_symbolication;        /* false */
	bool show_debug_info;           /* true */
	const char *str_trunc_trailer;  /* ".." */
	const char *cache_user_symbols; /* "PER_PID" and so on; "" default */
};

struct options {
	pid_t pid;                      /* -p, 0 if none */
	const char *cmd;                /* -c */
	pid_t *dwarf_pids;              /* --dwarf-pid, any number of times */
	uint32_t dwarf_pid_count;
	const char *output_path;        /* -o */
	bool json;                      /* -f json */
	enum buffer_mode buffer;        /* -B */
	bool quiet, no_warnings, dry_run, unsafe_ok, wait_detach, info;
	int verbose, helper_errors;     /* -v, -k */
	uint16_t trials;                /* --test, --bench: BTAOT_PROBE_KIND_TEST or BENCH; 0: a normal run */
	const char *btf_path;           /* --btf FILE */
	const char *traceable_path;     /* --traceable-functions FILE */
	const char *probe_filter;       /* --probe-filter REGEX, NULL: none */
	bool usdt_file_activation;      /* --usdt-file-activation: what the runtime does anyway */
	char **positional;              /* positional parameters of the script */
	uint32_t positional_count;
	const char **named;             /* text given for each payload param, NULL if not given */
};

struct env {
	const char *program;            /* argv[0] */
	struct payload payload;
	struct options opt;
	struct config cfg;
	int *map_fds;                   /* by map index */
	volatile struct globals *globals; /* mmap of the globals map, or NULL (then use the map calls of maps.h) */
	struct instance *instances;     /* attached attach points after expansion */
	uint32_t instance_count;
	uint64_t start_boot_ns;         /* CLOCK_BOOTTIME at start */
	uint32_t cpu_count;             /* possible CPUs */
	pid_t child;                    /* -c */
	struct output *out;
	struct events *events;
	struct packets *packets;        /* of skboutput(), or NULL */
	struct unwind *unwind;          /* tables for dw_ustack; NULL: the script has none */
	struct host *host;              /* what the attach side found out about this host; made by attach_expand() */
	struct btf *btf;                /* kernel types, opened when first needed */
	struct feature_cache *features;
	struct symbol_value *symbol_values; /* symbols.h, by symbol index */
	int prog_btf_fd;                /* BTF of our own programs; 0 not loaded yet, -1 not possible */
	int exit_code;
	uint64_t hurry_at;              /* after a signal: from then on (CLOCK_MONOTONIC, ns) no command is started */
	volatile bool stop;             /* exit(), a signal, or the end of the child */
};

/* Head of the globals map's value; see docs/architecture.md. */
struct globals {
	uint32_t running;
	uint32_t only_pid;
	uint64_t ringbuf_lost;
	uint64_t scratch_busy;
	uint64_t stack_lost;
	uint64_t reserved2;
	uint64_t exit;                  /* 256 + code: an exit() whose event found no room */
};

#endif
