/* Multiplying integers by a real number without floating point, as gemmlowp does it (fixedpoint.h).
 *
 * Shifts of negative numbers to the right are arithmetic on every compiler that is used here; C99 leaves that open.
 */
#ifndef FIXED_POINT_H
#define FIXED_POINT_H

#include <stdint.h>

/* a * b / 2^31, halves rounded up; -1 times -1 becomes the largest number there is. */
static inline int32_t high_multiply(int32_t a, int32_t b) {
    if (a == INT32_MIN && b == INT32_MIN) return INT32_MAX;
    return (int32_t)(((int64_t)a * b + (1 << 30)) >> 31);
}

/* x / 2^exponent, halves rounded away from zero. */
static inline int32_t divide_by_power(int32_t x, int32_t exponent) {
    const int32_t mask = (int32_t)((1u << exponent) - 1u), remainder = x & mask;
    return (x >> exponent) + (remainder > (mask >> 1) + (x < 0));
}

/* x * 2^exponent, held at the ends of the range. */
static inline int32_t multiply_by_power(int32_t x, int32_t exponent) {
    const int64_t wide = (int64_t)x * ((int64_t)1 << exponent);
    return wide > INT32_MAX ? INT32_MAX : wide < INT32_MIN ? INT32_MIN : (int32_t)wide;
}

static inline int32_t clip(int32_t x, int32_t lowest, int32_t highest) {
    return x < lowest ? lowest : x > highest ? highest : x;
}

#endif
