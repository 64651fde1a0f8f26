/* archive.h - members of zip archives. */
#ifndef BTAOT_ARCHIVE_H
#define BTAOT_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>

/* Offset of the bytes of an uncompressed member, 0 if there is none of this name. */
uint64_t archive_member(const uint8_t *data, size_t size, const char *name);

#endif
