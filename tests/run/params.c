// A program whose functions have parameters of every kind; the tests read them by name from its debug information.
#include <stdbool.h>
#include <stdint.h>

#define NOINLINE __attribute__((noinline)) __attribute__((used))
#define KEEP __asm__ volatile("" ::: "memory")

/* A static probe with one argument, as <sys/sdt.h> makes it. */
#define PROBE(name, value) \
	__asm__ volatile("990: nop\n.pushsection .note.stapsdt,\"\",%%note\n.balign 4\n" \
			 ".4byte 992f-991f, 994f-993f, 3\n991: .asciz \"stapsdt\"\n992: .balign 4\n" \
			 "993: .8byte 990b, 0, 0\n.asciz \"params\"\n.asciz \"" name "\"\n.asciz \"8@%0\"\n" \
			 "994: .balign 4\n.popsection\n" ::"r"(value))

enum color { RED, GREEN = 5, BLUE = -1 };

struct point {
	int x, y;
};

struct large {
	long a, b, c;
};

struct mixed {
	long n;
	double d;
};

struct parts {
	unsigned low : 3;
	int middle : 5;
	unsigned long high : 40;
	struct {
		int inner;
		union {
			int whole;
			char letter;
		};
	};
	uint8_t bytes[4];
	char text[6];
	enum color color;
	int table[2][3];
	struct point *points[2];
	struct parts *next;
};

typedef struct {
	short s;
	long l;
} unnamed_t;

struct hidden;

NOINLINE int widths(bool b, signed char c, unsigned char uc, short s, unsigned int u, long l)
{
	KEEP;
	return b + c + uc + s + (int)u + (int)l;
}

NOINLINE struct large crowded(int a, struct large big, char c, short d, unsigned e, long f, unsigned long g, signed char h,
			      struct point p, bool last)
{
	KEEP;
	big.a += a + c + d + (long)e + f + (long)g + h + p.x + last;
	return big;
}

NOINLINE double floats(double d, int n, float f, struct mixed m, long k)
{
	KEEP;
	return d * n + (double)f + m.d + (double)k;
}

NOINLINE int wide(int n, __int128 w, enum color c)
{
	KEEP;
	return n + (int)w + c;
}

NOINLINE int strings(const char *s, char **list, unnamed_t *u, struct hidden *h)
{
	KEEP;
	return s[0] + list[0][0] + u->s + (h != 0);
}

NOINLINE int members(struct parts *p)
{
	PROBE("members", p);
	return p->middle;
}

static NOINLINE int lines(int n)
{
	int sum = 0;
	for (int i = 0; i < n; i++) { // the loop
		KEEP;
		sum += i * n; // in the loop
		KEEP;
	}
	KEEP;
	return sum; // after the loop
}

NOINLINE int nothing(void)
{
	KEEP;
	return 1;
}

int main(void)
{
	struct point one = { 1, 2 }, two = { 3, -4 };
	struct parts last = { .low = 1 };
	struct parts p = {
		.low = 5, .middle = -3, .high = 0x123456789a, .inner = 77, .whole = 65, .bytes = { 1, 2, 3, 255 },
		.text = "text", .color = GREEN, .table = { { 1, 2, 3 }, { 4, 5, 6 } }, .points = { &one, &two }, .next = &last,
	};
	char *list[] = { "first", "second", 0 };
	unnamed_t u = { -7, 8 };

	widths(true, -1, 255, -300, 4000000000u, -5000000000);
	crowded(-1, (struct large){ 21, 22, 23 }, 'c', -4, 5, -6, 7, -8, (struct point){ 31, -32 }, true);
	floats(1.5, 3, 2.5f, (struct mixed){ 41, 1.0 }, 42);
	wide(1, ((__int128)7 << 64) + 9, BLUE);
	strings("hello", list, &u, (struct hidden *)&u);
	members(&p);
	lines(3);
	return nothing() - 1;
}
