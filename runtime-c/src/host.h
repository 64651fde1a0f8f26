/* host.h - small facts about the host that attaching needs, read when first asked for and kept for the run. */
#ifndef BTAOT_HOST_H
#define BTAOT_HOST_H

#include "env.h"

#define HOST_UNKNOWN (-1)

/* All functions of the kernel, in the order of the file that they come from; NULL: not read yet. */
struct kernel_functions {
	struct kernel_function *list;
	size_t count;
};

struct host {
	int tracefs;                    /* directory descriptor, or -errno; tracefs.h */
	bool tracefs_tried;
	int uprobe_pmu, kprobe_pmu;     /* perf event types of the kprobe and uprobe PMUs, or -errno; 0: not read yet */
	int uprobe_retbit, kprobe_retbit; /* bit in config that makes a return probe */
	int kprobe_multi, uprobe_multi; /* HOST_UNKNOWN, 0 or 1: multi-links */
	int first_cpu;                  /* HOST_UNKNOWN, or the first online CPU */
	uint64_t *online;               /* bit mask */
	uint32_t online_words;
	struct kernel_functions functions[2]; /* without and with addresses; kernel_functions.c */
	const char *last_report;        /* text of the last complaint about attach points */
	char *why;                      /* what attach_explain() noted last; providers.h */
};

/* env->host, made on first use. */
struct host *host_get(struct env *env);

/* Read a small file as text without trailing newline: length, or -errno.  `dir` may be AT_FDCWD. */
int host_read_text(int dir, const char *path, char *buf, size_t size);
/* Read a whole file (also of /proc, /sys and tracefs, which have no size); free with free().  -errno on failure. */
ssize_t host_read_file(int dir, const char *path, char **data);

/* The next online CPU from `cpu` on, or -1 after the last. */
int host_next_cpu(struct env *env, int cpu);
/* Type of the dynamic PMU "uprobe" or "kprobe" and its return-probe bit, or -errno. */
int host_probe_pmu(struct env *env, bool user, int *retbit);
/* The process that probes are limited to: the child of -c, else -p; 0: all. */
pid_t host_target_pid(const struct env *env);
/* Whether programs for multi-links can be attached (kprobe_multi: 5.18, uprobe_multi: 6.6). */
bool host_has_multi(struct env *env, bool user);

#endif
