/* The first layers of a network in bands of rows, so that no large activation is in memory as a whole.
 *
 * A band of the last layer's output needs some rows of the layer before, and those some rows of the one before that.
 * They are computed, used and forgotten.  Where windows overlap, neighbouring bands compute the same rows again: memory
 * is paid for with time.  (Patch-based inference: Lin et al. 2021, arXiv:2110.15352; their patches have edges on all
 * sides, these bands are as wide as the picture.)
 */
#ifndef BANDS_H
#define BANDS_H

#include "kernels.h"

enum { MOST_STAGES = 8 };

/* One layer of them: one of the three is not 0. */
struct stage {
    const struct convolution *convolution, *depthwise;
    const struct pooling *pool_max;
    int8_t *rows;                        /* where its part of a band goes; of the last stage, the whole output */
};

struct bands {
    int32_t stages;                      /* at most MOST_STAGES */
    int32_t rows;                        /* of the last stage's output that a band makes */
    const struct stage *stage;
};

void run_in_bands(const struct bands *bands, const int8_t *input, int16_t *scratch);

#endif
