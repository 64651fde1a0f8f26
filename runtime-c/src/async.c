/* async.c - cat() and system(): actions that read a file or run a command.
 *
 * Role: the slow actions.  A command runs in a shell with its output in a pipe, so that it appears in order and
 * can become JSON; it dies with us.  Those that wait when a signal ends the run are lost, and counted.  Whether system() is allowed was decided when the script was compiled. */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "output_internal.h"
#include "util.h"

#define HURRY_NS 500000000u

/* Read until the end or until `limit` bytes are there. */
static void read_all(int fd, struct textbuf *b, size_t limit)
{
	while (b->len < limit) {
		size_t want = limit - b->len < 4096 ? limit - b->len : 4096;
		ssize_t n = read(fd, text_room(b, want), want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		b->len += (size_t)n;
	}
}

void async_cat(struct output *o, const char *path)
{
	struct textbuf content = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		int code = errno;

		output_write(o, true);
		err("failed to open file '%s' (%s)", path, strerror(code));
		return;
	}
	read_all(fd, &content, o->env->cfg.max_cat_bytes);
	close(fd);
	if (o->json)
		json_message(o, "cat", content.data, content.len);
	else
		text_bytes(&o->text, content.data, content.len);
	text_free(&content);
}

static void run_shell(const char *command, int out, pid_t parent)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execv("/bin/sh", (char *[]){ "sh", "-c", (char *)(uintptr_t)command, NULL });
	_exit(127);
}

void async_hurry(struct env *env)
{
	env->stop = true;
	if (!env->hurry_at)
		env->hurry_at = now_ns(CLOCK_MONOTONIC) + HURRY_NS;
}

/* Commands take long, and thousands may wait for their turn: a signal must not wait with them. */
static bool too_late(struct env *env)
{
	sigset_t pending;

	sigpending(&pending);
	if (sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM))
		async_hurry(env);
	if (!env->hurry_at || now_ns(CLOCK_MONOTONIC) < env->hurry_at)
		return false;
	env->globals->ringbuf_lost++;
	return true;
}

void async_system(struct output *o, const char *command)
{
	struct textbuf result = {0};
	pid_t parent = getpid(), child;
	int fds[2], status;

	if (too_late(o->env))
		return;
	output_write(o, true);
	if (pipe2(fds, O_CLOEXEC) < 0) {
		err("system(): pipe: %s", strerror(errno));
		return;
	}
	child = fork_raw();
	if (child == 0)
		run_shell(command, fds[1], parent);
	close(fds[1]);
	if (child < 0)
		err("system(): fork: %s", strerror(errno));
	else
		read_all(fds[0], &result, SIZE_MAX);
	close(fds[0]);
	if (child < 0)
		return;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (o->json) {
		json_message(o, "syscall", result.data, result.len);
	} else {
		text_bytes(&o->text, result.data, result.len);
		text_char(&o->text, '\n');
	}
	text_free(&result);
}
