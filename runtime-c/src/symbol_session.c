/* symbol_session.c - facts of one run: times, process ids, CPUs, cgroups.
 *
 * The pid namespace matters only when it is not the initial one, whose inode number is fixed in the kernel. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "symbols.h"
#include "util.h"

#define PROC_PID_INIT_INO 0xeffffffcu
#define SANDWICH_RUNS 5

/* Device and inode of our pid namespace; zeros for the initial one.  The kernel packs a device as 12:20 bits. */
static void pid_namespace(uint64_t *dev, uint64_t *ino)
{
	struct stat st;

	*dev = *ino = 0;
	if (stat("/proc/self/ns/pid", &st) || st.st_ino == PROC_PID_INIT_INO)
		return;
	*dev = (uint64_t)major(st.st_dev) << 20 | minor(st.st_dev);
	*ino = st.st_ino;
}

bool symbol_in_pid_namespace(void)
{
	uint64_t dev, ino;

	pid_namespace(&dev, &ino);
	return ino;
}

/* Our pid as the initial namespace sees it: the first number of NSpid, where /proc shows one. */
static uint64_t own_pid(void)
{
	char buf[4096], *at;

	if (read_file("/proc/self/status", buf, sizeof(buf)) > 0 && (at = strstr(buf, "\nNSpid:")))
		return strtoull(at + 7, NULL, 10);
	return (uint64_t)getpid();
}

/* CLOCK_TAI - CLOCK_BOOTTIME: of several readings the one whose outer two are closest. */
static uint64_t tai_offset(void)
{
	uint64_t best = UINT64_MAX, offset = 0;

	for (int i = 0; i < SANDWICH_RUNS; i++) {
		uint64_t before = now_ns(CLOCK_TAI), boot = now_ns(CLOCK_BOOTTIME), after = now_ns(CLOCK_TAI);

		if (after - before < best) {
			best = after - before;
			offset = before + (after - before) / 2 - boot;
		}
	}
	return offset;
}

static int session_fact(struct env *env, uint32_t fact, uint64_t *value)
{
	uint64_t other;

	switch (fact) {
	case BTAOT_SESSION_FACT_START_TIME:
		*value = env->start_boot_ns;
		return 0;
	case BTAOT_SESSION_FACT_OWN_PID:
		*value = own_pid();
		return 0;
	case BTAOT_SESSION_FACT_PIDNS_DEV:
		pid_namespace(value, &other);
		return 0;
	case BTAOT_SESSION_FACT_PIDNS_INO:
		pid_namespace(&other, value);
		return 0;
	case BTAOT_SESSION_FACT_CPU_COUNT:
		*value = env->cpu_count;
		return 0;
	case BTAOT_SESSION_FACT_PAGE_SIZE:
		*value = page_size();
		return 0;
	case BTAOT_SESSION_FACT_CHILD_PID:
		*value = (uint64_t)env->child;
		return 0;
	case BTAOT_SESSION_FACT_SW_TAI_OFFSET:
		*value = tai_offset();
		return 0;
	case BTAOT_SESSION_FACT_HELPER_ERRORS:
		*value = env->opt.helper_errors > 0;
		return 0;
	default:
		return -ENOTSUP;
	}
}

/* The id of a cgroup is its file handle in cgroup2, which is the inode number on 64-bit hosts. */
static int cgroup_id(const char *path, uint64_t *id)
{
	_Alignas(struct file_handle) char buf[sizeof(struct file_handle) + sizeof(*id)] = { 0 };
	struct file_handle *handle = (struct file_handle *)buf;
	int mount;

	handle->handle_bytes = sizeof(*id);
	if (name_to_handle_at(AT_FDCWD, path, handle, &mount, 0))
		return -errno;
	memcpy(id, handle->f_handle, sizeof(*id));
	return 0;
}

int symbol_session(struct env *env, const struct btaot_symbol *s, uint64_t *value)
{
	int ret;

	if (s->kind == BTAOT_SYMBOL_KIND_SESSION)
		return session_fact(env, (uint32_t)s->imm, value);
	ret = cgroup_id(payload_str(&env->payload, s->a), value);
	if (ret)
		err("%s: cannot find the id of the cgroup %s: %s", symbol_place(env, s), payload_str(&env->payload, s->a),
		    strerror(-ret));
	return ret == -ENOENT ? -EIO : ret;
}
