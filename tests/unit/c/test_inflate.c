/* test_inflate.c - zlib_inflate() over the data on standard input: "test_inflate SIZE" writes what comes out.
 *
 * "test_inflate SIZE damage N" changes bytes N times instead: whatever comes out, nothing outside the buffers may be
 * touched.  Both buffers have exactly their size. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inflate.h"

static void damage(uint8_t *out, size_t size, uint8_t *data, size_t count, int times)
{
	for (int i = 0; i < times; i++) {
		size_t at = (size_t)rand() % count;
		uint8_t was = data[at];

		data[at] = (uint8_t)rand();
		zlib_inflate(out, size, data, count);
		zlib_inflate(out, size, data, at);
		if (rand() % 4)
			data[at] = was;
	}
}

int main(int argc, char **argv)
{
	static uint8_t input[1 << 20];
	size_t size = argc > 1 ? strtoul(argv[1], NULL, 10) : 0, count = fread(input, 1, sizeof(input), stdin);
	uint8_t *data = malloc(count), *out = malloc(size);

	memcpy(data, input, count);
	if (argc > 3) {
		damage(out, size, data, count, atoi(argv[3]));
	} else if (zlib_inflate(out, size, data, count)) {
		fwrite(out, 1, size, stdout);
	} else {
		puts("damaged");
	}
	free(data);
	free(out);
	return 0;
}
