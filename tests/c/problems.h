/* The catalogue of shapes: tile edges, strides, dilations, paddings, every kind of group. */
#ifndef FC_TESTS_PROBLEMS_H
#define FC_TESTS_PROBLEMS_H

#include "ops/conv.h"

#include <math.h>

typedef struct {
    int64_t in, kernel, stride, dilation, pad[2]; /* front, back */
} depth_axis;

typedef struct {
    int64_t channels, filters, groups, height, width, kernel[2], stride[2], dilation[2];
    int64_t pad[4]; /* top, bottom, left, right */
    int64_t batch;
    depth_axis depth; /* the third axis; none where all is zero */
} problem;

static const problem problems[] = {
    {1, 1, 1, 1, 1, {1, 1}, {1, 1}, {1, 1}, {0}},
    {3, 5, 1, 7, 9, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
    {5, 17, 1, 1, 37, {1, 1}, {1, 1}, {1, 1}, {0}},
    {3, 4, 1, 5, 7, {1, 1}, {1, 1}, {1, 1}, {0, 1, 0, 2}},
    {4, 33, 1, 6, 5, {1, 1}, {2, 2}, {1, 1}, {0}},
    {2, 7, 1, 11, 13, {5, 4}, {2, 3}, {1, 1}, {0, 3, 2, 1}},
    {3, 6, 1, 9, 10, {3, 3}, {1, 1}, {2, 2}, {2, 2, 2, 2}},
    {2, 3, 1, 12, 11, {2, 3}, {2, 1}, {4, 3}, {5, 0, 0, 7}},
    {2, 3, 1, 1, 2, {3, 3}, {1, 1}, {1, 1}, {4, 4, 4, 4}},
    {2, 3, 1, 5, 7, {5, 7}, {1, 1}, {1, 1}, {0}},
    {6, 6, 6, 10, 19, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
    {3, 6, 3, 9, 12, {3, 3}, {2, 2}, {1, 1}, {1, 0, 0, 1}},
    {3, 3, 3, 12, 9, {5, 5}, {1, 1}, {1, 1}, {2, 2, 2, 2}},
    {2, 4, 2, 11, 14, {5, 5}, {2, 2}, {1, 1}, {2, 2, 2, 2}},
    {2, 2, 2, 13, 9, {7, 7}, {1, 1}, {1, 1}, {3, 3, 3, 3}},
    {2, 2, 2, 13, 11, {7, 7}, {2, 2}, {1, 1}, {3, 3, 3, 3}},
    {2, 2, 2, 6, 53, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
    {2, 2, 2, 9, 101, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}},
    {1, 1, 1, 3, 5, {3, 3}, {2, 2}, {1, 1}, {1, 1, 50, 50}},
    {3, 6, 3, 11, 17, {4, 4}, {1, 1}, {1, 1}, {2, 1, 1, 2}},
    {4, 4, 4, 6, 7, {2, 3}, {1, 1}, {2, 1}, {0}},
    {6, 6, 3, 5, 8, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
    {20, 20, 5, 4, 5, {3, 3}, {2, 1}, {1, 1}, {1, 1, 1, 1}},
    {24, 24, 3, 3, 5, {1, 1}, {1, 1}, {1, 1}, {0}},
    {32, 32, 2, 3, 4, {3, 3}, {1, 1}, {2, 2}, {2, 2, 2, 2}},
    {557, 20, 1, 3, 4, {3, 3}, {1, 1}, {1, 1}, {0}},
    {300, 20, 1, 5, 6, {3, 3}, {2, 2}, {1, 1}, {1, 0, 0, 1}},
    {3, 5, 1, 6, 7, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, .depth = {4, 3, 1, 1, {1, 1}}},
    {4, 6, 2, 5, 9, {3, 2}, {2, 1}, {1, 1}, {1, 0, 0, 1}, .depth = {7, 3, 2, 2, {2, 1}}},
    {5, 4, 1, 9, 9, {3, 3}, {1, 1}, {2, 2}, {2, 2, 2, 2}, .depth = {5, 2, 2, 3, {3, 1}}},
    {8, 8, 8, 6, 6, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, .depth = {3, 1, 1, 1, {1, 2}}},
    {2, 2, 2, 4, 50, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, .depth = {3, 1, 1, 1, {1, 2}}},
    {6, 6, 6, 6, 6, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}, .depth = {3, 3, 1, 1, {1, 1}}},
    {16, 16, 4, 5, 6, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, .depth = {3, 2, 1, 1, {0, 1}}},
    {3, 4, 1, 3, 5, {1, 1}, {1, 1}, {1, 1}, {0}, .depth = {4, 1, 1, 1, {0, 0}}},
    {3, 65, 1, 1, 37, {1, 1}, {1, 1}, {1, 1}, {0}, .depth = {5, 1, 2, 1, {0, 0}}},
    {33, 65, 1, 1, 151, {1, 1}, {1, 1}, {1, 1}, {0}},
    {136, 33, 1, 7, 7, {1, 1}, {1, 1}, {1, 1}, {0}},
};

static depth_axis depth_of(const problem *p) {
    return p->depth.in ? p->depth : (depth_axis){1, 1, 1, 1, {0, 0}};
}

static int64_t out_depth(const problem *p) {
    const depth_axis z = depth_of(p);
    return (z.in + z.pad[0] + z.pad[1] - (z.kernel - 1) * z.dilation - 1) / z.stride + 1;
}

static int64_t out_size(const problem *p, int axis) {
    const int64_t in = axis ? p->width : p->height;
    return (in + p->pad[2 * axis] + p->pad[2 * axis + 1] -
            (p->kernel[axis] - 1) * p->dilation[axis] - 1) /
               p->stride[axis] +
           1;
}

/* Whether there is any output. */
static bool fits(const problem *p) {
    const int64_t in[2] = {p->height, p->width};
    const depth_axis z = depth_of(p);
    if ((z.kernel - 1) * z.dilation + 1 > z.in + z.pad[0] + z.pad[1]) return false;
    for (int a = 0; a < 2; a++)
        if ((p->kernel[a] - 1) * p->dilation[a] + 1 > in[a] + p->pad[2 * a] + p->pad[2 * a + 1])
            return false;
    return true;
}

static fc_conv_spec spec_of(const problem *p, fc_dtype dtype, bool channels_last) {
    const depth_axis z = depth_of(p);
    return (fc_conv_spec){
        .dtype = dtype,
        .channels_last = channels_last,
        .exact = true,
        .in_channels = p->channels,
        .out_channels = p->filters,
        .groups = p->groups,
        .in = {z.in, p->height, p->width},
        .kernel = {z.kernel, p->kernel[0], p->kernel[1]},
        .stride = {z.stride, p->stride[0], p->stride[1]},
        .dilation = {z.dilation, p->dilation[0], p->dilation[1]},
        .pad_lo = {z.pad[0], p->pad[0], p->pad[2]},
        .pad_hi = {z.pad[1], p->pad[1], p->pad[3]},
        .clip_lo = -INFINITY,
        .clip_hi = INFINITY,
    };
}

#endif
