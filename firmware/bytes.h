/* The only two functions of the C library that the runtime needs; bytes.c has them for where there is none. */
#ifndef BYTES_H
#define BYTES_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memset(void *to, int value, size_t bytes);

#endif
