#include "kernels.h"

#include "fixed_point.h"

/* Arduino compiles everything for size; here that would cost a fifth more instructions. */
#if defined(__OPTIMIZE_SIZE__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2", "no-schedule-insns")
#endif

/* A sum times a ratio of scales, rounded twice: after the product, and after the shift to the right. */
int32_t requantize(int32_t sum, struct ratio ratio) {
    if (ratio.shift > 0) return high_multiply((int32_t)((uint32_t)sum << ratio.shift), ratio.multiplier);
    return divide_by_power(high_multiply(sum, ratio.multiplier), -ratio.shift);
}

static int8_t code(int32_t sum, struct ratio ratio, int32_t zero_point, int32_t lowest, int32_t highest) {
    return (int8_t)clip(requantize(sum, ratio) + zero_point, lowest, highest);
}

/* --- convolutions ------------------------------------------------------------------------------------------------ */

/* A window of the input as a column of numbers; outside the picture there is the zero point, which stands for 0. */
static void gather(const struct convolution *layer, const int8_t *input, int32_t place, int16_t *column) {
    const struct windows *at = &layer->at;
    const int32_t top = place / at->out_width * at->stride_height - at->pad_top;
    const int32_t left = place % at->out_width * at->stride_width - at->pad_left;
    for (int32_t y = top; y < top + at->height; y++) {
        for (int32_t x = left; x < left + at->width; x++) {
            const int inside = y >= 0 && y < at->in_height && x >= 0 && x < at->in_width;
            const int8_t *pixel = inside ? input + (y * at->in_width + x) * layer->channels : 0;
            for (int32_t c = 0; c < layer->channels; c++) {
                *column++ = (int16_t)(inside ? pixel[c] : layer->input_zero_point);
            }
        }
    }
}

#if defined(__ARM_FEATURE_DSP) && !defined(PLAIN)

/* SMLAD: two products of 16 bits, added to a sum, in one instruction. */
static inline int32_t smlad(uint32_t two, uint32_t others, int32_t sum) {
    int32_t result;
    __asm__("smlad %0, %1, %2, %3" : "=r"(result) : "r"(two), "r"(others), "r"(sum));
    return result;
}

/* SXTB16: bytes 0 and 2 of a word, or 1 and 3, each widened to 16 bits. */
static inline uint32_t even_bytes(uint32_t word) {
    uint32_t result;
    __asm__("sxtb16 %0, %1" : "=r"(result) : "r"(word));
    return result;
}

static inline uint32_t odd_bytes(uint32_t word) {
    uint32_t result;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(result) : "r"(word));
    return result;
}

/* Four bytes as a word, wherever they lie: one load on these processors. */
static inline uint32_t word_at(const void *from) {
    uint32_t word;
    __builtin_memcpy(&word, from, sizeof word);
    return word;
}

/* Puts every four numbers into the order in which SXTB16 takes four weights apart: 0, 2, 1, 3. */
static void arrange(int16_t *column, int32_t length) {
    for (int32_t k = 0; k + 3 < length; k += 4) {
        const int16_t second = column[k + 1];
        column[k + 1] = column[k + 2];
        column[k + 2] = second;
    }
}

/* Two filters times two columns: four sums share every weight and every number that is loaded. */
static void multiply(const int8_t *w0, const int8_t *w1, const int16_t *a, const int16_t *b, int32_t length,
                     int32_t sums[2][2]) {
    int32_t s00 = sums[0][0], s01 = sums[0][1], s10 = sums[1][0], s11 = sums[1][1];
    for (int32_t blocks = length / 4; blocks > 0; blocks--) {
        const uint32_t four = word_at(w0), others = word_at(w1);
        uint32_t two = word_at(a), too = word_at(b);
        s00 = smlad(even_bytes(four), two, s00);
        s01 = smlad(even_bytes(four), too, s01);
        s10 = smlad(even_bytes(others), two, s10);
        s11 = smlad(even_bytes(others), too, s11);
        two = word_at(a + 2);
        too = word_at(b + 2);
        s00 = smlad(odd_bytes(four), two, s00);
        s01 = smlad(odd_bytes(four), too, s01);
        s10 = smlad(odd_bytes(others), two, s10);
        s11 = smlad(odd_bytes(others), too, s11);
        w0 += 4, w1 += 4, a += 4, b += 4;
    }
    for (int32_t rest = length % 4; rest > 0; rest--, w0++, w1++, a++, b++) {
        s00 += *w0 * *a;
        s01 += *w0 * *b;
        s10 += *w1 * *a;
        s11 += *w1 * *b;
    }
    sums[0][0] = s00, sums[0][1] = s01, sums[1][0] = s10, sums[1][1] = s11;
}

#else

static void arrange(int16_t *column, int32_t length) {
    (void)column, (void)length;
}

/* Two filters times two columns: four sums share every weight and every number that is loaded. */
static void multiply(const int8_t *w0, const int8_t *w1, const int16_t *a, const int16_t *b, int32_t length,
                     int32_t sums[2][2]) {
    int32_t s00 = sums[0][0], s01 = sums[0][1], s10 = sums[1][0], s11 = sums[1][1];
#pragma GCC unroll 4
    for (int32_t k = 0; k < length; k++) {
        s00 += w0[k] * a[k];
        s01 += w0[k] * b[k];
        s10 += w1[k] * a[k];
        s11 += w1[k] * b[k];
    }
    sums[0][0] = s00, sums[0][1] = s01, sums[1][0] = s10, sums[1][1] = s11;
}

#endif

/* Each output is a filter times a window.  Two places and two filters go at a time; a last odd one goes twice. */
void convolve(const struct convolution *layer, const int8_t *input, int8_t *output, int16_t *scratch) {
    const int32_t places = layer->at.out_height * layer->at.out_width;
    const int32_t length = layer->at.height * layer->at.width * layer->channels;
    int16_t *const columns[2] = {scratch, scratch + (length + 3) / 4 * 4};
    for (int32_t p = 0; p < places; p += 2) {
        const int32_t pair[2] = {p, p + 1 < places ? p + 1 : p};
        for (int i = 0; i < 2; i++) {
            gather(layer, input, pair[i], columns[i]);
            arrange(columns[i], length);
        }
        for (int32_t f = 0; f < layer->filters; f += 2) {
            const int32_t two[2] = {f, f + 1 < layer->filters ? f + 1 : f};
            const int8_t *weights[2] = {layer->weights + two[0] * length, layer->weights + two[1] * length};
            int32_t sums[2][2];
            for (int i = 0; i < 2; i++) sums[i][0] = sums[i][1] = layer->bias[two[i]];
            multiply(weights[0], weights[1], columns[0], columns[1], length, sums);
            for (int i = 0; i < 2; i++) {
                for (int j = 0; j < 2; j++) {
                    output[pair[j] * layer->filters + two[i]] = code(
                        sums[i][j], layer->ratios[two[i]], layer->output_zero_point, layer->lowest, layer->highest);
                }
            }
        }
    }
}

/* Each channel has a filter of its own, so nothing is shared: the definition, written down. */
void convolve_depthwise(const struct convolution *layer, const int8_t *input, int8_t *output) {
    const struct windows *at = &layer->at;
    for (int32_t y = 0; y < at->out_height; y++) {
        for (int32_t x = 0; x < at->out_width; x++) {
            for (int32_t c = 0; c < layer->channels; c++) {
                int32_t sum = layer->bias[c];
                for (int32_t i = 0; i < at->height; i++) {
                    for (int32_t j = 0; j < at->width; j++) {
                        const int32_t row = y * at->stride_height - at->pad_top + i;
                        const int32_t column = x * at->stride_width - at->pad_left + j;
                        const int inside = row >= 0 && row < at->in_height && column >= 0 && column < at->in_width;
                        const int32_t number = inside
                            ? input[(row * at->in_width + column) * layer->channels + c]
                            : layer->input_zero_point;
                        sum += number * layer->weights[(i * at->width + j) * layer->channels + c];
                    }
                }
                *output++ = code(sum, layer->ratios[c], layer->output_zero_point, layer->lowest, layer->highest);
            }
        }
    }
}

/* --- pooling ----------------------------------------------------------------------------------------------------- */

/* The part of a window that lies inside the picture, along one axis: from *begin up to *end. */
static void inside(int32_t start, int32_t size, int32_t length, int32_t *begin, int32_t *end) {
    *begin = start < 0 ? 0 : start;
    *end = start + size < length ? start + size : length;
}

/* The largest code of each window, or the mean; halves of a mean are rounded away from the code 0. */
static void pool(const struct pooling *layer, const int8_t *input, int8_t *output, int average) {
    const struct windows *at = &layer->at;
    for (int32_t y = 0; y < at->out_height; y++) {
        for (int32_t x = 0; x < at->out_width; x++) {
            int32_t top, bottom, left, right;
            inside(y * at->stride_height - at->pad_top, at->height, at->in_height, &top, &bottom);
            inside(x * at->stride_width - at->pad_left, at->width, at->in_width, &left, &right);
            const int32_t count = (bottom - top) * (right - left);
            for (int32_t c = 0; c < layer->channels; c++) {
                int32_t result = average ? 0 : INT8_MIN;
                for (int32_t i = top; i < bottom; i++) {
                    for (int32_t j = left; j < right; j++) {
                        const int32_t number = input[(i * at->in_width + j) * layer->channels + c];
                        result = average ? result + number : number > result ? number : result;
                    }
                }
                if (average) result = (result + (result < 0 ? -(count / 2) : count / 2)) / count;
                *output++ = (int8_t)clip(result, layer->lowest, layer->highest);
            }
        }
    }
}

void pool_max(const struct pooling *layer, const int8_t *input, int8_t *output) {
    pool(layer, input, output, 0);
}

void pool_average(const struct pooling *layer, const int8_t *input, int8_t *output) {
    pool(layer, input, output, 1);
}

void take_mean(const struct mean *layer, const int8_t *input, int8_t *output) {
    for (int32_t c = 0; c < layer->channels; c++) {
        int32_t sum = -layer->input_zero_point * layer->places;
        for (int32_t p = 0; p < layer->places; p++) sum += input[p * layer->channels + c];
        output[c] = code(sum, layer->ratio, layer->output_zero_point, INT8_MIN, INT8_MAX);
    }
}

/* --- element by element ------------------------------------------------------------------------------------------ */

enum { ADD_SHIFT = 20 }; /* bits that an addition makes room for: 255 << 20 still fits into 32 bits */

/* Two numbers with different scales are brought to one common scale before they are added. */
void add(const struct addition *layer, const int8_t *first, const int8_t *second, int8_t *output) {
    for (int32_t i = 0; i < layer->numbers; i++) {
        const int32_t a = (first[i] - layer->zero_points[0]) * (1 << ADD_SHIFT);
        const int32_t b = (second[i] - layer->zero_points[1]) * (1 << ADD_SHIFT);
        const int32_t sum = requantize(a, layer->ratios[0]) + requantize(b, layer->ratios[1]);
        output[i] = code(sum, layer->output_ratio, layer->output_zero_point, layer->lowest, layer->highest);
    }
}

/* --- softmax ----------------------------------------------------------------------------------------------------- */

enum { EXP_BITS = 5, SUM_BITS = 12 }; /* whole parts: of an exponent, down to -32, and of a sum of up to 4,096 powers */

/* exp(x) for x in [-1/4, 0), both with 31 bits after the point: the Taylor series around -1/8. */
static int32_t exp_within_a_quarter(int32_t x) {
    const int32_t at_the_centre = 1895147668, third = 715827883; /* exp(-1/8) and 1/3, times 2^31 */
    const int32_t d = x + (1 << 28), d2 = high_multiply(d, d), d3 = high_multiply(d2, d), d4 = high_multiply(d2, d2);
    const int32_t terms = divide_by_power(high_multiply(divide_by_power(d4, 2) + d3, third) + d2, 1);
    return high_multiply(d + terms, at_the_centre) + at_the_centre;
}

/* exp(x) for x <= 0 with 26 bits after the point; the result has 31. */
static int32_t exp_of_negative(int32_t x) {
    static const int32_t factors[] = {/* exp(-1/4), exp(-1/2), exp(-1), ... exp(-16), times 2^31 */
        1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
    const int32_t quarter = 1 << 24, within = (x & (quarter - 1)) - quarter, rest = within - x;
    int32_t result = exp_within_a_quarter(multiply_by_power(within, EXP_BITS));
    if (x == 0) return INT32_MAX;
    for (int i = 0; i < 7; i++) {
        if (rest & (1 << (24 + i))) result = high_multiply(result, factors[i]);
    }
    return result;
}

/* 1 / x for a positive x with 19 bits after the point, by Newton and Raphson; *bits says by how much x was shifted. */
static int32_t reciprocal(int32_t x, int32_t *bits) {
    int32_t headroom = 0;
    while (!(((uint32_t)x << headroom) & 0x80000000u)) headroom++;
    const int32_t shifted_less_one = (int32_t)(((uint32_t)x << headroom) - 0x80000000u);
    const int32_t half = (int32_t)(((int64_t)shifted_less_one + INT32_MAX + 1) / 2);
    int32_t estimate = 1515870810 + high_multiply(half, -1010580540); /* 48/17 - 32/17 half, times 2^29 */
    for (int i = 0; i < 3; i++) {
        const int32_t missing = (1 << 29) - high_multiply(half, estimate);
        estimate += multiply_by_power(high_multiply(estimate, missing), 2);
    }
    *bits = SUM_BITS - headroom;
    return multiply_by_power(estimate, 1);
}

/* Probabilities with the scale 1/256 and the zero point -128.  The largest code is taken off first: exp stays below 1. */
void take_softmax(const struct softmax *layer, const int8_t *input, int8_t *output) {
    for (int32_t r = 0; r < layer->rows; r++, input += layer->classes, output += layer->classes) {
        int32_t largest = INT8_MIN, total = 0, bits;
        for (int32_t c = 0; c < layer->classes; c++) {
            if (input[c] > largest) largest = input[c];
        }
        for (int32_t c = 0; c < layer->classes; c++) {
            const int32_t difference = input[c] - largest;
            if (difference < layer->smallest) continue;
            total += divide_by_power(exp_of_negative(requantize(difference, layer->ratio)), SUM_BITS);
        }
        const int32_t inverse = reciprocal(total, &bits);
        for (int32_t c = 0; c < layer->classes; c++) {
            const int32_t difference = input[c] - largest;
            int32_t share = 0;
            if (difference >= layer->smallest) {
                const int32_t power = exp_of_negative(requantize(difference, layer->ratio));
                share = divide_by_power(high_multiply(power, inverse), bits + 31 - 8);
            }
            output[c] = (int8_t)clip(share - 128, INT8_MIN, INT8_MAX);
        }
    }
}
