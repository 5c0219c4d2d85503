/* The operators of a full-int8 network, one function for each.
 *
 * A real number r is a code q: r = scale * (q - zero_point), as the LiteRT 8-bit quantization specification has it.
 * Scales appear nowhere: the generator has turned each ratio of them into a multiplier and a shift.  All sums have
 * 32 bits and are exact.  No function allocates memory, calls itself, or needs a library but memcpy.
 *
 * Pictures lie in memory as height, width, channels; weights of a convolution as filters, height, width, channels,
 * those of a depthwise one as height, width, channels.
 */
#ifndef KERNELS_H
#define KERNELS_H

#include <stdint.h>

/* A ratio of scales: multiplier / 2^31 * 2^shift, with a multiplier of 31 bits. */
struct ratio {
    int32_t multiplier;
    int32_t shift;
};

/* Where a window lies in a picture, and where its output goes. */
struct windows {
    int32_t in_height, in_width;
    int32_t out_height, out_width;
    int32_t height, width;               /* of the window */
    int32_t stride_height, stride_width;
    int32_t pad_top, pad_left;           /* rows and columns of the first window that lie outside the picture */
};

/* A convolution, or a dense layer, which is one with a single window and a single place. */
struct convolution {
    struct windows at;
    int32_t channels, filters;
    int32_t input_zero_point, output_zero_point;
    int32_t lowest, highest;             /* codes that the fused activation lets through */
    const int8_t *weights;
    const int32_t *bias;                 /* of each filter, with input_zero_point * (sum of its weights) taken off */
    const struct ratio *ratios;          /* of each filter: input scale * weight scale / output scale */
};

struct pooling {
    struct windows at;
    int32_t channels;
    int32_t lowest, highest;
};

struct addition {
    int32_t numbers;
    int32_t zero_points[2], output_zero_point;
    struct ratio ratios[2], output_ratio;
    int32_t lowest, highest;
};

struct mean {
    int32_t places, channels;            /* the mean is over the places */
    int32_t input_zero_point, output_zero_point;
    struct ratio ratio;                  /* with the division by the places in it */
};

struct softmax {
    int32_t rows, classes;
    struct ratio ratio;                  /* of a difference of codes, to 26 bits after the point */
    int32_t smallest;                    /* difference that still counts */
};

/* The scratch has room for two windows, each rounded up to a multiple of four numbers. */
void convolve(const struct convolution *layer, const int8_t *input, int8_t *output, int16_t *scratch);
void convolve_depthwise(const struct convolution *layer, const int8_t *input, int8_t *output);
void pool_max(const struct pooling *layer, const int8_t *input, int8_t *output);
void pool_average(const struct pooling *layer, const int8_t *input, int8_t *output);
void add(const struct addition *layer, const int8_t *first, const int8_t *second, int8_t *output);
void take_mean(const struct mean *layer, const int8_t *input, int8_t *output);
void take_softmax(const struct softmax *layer, const int8_t *input, int8_t *output);

int32_t requantize(int32_t sum, struct ratio ratio);

#endif
