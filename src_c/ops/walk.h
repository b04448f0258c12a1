/* Arrays of any strides, one pass over all their numbers: how large they are, and times powers of
 * two (kernels/scale.inc.c). */
#ifndef FC_OPS_WALK_H
#define FC_OPS_WALK_H

#include "conv.h"

enum { FC_WALK_AXES = FC_AXES + 2 };

/* An array as runs of equal steps, along its last axis; neighbours in memory are one run. */
typedef struct {
    const fc_kernels *kernels;
    void *data;
    int64_t size[FC_WALK_AXES], stride[FC_WALK_AXES];
    int64_t elements;
} fc_walk;

/* Of `batch` images; in the order of a contiguous array of this layout. */
fc_walk fc_walk_over(const fc_tensor *t, const fc_kernels *k, bool channels_last, int64_t batch,
                     int64_t channels, const int64_t axes[FC_AXES]);

/* Contiguous images of this layout. */
fc_tensor fc_contiguous_images(void *data, bool channels_last, int64_t channels,
                               const int64_t axes[FC_AXES]);

/* Looks at a few numbers here and there: all that every call can afford. */
bool fc_walk_sees_subnormal(const fc_walk *w);
/* Whether so many numbers that are not 0 are below 2^-power: looks no further than it has to. */
bool fc_walk_has_small(const fc_walk *w, int power, int64_t enough);
/* The largest magnitude. */
double fc_walk_largest(const fc_walk *w);
/* Times 2^power into `to`, contiguous; `largest` becomes the largest of itself and all magnitudes.
 * Threads and `stop` are those of the task that it is like. */
fc_status fc_walk_scale_up(const fc_walk *w, void *to, int power, const fc_task *like,
                           double *largest);
/* Times 2^-power, in place. */
fc_status fc_walk_scale_down(const fc_walk *w, int power, const fc_task *like);

#endif
