/* run.c - begin, attach, the event loop, the end.
 *
 * Order: `begin` runs, everything is attached, then the `running` word lets probes that cannot be disabled do their work.
 * At the end `running` is cleared and events are disabled first, so that what is drained then is complete; `end` runs, its
 * events are drained, maps are printed.  Closing perf events takes 50 ms and more each, so a child process does it while
 * the caller already has our exit status.  SIGINT, SIGTERM and SIGUSR1 come through a signalfd from `begin` on; once
 * the end has begun, a second signal kills at once. */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "attach.h"
#include "events.h"
#include "maps.h"
#include "output.h"
#include "parts.h"
#include "trials.h"
#include "util.h"

#define IDLE_MS 200
#define LOSSES_NS 100000000u
#define NOTIFY "__BPFTRACE_NOTIFY_PROBES_ATTACHED"

static int signals_open(sigset_t *set)
{
	int fd;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGUSR1);
	sigprocmask(SIG_BLOCK, set, NULL);
	fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		err("cannot receive signals: %s", strerror(errno));
	return fd < 0 ? -errno : fd;
}

static bool has_attach(const struct env *env, uint16_t kind, const char *name)
{
	for (uint32_t i = 0; i < env->payload.attach_count; i++) {
		const struct btaot_attach *a = &env->payload.attaches[i];

		if (a->kind == kind && (!name || !strcmp(payload_str(&env->payload, a->name), name)))
			return true;
	}
	return false;
}

/* Whether anything can still happen after `begin`: a script of begin and end alone is over when it is drained. */
static bool waits_for_events(const struct env *env)
{
	bool waits = false;

	for (uint32_t i = 0; i < env->instance_count; i++)
		switch (env->payload.attaches[env->instances[i].attach].kind) {
		case BTAOT_PROBE_KIND_ITER:
			return false;  /* it has run to its end */
		case BTAOT_PROBE_KIND_BEGIN:
		case BTAOT_PROBE_KIND_END:
		case BTAOT_PROBE_KIND_TEST:
		case BTAOT_PROBE_KIND_BENCH:
			break;
		default:
			waits = true;
		}
	return waits;
}

static void signal_handle(struct env *env, const struct signalfd_siginfo *info)
{
	if (info->ssi_signo != SIGUSR1)
		async_hurry(env);
	else if (has_attach(env, BTAOT_PROBE_KIND_SELF_SIGNAL, "SIGUSR1"))
		attach_run(env, BTAOT_PROBE_KIND_SELF_SIGNAL, "SIGUSR1");
	else
		output_maps(env);
}

static void signals_read(struct env *env, int fd)
{
	struct signalfd_siginfo info;

	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		signal_handle(env, &info);
}

/* Wait for events, signals and the end of the target, and handle them, until something stops the run. */
static void loop(struct env *env, int signals, int target)
{
	struct pollfd fds[] = {
		{ .fd = events_fd(env), .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
		{ .fd = target, .events = POLLIN },
	};
	uint64_t reported = 0, now;
	int count = 1;

	while (!env->stop) {
		if (!count)
			output_idle(env);
		if (poll(fds, ARRAY_SIZE(fds), count ? 0 : IDLE_MS) < 0 && errno != EINTR)
			return;
		if (fds[1].revents)
			signals_read(env, signals);
		count = events_drain(env, true);
		if (!count && env->globals->exit) {
			env->exit_code = (uint8_t)env->globals->exit;
			env->stop = true;
		}
		now = now_ns(CLOCK_MONOTONIC);
		if (now - reported >= LOSSES_NS) {
			output_losses(env);
			reported = now;
		}
		if (fds[2].revents || (!count && !waits_for_events(env)))
			return;
	}
}

static void drain_all(struct env *env, bool until_stop)
{
	while (events_drain(env, until_stop) > 0)
		;
}

/* From here on the default action of a second signal ends us. */
static void signals_release(const sigset_t *set, int fd)
{
	struct signalfd_siginfo info;

	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		;  /* pending ones asked for what is happening now */
	close(fd);
	signal(SIGUSR1, SIG_IGN);
	sigprocmask(SIG_UNBLOCK, set, NULL);
}

static int stop(struct env *env)
{
	int ret, written;

	globals_set_running(env, false);
	attach_disable_all(env);
	drain_all(env, true);
	env->hurry_at = 0;
	env->stop = false;
	ret = attach_run(env, BTAOT_PROBE_KIND_END, NULL);
	drain_all(env, false);
	packets_drain(env);
	output_losses(env);
	output_end(env);
	if (env->cfg.print_maps_on_exit)
		output_maps(env);
	written = output_flush(env);
	if (written == -EPIPE)
		return 0;  /* nobody reads any more: not our failure */
	if (written)
		err("cannot write the output: %s", strerror(-written));
	return written ? written : ret;
}

/* Whoever closes last waits for the kernel: the child begins when its parent has let go of everything. */
static void parent_await(int parent)
{
	struct pollfd gone = { .fd = parent, .events = POLLIN };

	if (parent < 0)
		usleep(100000);  /* no pidfd: 5.3 has them, so something forbids them */
	else
		poll(&gone, 1, -1);
}

/* Leave closing to a child, which must not keep the caller's pipes and terminal open. */
static void detach(struct env *env)
{
	bool slow = false;
	int null, self;

	for (uint32_t i = 0; i < env->instance_count; i++)
		slow |= env->instances[i].fd_count > 0;
	if (!slow)
		return;
	if (env->opt.wait_detach) {
		attach_close_all(env);
		return;
	}
	output_close(env);
	self = pidfd_open_raw(getpid());
	if (fork_raw())
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	setsid();
	parent_await(self);
	attach_close_all(env);
	_exit(0);
}

static int start(struct env *env, struct target *target)
{
	int ret = env->opt.dry_run ? 0 : attach_run(env, BTAOT_PROBE_KIND_BEGIN, NULL);

	if (!ret && env->opt.trials) {
		ret = trials_run(env);
		env->stop = true;
		return ret;
	}
	if (!ret)
		ret = attach_all(env);
	if (ret || env->opt.dry_run)
		return ret;
	globals_set_running(env, true);
	if (env->opt.cmd) {  /* what `begin` prints stands before what the command prints */
		drain_all(env, true);
		output_idle(env);
	}
	ret = target_start(env, target);
	if (ret)
		return ret;
	output_attached(env, attach_count(env));
	if (getenv(NOTIFY)) {
		output_flush(env);
		write_all(STDOUT_FILENO, NOTIFY "\n", sizeof(NOTIFY));
	}
	ret = HAS(ITERS) ? attach_run_iters(env) : 0;
	return ret < 0 ? ret : 0;
}

int run(struct env *env, struct target *target)
{
	sigset_t set;
	int signals = signals_open(&set), ret;

	if (signals < 0)
		return signals;
	ret = output_open(env);
	if (!ret)
		ret = events_open(env);
	if (!ret)
		ret = packets_open(env);
	if (!ret)
		ret = start(env, target);
	if (!ret && !env->opt.dry_run) {
		loop(env, signals, target->pidfd);
		signals_release(&set, signals);
		ret = stop(env);
	}
	target_close(env, target);
	detach(env);
	return ret;
}
