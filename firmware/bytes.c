/* What compilers call without being asked: copying and filling memory, byte by byte. */
#include "bytes.h"

void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
    unsigned char *target = to;
    for (const unsigned char *source = from; bytes > 0; bytes--) *target++ = *source++;
    return to;
}

void *memset(void *to, int value, size_t bytes) {
    for (unsigned char *target = to; bytes > 0; bytes--) *target++ = (unsigned char)value;
    return to;
}
