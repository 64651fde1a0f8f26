/* inflate.h - read data compressed by zlib (RFC 1950, RFC 1951). */
#ifndef BTAOT_INFLATE_H
#define BTAOT_INFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fill exactly `size` bytes of `out`.  False if the data is damaged or its size is another; its checksum is not looked at. */
bool zlib_inflate(uint8_t *out, size_t size, const uint8_t *data, size_t data_size);

#endif
