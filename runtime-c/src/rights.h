/* rights.h - which right is missing where the kernel says no. */
#ifndef BTAOT_RIGHTS_H
#define BTAOT_RIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#define RIGHTS_MAPS 0xffff  /* a kind: what creating maps needs */

/* " (missing: CAP_BPF, ...)" for the probe kind, or what else may forbid it. */
const char *rights_explain(uint16_t kind);
/* Whether the kernel will refuse kprobes made as perf events, but may allow multi-links: kernel.perf_event_paranoid above
 * 2, which Debian and others know, asks for CAP_SYS_ADMIN, and lockdown in the mode "confidentiality" forbids them. */
bool rights_refuse_kprobes(void);

#endif
