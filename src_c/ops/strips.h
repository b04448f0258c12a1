/* The frame that direct, im2col and the others share: cut the output in strips
 * of rows and columns, copy what a strip needs of the input once into padded
 * scratch, and serve one or more panels of output channels from it.
 *
 * Items are (image, strip, group, panel), panels innermost: any range of them
 * can run on its own, and neighbours share the strip that is already loaded. */
#ifndef FC_OPS_STRIPS_H
#define FC_OPS_STRIPS_H

#include "../base/integers.h"
#include "conv.h"

/* One strip of one group of one image, and the scratch to work in. */
typedef struct {
    int64_t image, group;
    int64_t begin[FC_AXES], size[FC_AXES]; /* output pixels */
    int64_t c_begin, c_size;               /* input channels within the group */
    bool first, last;                      /* of the blocks of input channels */
    bool fresh;                            /* its first panel since it was loaded */
    void *strip, *out, *taps;
} fc_strip;

typedef struct {
    /* Copies the input that the strip needs; not called when in place. */
    void (*load)(const fc_conv_job *, const fc_strip *);
    /* Builds what depends on the strip but not on the panel. */
    void (*taps)(const fc_conv_job *, const fc_strip *);
    /* Computes one panel; `slot` counts the panels of this visit. */
    void (*panel)(const fc_conv_job *, const fc_strip *, int64_t panel, int64_t slot);
} fc_strip_steps;

/* The scratch that a strip of so many output rows and columns takes. */
typedef int64_t fc_strip_bytes(const fc_conv_spec *, int64_t rows, int64_t columns,
                               int64_t channels, const fc_kernels *);

/* Such a size, which whole vectors, cache lines and grains make more than fc_conv_validate foresaw:
 * at most 2^60, which no memory holds. */
static inline int64_t fc_strip_bounded(int64_t bytes, bool overflow) {
    const int64_t beyond_any_memory = (int64_t)1 << 60;
    return overflow ? beyond_any_memory : fc_min(bytes, beyond_any_memory);
}

/* Chooses the largest strip within `budget` bytes of scratch and `pixels` output
 * pixels, for input channels in blocks of `channels`. Sets out, strips, channels,
 * blocks and strip_bytes of the geometry. */
void fc_strips_cut(fc_conv_job *job, fc_strip_bytes *bytes, int64_t channels, int64_t budget,
                   int64_t pixels);

/* The same for strips of whole rows of one channel. */
void fc_strips_cut_rows(fc_conv_job *job, fc_strip_bytes *bytes, int64_t budget);

/* Completes the geometry (items, scratch) once panels, per_visit and the other
 * byte counts are set. */
void fc_strips_finish(fc_conv_job *job);

void fc_strips_run(const fc_conv_job *job, int64_t begin, int64_t end, void *scratch,
                   const fc_strip_steps *steps);

/* The parts of fc_strips_run for algorithms that keep their own loop: a strip
 * with its scratch laid out, and the strip that holds an item (returns its panel). */
fc_strip fc_strips_scratch(const fc_conv_job *job, void *scratch);
int64_t fc_strips_locate(const fc_conv_job *job, int64_t item, fc_strip *s);

/* How a strip lies along one axis: only what is read is kept, or large strides
 * and dilations would be mostly holes. Output i meets tap t at position
 * i * step + t * apart of `size`. */
typedef struct {
    int64_t step, apart, size;
} fc_strip_axis;

fc_strip_axis fc_strip_axis_of(const fc_conv_spec *s, int axis, int64_t count);

/* Where that position lies in the input, from the strip's origin. */
int64_t fc_strip_source(const fc_conv_spec *s, int axis, int64_t count, int64_t position);

/* Where the strip's first output pixel starts to read on one axis; may lie in
 * the padding. */
static inline int64_t fc_strip_origin(const fc_conv_job *job, const fc_strip *s, int axis) {
    return s->begin[axis] * job->spec.stride[axis] - job->spec.pad_lo[axis];
}

/* The first output element of the strip in the result, channel 0 of its group. */
void *fc_strip_out(const fc_conv_job *job, const fc_strip *s);
/* The first input element of the group and channel block, at position (z, y, x). */
const void *fc_strip_in(const fc_conv_job *job, const fc_strip *s, int64_t z, int64_t y, int64_t x);

/* Whether a kernel position of one axis reads only padding for the whole strip
 * and so may be left out: it adds zeros (unless a weight is infinite or NaN). */
bool fc_strip_skips(const fc_conv_job *job, const fc_strip *s, int axis, int64_t tap);

/* The most input channels, up to `most`, that leave the smallest strip within bounds, however large
 * the kernel; depends on no size of the image. */
int64_t fc_strips_channels(const fc_conv_spec *s, const fc_kernels *k, fc_strip_bytes *bytes,
                           int64_t most);

#endif
