/* launch.c - run a command and report what it used: launch FD COMMAND [ARG]...
 *
 * Writes "PID" and, when the command has ended, "STATUS WALL_NS PEAK_KIB CPU_US" to the descriptor, a line each.
 * The kernel counts the memory of the process that forked into the peak of a command: a Python process would
 * hide what a small program uses, so this one stands between. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long micros(struct timeval t)
{
	return t.tv_sec * 1000000LL + t.tv_usec;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	int report = atoi(argv[1]), status = 0;
	long long start = now_ns();
	pid_t pid = fork();

	if (pid == 0) {
		close(report);
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	signal(SIGINT, SIG_IGN);
	dprintf(report, "%d\n", pid);
	struct rusage used;

	if (wait4(pid, &status, 0, &used) < 0)
		return 1;
	long long end = now_ns();

	dprintf(report, "%d %lld %ld %lld\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), end - start,
		used.ru_maxrss, micros(used.ru_utime) + micros(used.ru_stime));
	return 0;
}
