/* rights.c - which capability is missing where the kernel says no (5.8 has CAP_BPF and CAP_PERFMON; before, and always,
 * CAP_SYS_ADMIN stands for both).  docs/privileges.md has the table. */
#include "rights.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host.h"
#include "payload.h"
#include "util.h"

enum { DAC_READ_SEARCH = 2, NET_ADMIN = 12, SYS_ADMIN = 21, PERFMON = 38, BPF = 39 };

#define BIT(n) (1ull << (n))

static const struct { uint8_t bit; const char *name; } names[] = {
	{ BPF, "BPF" }, { PERFMON, "PERFMON" }, { NET_ADMIN, "NET_ADMIN" }, { DAC_READ_SEARCH, "DAC_READ_SEARCH" },
	{ SYS_ADMIN, "SYS_ADMIN" },
};

static uint64_t rights_held(void)
{
	struct { uint32_t version; int pid; } head = { 0x20080522, 0 };
	struct { uint32_t effective, permitted, inheritable; } data[2] = { 0 };

	syscall(SYS_capget, &head, data);
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

static uint64_t rights_needed(uint16_t kind)
{
	switch (kind) {
	case RIGHTS_MAPS:
		return BIT(BPF);
	case BTAOT_PROBE_KIND_TEST:
	case BTAOT_PROBE_KIND_BENCH:
		return BIT(BPF) | BIT(PERFMON) | BIT(NET_ADMIN);
	case BTAOT_PROBE_KIND_TRACEPOINT:
		/* its files are root's; where nobody has mounted tracefs, we do it for ourselves */
		return BIT(BPF) | BIT(PERFMON) | BIT(DAC_READ_SEARCH) |
		       (access("/sys/kernel/tracing/events", F_OK) && errno == ENOENT ? BIT(SYS_ADMIN) : 0);
	default:
		return BIT(BPF) | BIT(PERFMON);
	}
}

/* perf_event_open(2) asks for more than CAP_PERFMON. */
static bool perf_is_paranoid(void)
{
	char text[32];

	return read_file("/proc/sys/kernel/perf_event_paranoid", text, sizeof(text)) > 0 && atoi(text) > 2 &&
	       !(rights_held() & BIT(SYS_ADMIN));
}

/* The first letter of the kernel's lockdown mode; 'n' for none, or if it cannot be read. */
static char lockdown_mode(void)
{
	char text[64], *at;

	return read_file("/sys/kernel/security/lockdown", text, sizeof(text)) > 0 && (at = strchr(text, '[')) ? at[1] : 'n';
}

bool rights_refuse_kprobes(void)
{
	return perf_is_paranoid() || lockdown_mode() == 'c';
}

const char *rights_explain(uint16_t kind)
{
	uint64_t held = rights_held(), missing;
	const char *list = "", *comma = "";

	if (held & BIT(SYS_ADMIN))
		held |= BIT(BPF) | BIT(PERFMON);
	missing = rights_needed(kind) & ~held;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (missing & BIT(names[i].bit)) {
			list = arena_printf("%s%sCAP_%s", list, comma, names[i].name);
			comma = ", ";
		}
	if (*list)
		return arena_printf(" (missing: %s)", list);
	if (kind != RIGHTS_MAPS && perf_is_paranoid())
		return " (kernel.perf_event_paranoid is above 2: CAP_SYS_ADMIN is needed)";
	if (lockdown_mode() != 'n')
		return " (kernel lockdown)";
	if (kind >= BTAOT_PROBE_KIND_UPROBE && kind <= BTAOT_PROBE_KIND_USDT && !(held & BIT(SYS_ADMIN)))
		return " (before Linux 6.6 CAP_SYS_ADMIN is needed)";
	return " (kernel lockdown, a security module, or a container's seccomp filter)";
}
