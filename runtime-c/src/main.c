/* main.c - a compiled script starts here.
 *
 * Reads the payload from the executable itself (or a memfd that it was run from), then does what the command line asks for:
 * options, configuration, maps, expansion of probes, programs, the run.  Exit status: that of the script's exit(), 1 for
 * every error.  The one `struct env` of the program is here. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "attach.h"
#include "config.h"
#include "env.h"
#include "info.h"
#include "load.h"
#include "maps.h"
#include "options.h"
#include "params.h"
#include "run.h"
#include "symbols.h"
#include "unwind.h"
#include "util.h"

#define SELF "/proc/self/exe"
#define CPUS "/sys/devices/system/cpu/possible"

/* Kernels before 5.11 charge maps against RLIMIT_MEMLOCK; many probes need many descriptors.  Best effort. */
static void limits_raise(void)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY }, files;

	limit_set(RLIMIT_MEMLOCK, &all);
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		limit_set(RLIMIT_NOFILE, &files);
	}
}

/* Possible CPUs: one above the last number in "0-3,8-11".  Per-CPU map values have that many copies, so a guess would not do. */
static uint32_t cpus_possible(void)
{
	char text[512], *last;

	if (read_file(CPUS, text, sizeof(text)) <= 0)
		return 0;
	last = text + strlen(text);
	while (last > text && strchr("0123456789\n", last[-1]))
		last--;
	return (uint32_t)strtoul(last, NULL, 10) + 1;
}

/* Where the caller closed a standard stream, no descriptor of ours may take its number. */
static void streams_open(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	close(fd);
}

/* Messages name the file as the user does. */
static int self_read(struct env *env, const char *name)
{
	int fd = open(SELF, O_RDONLY | O_CLOEXEC), ret;

	if (fd < 0) {
		err("%s: cannot open %s: %s", name, SELF, strerror(errno));
		return -errno;
	}
	ret = payload_read_fd(&env->payload, fd, name);
	close(fd);
	return ret;
}

static int prepare(struct env *env, struct target *target)
{
	int ret;

	limits_raise();
	params_into_texts(env);
	ret = params_into_types(env);
	if (!ret)
		ret = unwind_read(env, target);
	if (!ret)
		ret = maps_create(env);
	if (!ret)
		ret = unwind_store(env);
	if (!ret)
		ret = params_store(env);
	if (!ret)
		ret = symbols_prepare(env);
	if (!ret)
		ret = attach_expand(env);
	return ret ? ret : load_programs(env);
}

int main(int argc, char **argv)
{
	static struct env env;
	struct target target;
	int ret;

	env.start_boot_ns = now_ns(CLOCK_BOOTTIME);
	streams_open();
	if (self_read(&env, argc ? argv[0] : SELF))
		return 1;
	ret = options_parse(&env, argc, argv);
	if (!ret)
		ret = config_load(&env);
	if (ret)
		return ret < 0;
	env.cpu_count = cpus_possible();
	if (!env.cpu_count) {
		err("cannot read %s: is /sys mounted?", CPUS);
		return 1;
	}
	if (env.opt.info)
		return info_print(&env) ? 1 : 0;
	ret = target_open(&env, &target);
	if (!ret)
		ret = prepare(&env, &target);
	if (!ret)
		ret = run(&env, &target);
	else
		target_close(&env, &target);
	return ret ? 1 : env.exit_code;
}
