/* The inner loops of two layers of a neural network, as a microcontroller would execute them.
 *
 * pointwise_*: a 1x1 convolution.   Input [pixels][in channels], weights [out channels][in channels].
 * depthwise_*: a 3x3 depthwise one. Input [height][width][channels], weights [3][3][channels].
 *
 * All of them are called in the same way: kernel(layer, input, weights, output). The output overlaps nothing else
 * ("restrict"), so that what belongs to the layer need not be read again after each result is written.
 *
 * _f32, _i8      float32 and int8, the loop as one would write it first
 * _2x2, _4x2...  so many pixels by so many filters at a time: each number that is loaded is used several times
 * _by_4          four channels at a time: where an input lies is looked up once for all of them
 * _smlad         int8 with the DSP instruction SMLAD: two products added to a sum at once (Cortex-M4 and larger)
 * _neon, _sdot   blocks of pixels and filters with the vectors of AArch64, 128 bits each
 *
 * Every int8 kernel gives the same codes, those of TFLite's reference kernels.
 */
#include "kernels.h"

/* A loop over a few registers, without a loop in the compiled program. */
#define EACH(i, NUMBER) _Pragma("GCC unroll 4") for (int i = 0; i < NUMBER; i++)

#ifndef __aarch64__

/* --- from a 32-bit sum back to 8 bits -------------------------------------------------------------------------- */

/* a * b / 2^31, rounded, halves up: gemmlowp's SaturatingRoundingDoublingHighMul. It would saturate only for
 * a = b = -2^31; multipliers are positive. */
static inline int32_t rounding_doubling_high_mul(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + (1 << 30)) >> 31);
}

/* x / 2^exponent, rounded, halves away from zero: gemmlowp's RoundingDivideByPOT. */
static inline int32_t rounding_divide_by_pot(int32_t x, int32_t exponent)
{
    int32_t mask = (int32_t)((1u << exponent) - 1);
    int32_t remainder = x & mask;
    int32_t threshold = (mask >> 1) + (x < 0);
    return (x >> exponent) + (remainder > threshold);
}

/* sum * multiplier / 2^31 * 2^shift: TFLite's MultiplyByQuantizedMultiplier, which rounds twice. */
static inline int32_t requantize(int32_t sum, int32_t multiplier, int32_t shift)
{
    int32_t left = shift > 0 ? shift : 0;
    int32_t right = shift > 0 ? 0 : -shift;
    return rounding_divide_by_pot(rounding_doubling_high_mul(sum << left, multiplier), right);
}

static inline int8_t to_code(int32_t sum, const struct layer *layer, int channel)
{
    int32_t code = requantize(sum, layer->multiplier[channel], layer->shift[channel]) + layer->output_zero_point;
    code = code < layer->lowest ? layer->lowest : code;
    code = code > layer->highest ? layer->highest : code;
    return (int8_t)code;
}

static inline float clip(float value, const struct layer *layer)
{
    value = value < layer->lowest_real ? layer->lowest_real : value;
    return value > layer->highest_real ? layer->highest_real : value;
}

/* --- the nine inputs of a 3x3 window --------------------------------------------------------------------------- */

/* Find where the nine inputs of an output begin. Those in the padding are in a row that holds the number zero,
 * so that the loops need not ask (an indirection buffer: Dukhan 2019, arXiv:1907.02129). */
static inline void find_window(const struct layer *layer, int y, int x, const char *input, int bytes,
                               const void *padding, const char *window[9])
{
    int top = y * layer->stride_height - layer->pad_top, left = x * layer->stride_width - layer->pad_left;
    for (int tap = 0; tap < 9; tap++) {
        int row = top + tap / 3, column = left + tap % 3;
        int inside = row >= 0 && row < layer->in_height && column >= 0 && column < layer->in_width;
        int place = (row * layer->in_width + column) * layer->in_channels;
        window[tap] = inside ? input + place * bytes : (const char *)padding;
    }
}

/* --- 1x1 convolution ------------------------------------------------------------------------------------------- */

void pointwise_f32(const struct layer *layer, const float *input, const float *weights, float *restrict output)
{
    int pixels = layer->out_height * layer->out_width, channels = layer->in_channels, filters = layer->out_channels;
    for (int p = 0; p < pixels; p++) {
        for (int f = 0; f < filters; f++) {
            const float *x = input + p * channels, *w = weights + f * channels;
            float sum = layer->bias_real[f];
            for (int c = 0; c < channels; c++)
                sum += x[c] * w[c];
            output[p * filters + f] = clip(sum, layer);
        }
    }
}

void pointwise_f32_2x2(const struct layer *layer, const float *input, const float *weights, float *restrict output)
{
    int pixels = layer->out_height * layer->out_width, channels = layer->in_channels, filters = layer->out_channels;
    for (int p = 0; p < pixels; p += 2) {
        for (int f = 0; f < filters; f += 2) {
            const float *x0 = input + p * channels, *x1 = x0 + channels;
            const float *w0 = weights + f * channels, *w1 = w0 + channels, *end = w1;
            float sum00 = layer->bias_real[f], sum01 = layer->bias_real[f + 1], sum10 = sum00, sum11 = sum01;
            while (w0 < end) {
                float a0 = *x0++, a1 = *x1++, b0 = *w0++, b1 = *w1++;
                sum00 += a0 * b0;
                sum01 += a0 * b1;
                sum10 += a1 * b0;
                sum11 += a1 * b1;
            }
            float *y0 = output + p * filters + f, *y1 = y0 + filters;
            y0[0] = clip(sum00, layer);
            y0[1] = clip(sum01, layer);
            y1[0] = clip(sum10, layer);
            y1[1] = clip(sum11, layer);
        }
    }
}

/* The FPU of a Cortex-M4F has 32 registers of its own: enough for 16 sums and 8 numbers to be multiplied. */
void pointwise_f32_4x4(const struct layer *layer, const float *input, const float *weights, float *restrict output)
{
    int pixels = layer->out_height * layer->out_width, channels = layer->in_channels, filters = layer->out_channels;
    for (int p = 0; p < pixels; p += 4) {
        for (int f = 0; f < filters; f += 4) {
            const float *x[4], *w[4];
            float sum[4][4]; /* [pixel][filter] */
            EACH(i, 4) x[i] = input + (p + i) * channels;
            EACH(j, 4) w[j] = weights + (f + j) * channels;
            EACH(i, 4) EACH(j, 4) sum[i][j] = layer->bias_real[f + j];
            for (const float *end = x[0] + channels; x[0] < end;) {
                float a[4], b[4];
                EACH(i, 4) a[i] = *x[i]++;
                EACH(j, 4) b[j] = *w[j]++;
                EACH(i, 4) EACH(j, 4) sum[i][j] += a[i] * b[j];
            }
            float *y = output + p * filters + f;
            EACH(i, 4) EACH(j, 4) y[i * filters + j] = clip(sum[i][j], layer);
        }
    }
}

void pointwise_i8(const struct layer *layer, const int8_t *input, const int8_t *weights, int8_t *restrict output)
{
    int pixels = layer->out_height * layer->out_width, channels = layer->in_channels, filters = layer->out_channels;
    int32_t zero_point = layer->input_zero_point;
    for (int p = 0; p < pixels; p++) {
        for (int f = 0; f < filters; f++) {
            const int8_t *x = input + p * channels, *w = weights + f * channels;
            int32_t sum = layer->bias[f];
            for (int c = 0; c < channels; c++)
                sum += (x[c] - zero_point) * w[c];
            output[p * filters + f] = to_code(sum, layer, f);
        }
    }
}

/* Here, and below, the zero point is folded into the bias: sum (x - z) w = sum x w - z sum w. */
void pointwise_i8_2x2(const struct layer *layer, const int8_t *input, const int8_t *weights, int8_t *restrict output)
{
    int pixels = layer->out_height * layer->out_width, channels = layer->in_channels, filters = layer->out_channels;
    for (int p = 0; p < pixels; p += 2) {
        for (int f = 0; f < filters; f += 2) {
            const int8_t *x0 = input + p * channels, *x1 = x0 + channels;
            const int8_t *w0 = weights + f * channels, *w1 = w0 + channels, *end = w1;
            int32_t sum00 = layer->folded_bias[f], sum01 = layer->folded_bias[f + 1], sum10 = sum00, sum11 = sum01;
            while (w0 < end) {
                int32_t a0 = *x0++, a1 = *x1++, b0 = *w0++, b1 = *w1++;
                sum00 += a0 * b0;
                sum01 += a0 * b1;
                sum10 += a1 * b0;
                sum11 += a1 * b1;
            }
            int8_t *y0 = output + p * filters + f, *y1 = y0 + filters;
            y0[0] = to_code(sum00, layer, f);
            y0[1] = to_code(sum01, layer, f + 1);
            y1[0] = to_code(sum10, layer, f);
            y1[1] = to_code(sum11, layer, f + 1);
        }
    }
}

/* Integers share about thirteen registers with the addresses: these eight sums and what they are made of just fit. */
void pointwise_i8_4x2(const struct layer *layer, const int8_t *input, const int8_t *weights, int8_t *restrict output)
{
    int pixels = layer->out_height * layer->out_width, channels = layer->in_channels, filters = layer->out_channels;
    for (int p = 0; p < pixels; p += 4) {
        for (int f = 0; f < filters; f += 2) {
            const int8_t *x = input + p * channels, *w = weights + f * channels;
            int32_t sum[4][2]; /* [pixel][filter] */
            EACH(i, 4) EACH(j, 2) sum[i][j] = layer->folded_bias[f + j];
            for (const int8_t *end = x + channels; x < end; x++, w++) {
                int32_t a[4], b[2];
                EACH(i, 4) a[i] = x[i * channels];
                EACH(j, 2) b[j] = w[j * channels];
                EACH(i, 4) EACH(j, 2) sum[i][j] += a[i] * b[j];
            }
            int8_t *y = output + p * filters + f;
            EACH(i, 4) EACH(j, 2) y[i * filters + j] = to_code(sum[i][j], layer, f + j);
        }
    }
}

/* --- 3x3 depthwise convolution --------------------------------------------------------------------------------- */

void depthwise_f32(const struct layer *layer, const float *input, const float *weights, float *restrict output)
{
    static const float zeros[MAX_CHANNELS];
    int channels = layer->in_channels;
    const char *window[9];
    for (int y = 0; y < layer->out_height; y++) {
        for (int x = 0; x < layer->out_width; x++) {
            find_window(layer, y, x, (const char *)input, sizeof(float), zeros, window);
            for (int c = 0; c < channels; c++) {
                const float *w = weights + c;
                float sum = layer->bias_real[c];
#pragma GCC unroll 9
                for (int tap = 0; tap < 9; tap++, w += channels)
                    sum += ((const float *)window[tap])[c] * *w;
                *output++ = clip(sum, layer);
            }
        }
    }
}

void depthwise_f32_by_4(const struct layer *layer, const float *input, const float *weights, float *restrict output)
{
    static const float zeros[MAX_CHANNELS];
    int channels = layer->in_channels;
    const char *window[9];
    for (int y = 0; y < layer->out_height; y++) {
        for (int x = 0; x < layer->out_width; x++) {
            find_window(layer, y, x, (const char *)input, sizeof(float), zeros, window);
            for (int c = 0; c < channels; c += 4) {
                const float *w = weights + c;
                float sum[4];
                EACH(i, 4) sum[i] = layer->bias_real[c + i];
#pragma GCC unroll 9
                for (int tap = 0; tap < 9; tap++, w += channels)
                    EACH(i, 4) sum[i] += ((const float *)window[tap])[c + i] * w[i];
                EACH(i, 4) *output++ = clip(sum[i], layer);
            }
        }
    }
}

static void fill(int8_t *row, int length, int8_t code)
{
    for (int i = 0; i < length; i++)
        row[i] = code;
}

void depthwise_i8(const struct layer *layer, const int8_t *input, const int8_t *weights, int8_t *restrict output)
{
    static int8_t zeros[MAX_CHANNELS]; /* the code of the number zero is the zero point */
    int channels = layer->in_channels;
    int32_t zero_point = layer->input_zero_point;
    const char *window[9];
    fill(zeros, channels, (int8_t)zero_point);
    for (int y = 0; y < layer->out_height; y++) {
        for (int x = 0; x < layer->out_width; x++) {
            find_window(layer, y, x, (const char *)input, sizeof(int8_t), zeros, window);
            for (int c = 0; c < channels; c++) {
                const int8_t *w = weights + c;
                int32_t sum = layer->bias[c];
#pragma GCC unroll 9
                for (int tap = 0; tap < 9; tap++, w += channels)
                    sum += (((const int8_t *)window[tap])[c] - zero_point) * *w;
                *output++ = to_code(sum, layer, c);
            }
        }
    }
}

void depthwise_i8_by_4(const struct layer *layer, const int8_t *input, const int8_t *weights, int8_t *restrict output)
{
    static int8_t zeros[MAX_CHANNELS];
    int channels = layer->in_channels;
    const char *window[9];
    fill(zeros, channels, (int8_t)layer->input_zero_point);
    for (int y = 0; y < layer->out_height; y++) {
        for (int x = 0; x < layer->out_width; x++) {
            find_window(layer, y, x, (const char *)input, sizeof(int8_t), zeros, window);
            for (int c = 0; c < channels; c += 4) {
                const int8_t *w = weights + c;
                const int32_t *bias = layer->folded_bias + c;
                int32_t sum0 = bias[0], sum1 = bias[1], sum2 = bias[2], sum3 = bias[3];
#pragma GCC unroll 1
                for (int tap = 0; tap < 9; tap++, w += channels) {
                    const int8_t *v = (const int8_t *)window[tap] + c;
                    sum0 += v[0] * w[0];
                    sum1 += v[1] * w[1];
                    sum2 += v[2] * w[2];
                    sum3 += v[3] * w[3];
                }
                *output++ = to_code(sum0, layer, c);
                *output++ = to_code(sum1, layer, c + 1);
                *output++ = to_code(sum2, layer, c + 2);
                *output++ = to_code(sum3, layer, c + 3);
            }
        }
    }
}

/* --- the DSP instructions of Cortex-M4 and larger -------------------------------------------------------------- */

#if defined(__ARM_FEATURE_SIMD32) && __ARM_FEATURE_SIMD32
#include <arm_acle.h>

/* Four int8 in one 32-bit word. */
static inline uint32_t load4(const void *address)
{
    uint32_t word;
    __builtin_memcpy(&word, address, 4);
    return word;
}

/* SXTB16 makes two int16 of the bytes 0 and 2 of a word; rotated by 8 bits, of the bytes 1 and 3.
 * Both are one instruction (inline assembly, because the rotation costs a second one with the intrinsic). */
static inline uint32_t bytes_0_and_2(uint32_t word)
{
    return (uint32_t)__sxtb16((int32_t)word);
}

static inline uint32_t bytes_1_and_3(uint32_t word)
{
    uint32_t pair;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
    return pair;
}

/* SMLAD: sum + (low half of a) * (low half of b) + (high half of a) * (high half of b). */
static inline int32_t two_products(uint32_t a, uint32_t b, int32_t sum)
{
    return __smlad((int32_t)a, (int32_t)b, sum);
}

/* The way of CMSIS-NN (Lai, Suda and Chandra 2018, arXiv:1801.06601): the inputs of two pixels become int16 once and
 * serve all filters; weights become int16 as they are loaded. Two pixels by two filters. */
void pointwise_i8_smlad(const struct layer *layer, const int8_t *input, const int8_t *weights, int8_t *restrict output)
{
    static uint32_t widened[2 * MAX_CHANNELS / 2];
    int pixels = layer->out_height * layer->out_width, channels = layer->in_channels, filters = layer->out_channels;
    for (int p = 0; p < pixels; p += 2) {
        uint32_t *next = widened;
        for (int c = 0; c < channels; c += 4) {
            uint32_t four0 = load4(input + p * channels + c), four1 = load4(input + (p + 1) * channels + c);
            *next++ = bytes_0_and_2(four0);
            *next++ = bytes_1_and_3(four0);
            *next++ = bytes_0_and_2(four1);
            *next++ = bytes_1_and_3(four1);
        }
        for (int f = 0; f < filters; f += 2) {
            const uint32_t *x = widened;
            const int8_t *w0 = weights + f * channels, *w1 = w0 + channels;
            int32_t sum00 = layer->folded_bias[f], sum01 = layer->folded_bias[f + 1], sum10 = sum00, sum11 = sum01;
            while (x < next) {
                uint32_t four0 = load4(w0), four1 = load4(w1);
                uint32_t even0 = bytes_0_and_2(four0), odd0 = bytes_1_and_3(four0);
                uint32_t even1 = bytes_0_and_2(four1), odd1 = bytes_1_and_3(four1);
                sum00 = two_products(x[1], odd0, two_products(x[0], even0, sum00));
                sum01 = two_products(x[1], odd1, two_products(x[0], even1, sum01));
                sum10 = two_products(x[3], odd0, two_products(x[2], even0, sum10));
                sum11 = two_products(x[3], odd1, two_products(x[2], even1, sum11));
                x += 4, w0 += 4, w1 += 4;
            }
            int8_t *y0 = output + p * filters + f, *y1 = y0 + filters;
            y0[0] = to_code(sum00, layer, f);
            y0[1] = to_code(sum01, layer, f + 1);
            y1[0] = to_code(sum10, layer, f);
            y1[1] = to_code(sum11, layer, f + 1);
        }
    }
}

/* PKHBT and PKHTB put the low halves, or the high halves, of two words side by side. */
static inline uint32_t low_halves(uint32_t a, uint32_t b)
{
    uint32_t pair;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(pair) : "r"(a), "r"(b));
    return pair;
}

static inline uint32_t high_halves(uint32_t a, uint32_t b)
{
    uint32_t pair;
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(pair) : "r"(b), "r"(a));
    return pair;
}

/* Four channels and two taps at a time. Neighbours in memory are channels, which have sums of their own, so the two
 * products of one SMLAD come from two places and have to be put together first. */
void depthwise_i8_smlad(const struct layer *layer, const int8_t *input, const int8_t *weights, int8_t *restrict output)
{
    static int8_t zeros[MAX_CHANNELS];
    int channels = layer->in_channels;
    const char *window[9];
    fill(zeros, channels, (int8_t)layer->input_zero_point);
    for (int y = 0; y < layer->out_height; y++) {
        for (int x = 0; x < layer->out_width; x++) {
            find_window(layer, y, x, (const char *)input, sizeof(int8_t), zeros, window);
            for (int c = 0; c < channels; c += 4) {
                const int32_t *bias = layer->folded_bias + c;
                int32_t sum0 = bias[0], sum1 = bias[1], sum2 = bias[2], sum3 = bias[3];
                const int8_t *w = weights + c;
#pragma GCC unroll 4
                for (int tap = 0; tap < 8; tap += 2, w += 2 * channels) {
                    uint32_t x0 = load4(window[tap] + c), x1 = load4(window[tap + 1] + c);
                    uint32_t w0 = load4(w), w1 = load4(w + channels);
                    uint32_t x0_even = bytes_0_and_2(x0), x1_even = bytes_0_and_2(x1);
                    uint32_t w0_even = bytes_0_and_2(w0), w1_even = bytes_0_and_2(w1);
                    uint32_t x0_odd = bytes_1_and_3(x0), x1_odd = bytes_1_and_3(x1);
                    uint32_t w0_odd = bytes_1_and_3(w0), w1_odd = bytes_1_and_3(w1);
                    sum0 = two_products(low_halves(x0_even, x1_even), low_halves(w0_even, w1_even), sum0);
                    sum1 = two_products(low_halves(x0_odd, x1_odd), low_halves(w0_odd, w1_odd), sum1);
                    sum2 = two_products(high_halves(x0_even, x1_even), high_halves(w0_even, w1_even), sum2);
                    sum3 = two_products(high_halves(x0_odd, x1_odd), high_halves(w0_odd, w1_odd), sum3);
                }
                const int8_t *last = (const int8_t *)window[8] + c;
                *output++ = to_code(sum0 + last[0] * w[0], layer, c);
                *output++ = to_code(sum1 + last[1] * w[1], layer, c + 1);
                *output++ = to_code(sum2 + last[2] * w[2], layer, c + 2);
                *output++ = to_code(sum3 + last[3] * w[3], layer, c + 3);
            }
        }
    }
}

#endif

#else /* __aarch64__ */

/* --- AArch64: vectors of 128 bits ------------------------------------------------------------------------------ */

#include <arm_neon.h>

/* What requantize() and to_code() do on the smaller cores, for four sums at once, as gemmlowp has it: SQRDMULH is the
 * doubling product. SRSHL shifts to the right and rounds halves up; where a negative number is shifted it is made
 * smaller by one first, so that its halves go away from zero. */
static inline void to_codes(int32x4_t sums, const struct layer *layer, int channel, int8_t *output)
{
    int32x4_t shift = vld1q_s32(layer->shift + channel), zero = vdupq_n_s32(0);
    int32x4_t left = vmaxq_s32(shift, zero), right = vminq_s32(shift, zero);
    int32x4_t scaled = vqrdmulhq_s32(vshlq_s32(sums, left), vld1q_s32(layer->multiplier + channel));
    scaled = vqaddq_s32(scaled, vshrq_n_s32(vandq_s32(scaled, right), 31));
    int32x4_t codes = vaddq_s32(vrshlq_s32(scaled, right), vdupq_n_s32(layer->output_zero_point));
    codes = vminq_s32(vmaxq_s32(codes, vdupq_n_s32(layer->lowest)), vdupq_n_s32(layer->highest));
    int16x4_t halves = vmovn_s32(codes);
    vst1_lane_s32((int32_t *)output, vreinterpret_s32_s8(vmovn_s16(vcombine_s16(halves, halves))), 0);
}

void pointwise_f32_neon(const struct layer *layer, const float *input, const float *weights, float *restrict output)
{
    int pixels = layer->out_height * layer->out_width, channels = layer->in_channels, filters = layer->out_channels;
    for (int p = 0; p < pixels; p += 4) {
        for (int f = 0; f < filters; f += 4) {
            float32x4_t sum[4][4] = {0}; /* [pixel][filter]: four partial sums each */
            const float *pixel[4], *filter[4];
            EACH(i, 4) pixel[i] = input + (p + i) * channels;
            EACH(j, 4) filter[j] = weights + (f + j) * channels;
            for (long c = 0; c < channels; c += 4) {
                float32x4_t x[4], w[4];
                EACH(i, 4) x[i] = vld1q_f32(pixel[i] + c);
                EACH(j, 4) w[j] = vld1q_f32(filter[j] + c);
                EACH(i, 4) EACH(j, 4) sum[i][j] = vfmaq_f32(sum[i][j], x[i], w[j]);
            }
            float32x4_t bias = vld1q_f32(layer->bias_real + f);
            float32x4_t lowest = vdupq_n_f32(layer->lowest_real), highest = vdupq_n_f32(layer->highest_real);
            EACH(i, 4) {
                float32x4_t s = vpaddq_f32(vpaddq_f32(sum[i][0], sum[i][1]), vpaddq_f32(sum[i][2], sum[i][3]));
                s = vminq_f32(vmaxq_f32(vaddq_f32(s, bias), lowest), highest);
                vst1q_f32(output + (p + i) * filters + f, s);
            }
        }
    }
}

/* Sixteen products added up in fours. Without SDOT, SMULL makes eight int16 products, SMLAL adds eight more to them,
 * and SADALP adds neighbours to int32 sums. Two products fit into 16 bits because no weight has the code -128: their
 * sum is at most 2 * 128 * 127 = 32,512. */
static inline int32x4_t sixteen_products_neon(int32x4_t sum, int8x16_t a, int8x16_t b)
{
    int16x8_t products = vmull_s8(vget_low_s8(a), vget_low_s8(b));
    return vpadalq_s16(sum, vmlal_high_s8(products, a, b));
}

#ifdef __ARM_FEATURE_DOTPROD
static inline int32x4_t sixteen_products_sdot(int32x4_t sum, int8x16_t a, int8x16_t b)
{
    return vdotq_s32(sum, a, b);
}
#endif

/* The same loop twice; four pixels by four filters fill the 32 vector registers with SDOT, and without it, two by
 * four leave room for the products. */
#define POINTWISE_I8(name, PIXELS, sixteen_products)                                                                  \
    void name(const struct layer *layer, const int8_t *input, const int8_t *weights, int8_t *restrict output)         \
    {                                                                                                                 \
        int pixels = layer->out_height * layer->out_width;                                                            \
        int channels = layer->in_channels, filters = layer->out_channels;                                             \
        for (int p = 0; p < pixels; p += PIXELS) {                                                                    \
            for (int f = 0; f < filters; f += 4) {                                                                    \
                int32x4_t sum[PIXELS][4] = {0};                                                                       \
                const int8_t *pixel[PIXELS], *filter[4];                                                              \
                EACH(i, PIXELS) pixel[i] = input + (p + i) * channels;                                                \
                EACH(j, 4) filter[j] = weights + (f + j) * channels;                                                  \
                for (long c = 0; c < channels; c += 16) {                                                             \
                    int8x16_t x[PIXELS], w[4];                                                                        \
                    EACH(i, PIXELS) x[i] = vld1q_s8(pixel[i] + c);                                                    \
                    EACH(j, 4) w[j] = vld1q_s8(filter[j] + c);                                                        \
                    EACH(i, PIXELS) EACH(j, 4) sum[i][j] = sixteen_products(sum[i][j], x[i], w[j]);                   \
                }                                                                                                     \
                int32x4_t bias = vld1q_s32(layer->folded_bias + f);                                                   \
                EACH(i, PIXELS) {                                                                                     \
                    int32x4_t s = vpaddq_s32(vpaddq_s32(sum[i][0], sum[i][1]), vpaddq_s32(sum[i][2], sum[i][3]));     \
                    to_codes(vaddq_s32(s, bias), layer, f, output + (p + i) * filters + f);                           \
                }                                                                                                     \
            }                                                                                                         \
        }                                                                                                             \
    }

POINTWISE_I8(pointwise_i8_neon, 2, sixteen_products_neon)
#ifdef __ARM_FEATURE_DOTPROD
POINTWISE_I8(pointwise_i8_sdot, 4, sixteen_products_sdot)
#endif

#endif
