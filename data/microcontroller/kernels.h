/* What the kernels of kernels.c are told about a layer.
 *
 * helpers/board/emulator.py writes this structure into the emulator's memory: sixteen words of 32 bits,
 * then pointers, which have 4 bytes on a microcontroller and 8 on AArch64.
 */
#ifndef KERNELS_H
#define KERNELS_H

#include <stdint.h>

struct layer {
    int32_t in_height, in_width, in_channels;
    int32_t out_height, out_width, out_channels;
    int32_t stride_height, stride_width, pad_top, pad_left; /* of the depthwise convolution */
    int32_t input_zero_point, output_zero_point;            /* int8 only, as all that follows but the floats */
    int32_t lowest, highest;                                /* codes that the fused activation lets through */
    float lowest_real, highest_real;                        /* the same for the float32 kernels */
    const float *bias_real;
    const int32_t *bias;
    const int32_t *folded_bias; /* bias - input_zero_point * (sum of the filter's weights) */
    const int32_t *multiplier;  /* of each output channel, see requantize() */
    const int32_t *shift;
};

enum { MAX_CHANNELS = 512 }; /* room in the kernels' own buffers */

#endif
