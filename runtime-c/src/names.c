/* names.c - numbers that have names: addresses, users, allocation flags.
 *
 * Role: small conversions that need a table or a look at the host; nothing here is on a hot path.
 * NSS is never used: user names come from /etc/passwd, as bpftrace reads them. */
#include <fcntl.h>
#include <sys/socket.h>
#include <stdlib.h>

#include "output_internal.h"

static void inet4_text(struct textbuf *b, const uint8_t *p)
{
	text_printf(b, "%u.%u.%u.%u", p[0], p[1], p[2], p[3]);
}

/* As RFC 5952: the longest run of zeros, of two words or more, is left out; what stands for an IPv4 address ends so. */
static void inet6_text(struct textbuf *b, const uint8_t *p)
{
	int start = -1, length = 1, run = 0;

	for (int i = 0; i < 8; i++) {
		run = p[2 * i] | p[2 * i + 1] ? 0 : run + 1;
		if (run > length) {
			length = run;
			start = i - run + 1;
		}
	}
	for (int i = 0; i < 8; i++) {
		if (i == start) {
			text_str(b, "::");
			i += length - 1;
			continue;
		}
		if (i && i != start + length)
			text_char(b, ':');
		if (i == 6 && start == 0 && (length == 6 || (length == 5 && p[10] == 0xff && p[11] == 0xff))) {
			inet4_text(b, p + 12);
			return;
		}
		text_hex(b, (uint64_t)p[2 * i] << 8 | p[2 * i + 1]);
	}
}

void inet_text(struct textbuf *b, const uint8_t *p)
{
	uint32_t family = load_u32(p);

	if (family == AF_INET)
		inet4_text(b, p + 4);
	else if (family == AF_INET6)
		inet6_text(b, p + 4);
}

void mac_text(struct textbuf *b, const uint8_t *p)
{
	text_printf(b, "%02X:%02X:%02X:%02X:%02X:%02X", p[0], p[1], p[2], p[3], p[4], p[5]);
}

struct user_wanted {
	uint32_t uid;
	struct textbuf *out;
};

/* name:password:uid:... */
static int passwd_visit(void *arg, char *line)
{
	struct user_wanted *w = arg;
	char *password = strchr(line, ':'), *uid = password ? strchr(password + 1, ':') : NULL, *end;

	if (!uid || strtoul(uid + 1, &end, 10) != w->uid || *end != ':')
		return 0;
	*password = '\0';
	text_str(w->out, line);
	return 1;
}

void username_text(struct textbuf *b, uint32_t uid)
{
	file_lines(AT_FDCWD, "/etc/passwd", passwd_visit, &(struct user_wanted){uid, b});
}

enum gfp_bit {
	GFP_BIT_DMA, GFP_BIT_HIGHMEM, GFP_BIT_DMA32, GFP_BIT_MOVABLE, GFP_BIT_RECLAIMABLE, GFP_BIT_HIGH, GFP_BIT_IO,
	GFP_BIT_FS, GFP_BIT_ZERO, GFP_BIT_UNUSED, GFP_BIT_DIRECT_RECLAIM, GFP_BIT_KSWAPD_RECLAIM, GFP_BIT_WRITE,
	GFP_BIT_NOWARN, GFP_BIT_RETRY_MAYFAIL, GFP_BIT_NOFAIL, GFP_BIT_NORETRY, GFP_BIT_MEMALLOC, GFP_BIT_COMP,
	GFP_BIT_NOMEMALLOC, GFP_BIT_HARDWALL, GFP_BIT_THISNODE, GFP_BIT_ACCOUNT, GFP_BIT_ZEROTAGS, GFP_BIT_SKIP_ZERO,
	GFP_BIT_SKIP_KASAN, GFP_BIT_NO_OBJ_EXT,
};

#define G(name) (1u << GFP_BIT_##name)
#define GFP_RECLAIM_BITS (G(DIRECT_RECLAIM) | G(KSWAPD_RECLAIM))
#define GFP_KERNEL_BITS (GFP_RECLAIM_BITS | G(IO) | G(FS))
#define GFP_USER_BITS (GFP_KERNEL_BITS | G(HARDWALL))
/* Without the `movable` bit, as bpftrace has it. */
#define GFP_HIGHUSER_MOVABLE_BITS (GFP_USER_BITS | G(HIGHMEM) | G(SKIP_KASAN))
#define GFP_LIGHT_BITS ((GFP_HIGHUSER_MOVABLE_BITS | G(COMP) | G(NOMEMALLOC) | G(NOWARN)) & ~GFP_RECLAIM_BITS)

/* Compounds first, in the kernel's order; bits that are left are shown by themselves.  "_" stands for "__GFP_", nothing for
 * "GFP_". */
#define GFP_NAMES(X) \
	X(GFP_LIGHT_BITS | G(DIRECT_RECLAIM), "TRANSHUGE") X(GFP_LIGHT_BITS, "TRANSHUGE_LIGHT") \
	X(GFP_HIGHUSER_MOVABLE_BITS, "HIGHUSER_MOVABLE") X(GFP_USER_BITS | G(HIGHMEM), "HIGHUSER") \
	X(GFP_USER_BITS, "USER") X(GFP_KERNEL_BITS | G(ACCOUNT), "KERNEL_ACCOUNT") X(GFP_KERNEL_BITS, "KERNEL") \
	X(GFP_RECLAIM_BITS | G(IO), "NOFS") X(G(HIGH) | G(KSWAPD_RECLAIM), "ATOMIC") \
	X(GFP_RECLAIM_BITS, "NOIO") X(G(KSWAPD_RECLAIM) | G(NOWARN), "NOWAIT") X(G(DMA), "DMA") \
	X(G(HIGHMEM), "_HIGHMEM") X(G(DMA32), "DMA32") X(G(HIGH), "_HIGH") X(G(IO), "_IO") X(G(FS), "_FS") \
	X(G(ZERO), "_ZERO") X(G(DIRECT_RECLAIM), "_DIRECT_RECLAIM") X(G(KSWAPD_RECLAIM), "_KSWAPD_RECLAIM") \
	X(G(WRITE), "_WRITE") X(G(NOWARN), "_NOWARN") X(G(RETRY_MAYFAIL), "_RETRY_MAYFAIL") \
	X(G(NOFAIL), "_NOFAIL") X(G(NORETRY), "_NORETRY") X(G(MEMALLOC), "_MEMALLOC") X(G(COMP), "_COMP") \
	X(G(NOMEMALLOC), "_NOMEMALLOC") X(G(HARDWALL), "_HARDWALL") X(G(THISNODE), "_THISNODE") \
	X(G(ACCOUNT), "_ACCOUNT") X(G(ZEROTAGS), "_ZEROTAGS") X(G(SKIP_ZERO), "_SKIP_ZERO") \
	X(G(SKIP_KASAN), "_SKIP_KASAN") X(G(NO_OBJ_EXT), "_NO_OBJ_EXT")
#define GFP_MASK(mask, name) mask,
#define GFP_NAME(mask, name) name "\0"

void gfp_text(struct textbuf *b, uint64_t flags)
{
	static const uint32_t masks[] = { GFP_NAMES(GFP_MASK) };
	static const char names[] = GFP_NAMES(GFP_NAME);
	const char *bar = "", *name = names;

	if (!flags)
		text_char(b, '0');
	for (size_t i = 0; i < ARRAY_SIZE(masks); i++, name += strlen(name) + 1) {
		if ((flags & masks[i]) != masks[i])
			continue;
		text_str(b, bar);
		text_str(b, *name == '_' ? "__GFP" : "GFP_");
		text_str(b, name);
		flags &= ~(uint64_t)masks[i];
		bar = "|";
	}
	if (flags) {
		text_str(b, bar);
		text_str(b, "0x");
		text_hex(b, flags);
	}
}
