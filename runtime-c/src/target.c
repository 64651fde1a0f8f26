/* target.c - start, watch and end the process that is traced.
 *
 * The command of -c is forked at once, because programs and probes may need its pid, but it runs only when all probes are
 * attached.  It is split at blanks, as bpftrace does, and looked up in PATH.  Watching is by pidfd (5.3). */
#define _GNU_SOURCE
#include "target.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "parts.h"
#include "unwind.h"
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
		err("Failed to fork child: Path '%s' does not exist or is not executable (No such file or directory)", words[0] ? words[0] : "");
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
	*target = (struct target){ .pidfd = -1, .go = -1, .result = -1 };
	if (env->opt.cmd)
		return command_fork(env, target);
	if (!env->opt.pid)
		return 0;
	target->pidfd = pidfd_open_raw(env->opt.pid);
	if (target->pidfd >= 0 || target->pidfd == -ENOSYS)
		return 0;
	err("Failed to attach to pid: Unable to open pidfd (%s)", strerror(-target->pidfd));
	return target->pidfd;
}

/* Let the command begin; the result is that of its exec. */
static int command_go(struct env *env, struct target *target)
{
	int code = 0;

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

static long trace(int request, pid_t pid, uint64_t address, long data)
{
	return syscall(SYS_ptrace, request, pid, address, data);
}

int target_start(struct env *env, struct target *target)
{
	if (HAS(UNWIND) && target->at_entry)
		trace(PTRACE_DETACH, env->child, 0, 0);
	return target->go < 0 ? 0 : command_go(env, target);
}

#ifdef __x86_64__
/* Where a program begins, behind the work of its interpreter; 0 if nobody says. */
static uint64_t program_entry(pid_t pid)
{
	uint64_t words[128] = {0}, *w = words;
	char path[64];

	str_printf(path, sizeof(path), "/proc/%d/auxv", pid);
	read_file(path, (char *)words, sizeof(words));
	while (*w && *w != AT_ENTRY && w < words + ARRAY_SIZE(words) - 2)
		w += 2;
	return w[1];
}

/* From its exec to a breakpoint at its entry. */
static bool run_to_entry(pid_t pid)
{
	uint64_t entry = program_entry(pid);
	long code;
	int status;

	if (trace(PTRACE_PEEKTEXT, pid, entry, (long)&code) || trace(PTRACE_POKETEXT, pid, entry, (code & ~0xffl) | 0xcc) ||
	    trace(PTRACE_CONT, pid, 0, 0) || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return false;
	trace(PTRACE_POKETEXT, pid, entry, code);
	return !trace(PTRACE_POKEUSER, pid, 16 * 8 /* rip */, (long)entry);
}

int target_run_to_entry(struct env *env, struct target *target)
{
	int status, ret;

	target->at_entry = !trace(PTRACE_SEIZE, env->child, 0, PTRACE_O_TRACEEXEC);
	ret = command_go(env, target);
	if (ret)
		return ret;
	if (target->at_entry && waitpid(env->child, &status, 0) == env->child && run_to_entry(env->child))
		return 0;
	err("Failed to run child to entry");
	return -ECHILD;
}
#else
int target_run_to_entry(struct env *env, struct target *target)
{
	(void)env;
	(void)target;
	return -ENOTSUP;
}
#endif

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
