#include "bands.h"

/* Rows of a picture: the first, and the one behind the last. */
struct rows {
    int32_t first, end;
};

static const struct windows *windows_of(const struct stage *stage) {
    if (stage->pool_max) return &stage->pool_max->at;
    return stage->convolution ? &stage->convolution->at : &stage->depthwise->at;
}

/* The rows of the input that some rows of the output are computed from, without those outside the picture. */
static struct rows needed_for(const struct windows *at, struct rows wanted) {
    const int32_t first = wanted.first * at->stride_height - at->pad_top;
    const int32_t end = (wanted.end - 1) * at->stride_height - at->pad_top + at->height;
    const struct rows needed = {first > 0 ? first : 0, end < at->in_height ? end : at->in_height};
    return needed;
}

/* The same windows for a layer that is told of nothing but these rows of its input and of its output. */
static struct windows only(struct windows at, struct rows from, struct rows to) {
    at.pad_top += from.first - to.first * at.stride_height;
    at.in_height = from.end - from.first;
    at.out_height = to.end - to.first;
    return at;
}

static void run(const struct stage *stage, struct windows at, const int8_t *input, int8_t *output, int16_t *scratch) {
    if (stage->pool_max) {
        struct pooling part = *stage->pool_max;
        part.at = at;
        pool_max(&part, input, output);
    } else {
        struct convolution part = stage->convolution ? *stage->convolution : *stage->depthwise;
        part.at = at;
        if (stage->convolution) convolve(&part, input, output, scratch);
        else convolve_depthwise(&part, input, output);
    }
}

static int32_t channels_of_input(const struct stage *stage) {
    if (stage->pool_max) return stage->pool_max->channels;
    return stage->convolution ? stage->convolution->channels : stage->depthwise->channels;
}

static int32_t channels_of_output(const struct stage *stage) {
    if (stage->pool_max) return stage->pool_max->channels;
    return stage->convolution ? stage->convolution->filters : stage->depthwise->filters;
}

void run_in_bands(const struct bands *bands, const int8_t *input, int16_t *scratch) {
    const int32_t last = bands->stages - 1;
    const struct windows *end = windows_of(&bands->stage[last]);
    for (int32_t first = 0; first < end->out_height; first += bands->rows) {
        struct rows rows[MOST_STAGES + 1]; /* of the input, and of the output of each stage */
        const int32_t behind = first + bands->rows;
        rows[last + 1] = (struct rows){first, behind < end->out_height ? behind : end->out_height};
        for (int32_t s = last; s >= 0; s--) rows[s] = needed_for(windows_of(&bands->stage[s]), rows[s + 1]);

        const int32_t row = windows_of(bands->stage)->in_width * channels_of_input(bands->stage);
        const int8_t *from = input + rows[0].first * row;
        for (int32_t s = 0; s <= last; s++) {
            const struct stage *stage = &bands->stage[s];
            int8_t *to = stage->rows;
            if (s == last) to += first * end->out_width * channels_of_output(stage);
            run(stage, only(*windows_of(stage), rows[s], rows[s + 1]), from, to, scratch);
            from = to;
        }
    }
}
