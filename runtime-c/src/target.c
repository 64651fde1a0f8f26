/* target.c - start, watch and end the process that is traced.
 *
 * The command of -c is forked at once, because programs and probes may need its pid, but it runs only when all probes are
 * attached.  It is split at blanks, as bpftrace does, and looked up in PATH.  Watching is by pidfd (5.3). */
#define _GNU_SOURCE
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util.h"

#define TERM_PATIENCE_MS 1000

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

int pidfd_open_raw(pid_t pid)
{
	long fd = syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : (int)fd;
}

/* Cut a command line at blanks. */
static char **words_split(const char *cmd)
{
	char *copy = arena_strdup(cmd), **words = arena_alloc((strlen(cmd) / 2 + 2) * sizeof(char *)), *save;
	size_t n = 0;

	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		words[n++] = w;
	return words;
}

/* The file that a command names, found in PATH if it has no '/'; NULL if it cannot be executed. */
static const char *command_path(const char *name)
{
	const char *path = getenv("PATH");

	if (strchr(name, '/'))
		return access(name, X_OK) ? NULL : name;
	for (path = path ? path : "/usr/bin:/bin"; *path; path += strcspn(path, ":"), path += *path == ':') {
		const char *file = arena_printf("%.*s/%s", (int)strcspn(path, ":"), path, name);

		if (!access(file, X_OK))
			return file;
	}
	return NULL;
}

static void child_main(const char *path, char **words, int go, int result, pid_t parent)
{
	sigset_t none;
	int code;
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent || read(go, &byte, 1) != 1)
		_exit(1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	execv(path, words);
	code = errno;
	write_all(result, &code, sizeof(code));
	_exit(127);
}

static int command_fork(struct env *env, struct target *target)
{
	char **words = words_split(env->opt.cmd);
	const char *path = words[0] ? command_path(words[0]) : NULL;
	int go[2], result[2];
	pid_t parent = getpid();

	if (!path) {
		err("Failed to fork child: Path '%s' does not exist or is not executable", words[0] ? words[0] : "");
		return -ENOENT;
	}
	if (pipe2(go, O_CLOEXEC) || pipe2(result, O_CLOEXEC) || (env->child = fork_raw()) < 0) {
		err("Failed to fork child: %s", strerror(errno));
		env->child = 0;
		return -errno;
	}
	if (!env->child) {
		close(go[1]);
		child_main(path, words, go[0], result[1], parent);
	}
	close(go[0]);
	close(result[1]);
	target->go = go[1];
	target->result = result[0];
	target->pidfd = pidfd_open_raw(env->child);
	return 0;
}

int target_open(struct env *env, struct target *target)
{
	*target = (struct target){ -1, -1, -1 };
	if (env->opt.cmd)
		return command_fork(env, target);
	if (!env->opt.pid)
		return 0;
	target->pidfd = pidfd_open_raw(env->opt.pid);
	if (target->pidfd >= 0 || target->pidfd == -ENOSYS)
		return 0;
	err("Failed to attach to pid: Unable to open pidfd: %s", strerror(-target->pidfd));
	return target->pidfd;
}

int target_start(struct env *env, struct target *target)
{
	int code = 0;

	if (target->go < 0)
		return 0;
	write_all(target->go, "", 1);
	close(target->go);
	target->go = -1;
	if (read(target->result, &code, sizeof(code)) <= 0)
		code = 0;
	close(target->result);
	target->result = -1;
	if (code)
		err("Failed to run child: cannot execute '%s': %s", env->opt.cmd, strerror(code));
	return -code;
}

void target_close(struct env *env, struct target *target)
{
	struct pollfd pfd = { .fd = target->pidfd, .events = POLLIN };
	int status;

	if (!env->child || waitpid(env->child, &status, WNOHANG) == env->child) {
		env->child = 0;
		return;
	}
	kill(env->child, target->go >= 0 ? SIGKILL : SIGTERM);
	if (target->pidfd < 0 || poll(&pfd, 1, TERM_PATIENCE_MS) == 0)
		kill(env->child, SIGKILL);
	waitpid(env->child, &status, 0);
	env->child = 0;
}
