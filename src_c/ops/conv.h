/* Convolution: what is asked (spec), how it is done (plan), and doing it (run).
 *
 *   fc_conv_validate   fills in the output sizes, refuses what cannot be
 *   fc_conv_plan_make  chooses the algorithm for one instruction set
 *   fc_conv_pack       weights and bias into the plan's packed form, once
 *   fc_conv_job_make   the plan applied to actual arrays: cuts the work in items
 *   fc_conv_run        items [begin, end), with scratch that the caller owns
 *
 * Inside, every convolution has three spatial axes (z, y, x); 1-D and 2-D ones
 * have sizes of 1. Nothing here allocates or prints. */
#ifndef FC_OPS_CONV_H
#define FC_OPS_CONV_H

#include "../base/status.h"
#include "../base/threads.h"
#include "../dispatch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FC_Z, FC_Y, FC_X, FC_AXES };
enum { FC_SCRATCH_ALIGNMENT = 64 };

typedef struct {
    fc_dtype dtype;
    bool channels_last; /* the layout of both arrays; only a choice of speed */
    bool exact;         /* only algorithms with the error bound of a direct sum */
    bool phase;         /* one of several, by dilated: the others have other sizes and padding */
    int64_t in_channels, out_channels, groups;
    int64_t in[FC_AXES], kernel[FC_AXES], stride[FC_AXES], dilation[FC_AXES];
    int64_t pad_lo[FC_AXES], pad_hi[FC_AXES];
    double clip_lo, clip_hi; /* fused activation; -inf and inf for none */
    int64_t out[FC_AXES];    /* by fc_conv_validate */
} fc_conv_spec;

/* An array's memory, in elements; any strides, zero and negative ones too. */
typedef struct {
    void *data;
    int64_t batch, channel, axis[FC_AXES];
} fc_tensor;

/* How the work of one job is cut: see ops/strips.h. */
typedef struct {
    int64_t out[FC_AXES];      /* output pixels of a full strip: (1, rows, columns) */
    int64_t strips[FC_AXES];   /* how many strips along each axis */
    int64_t grain;             /* strips begin at its multiples, in rows and columns */
    int64_t channels, blocks;  /* input channels of a group at a time, and times */
    int64_t panels, per_visit; /* weight panels of a group; those served by one strip */
    int64_t items, visit;      /* so many neighbours, from multiples of it, share a strip */
    int64_t parts;             /* of the panels, taken one after the other: by fc_conv_task */
    int64_t strip_bytes, out_bytes, tap_bytes;
    bool in_place;   /* the input itself serves as strip */
    bool transforms; /* a strip is so dear that loading it once for each thread tells */
} fc_geometry;

typedef struct fc_conv_plan fc_conv_plan;
typedef struct fc_conv_job fc_conv_job;

/* One way to convolve: a row of the table in conv.c. */
typedef struct fc_conv_algorithm {
    const char *name;
    const char *family; /* what users ask for: the cheapest row of it is taken */
    /* NULL if it can do this, otherwise why not (a sentence without its dot). */
    const char *(*refuse)(const fc_conv_spec *, const fc_kernels *);
    /* Estimated vector operations for one image, to compare rows by. */
    double (*cost)(const fc_conv_spec *, const fc_kernels *);
    /* The same for packing, which a call that is given its weights pays too. */
    double (*pack_cost)(const fc_conv_spec *, const fc_kernels *);
    /* Elements of packed weights, bias included; depends on no spatial size. */
    int64_t (*packed_elements)(const fc_conv_spec *, const fc_kernels *);
    /* How many of them the bias takes, which comes first. */
    int64_t (*bias_elements)(const fc_conv_spec *, const fc_kernels *);
    void (*pack)(const fc_conv_plan *, const void *w, const void *bias, void *packed);
    void (*cut)(fc_conv_job *);
    void (*run)(const fc_conv_job *, int64_t begin, int64_t end, void *scratch);
    /* The algorithm whose form the packed weights have, where that is another one, which may
     * change with the spatial size; NULL if it is the row itself. */
    const struct fc_conv_algorithm *(*packs_for)(const fc_conv_plan *);
    /* Weights that come with a call are read as they are: only a bias of out_channels is packed. */
    bool takes_as_given;
    /* Packed weights of a group, where those of the groups follow each other after the bias, which
     * is that of each output channel and nothing else; NULL where they do not. */
    int64_t (*group_elements)(const fc_conv_spec *, const fc_kernels *);
    /* A result's bits depend on where in the image it is. */
    bool needs_whole_images;
} fc_conv_algorithm;

struct fc_conv_plan {
    fc_conv_spec spec;
    const fc_isa *isa;
    const fc_kernels *kernels;
    const fc_conv_algorithm *algorithm;
    double cost; /* of one image, by the algorithm */
    int64_t packed_bytes;
    bool packs_each_call;
    bool as_given;       /* the weights of the call are read as they are */
    const void *weights; /* those of the call, set by fc_conv_pack; NULL of a plan for many */
    /* Magnitude, set by fc_conv_pack: infinite if one is or is a NaN, negative if nobody looked at
     * those of the call. */
    double largest_weight;
};

struct fc_conv_job {
    fc_conv_spec spec; /* the plan's, or a simpler equivalent one */
    const fc_conv_plan *plan;
    const fc_kernels *kernels;
    const void *packed;
    const void *bias; /* as packed, but its own; NULL for the packed one */
    fc_tensor x, y;
    int64_t images, batch; /* a batch of 1 where all images are one row */
    fc_geometry geometry;
    int64_t scratch_bytes;
};

/* The i-th algorithm of the table; NULL past the last. */
const fc_conv_algorithm *fc_conv_algorithm_at(int i);

fc_status fc_conv_validate(fc_conv_spec *spec);

/* `packs_each_call`: the cost of packing counts, for one image, and the weights of one call may be
 * read as they are. `wanted` is a family or one row by its name; NULL lets the cost model choose
 * among all. FC_UNSUPPORTED if all of them refuse. */
fc_status fc_conv_plan_make(fc_conv_plan *plan, const fc_conv_spec *spec, const fc_isa *isa,
                            const char *wanted, bool packs_each_call);

/* `w` is [out_channels][in_channels / groups][z][y][x] in C order, and stays if the plan packs in
 * each call; `bias` has out_channels values or is NULL; `packed` has plan->packed_bytes. */
void fc_conv_pack(fc_conv_plan *plan, const void *w, const void *bias, void *packed);

fc_status fc_conv_job_make(fc_conv_job *job, const fc_conv_plan *plan, const void *packed,
                           int64_t batch, const fc_tensor *x, const fc_tensor *y);

/* Plans of one set of weights, instruction set and dtype may share what fc_conv_pack has made
 * if this is the same. */
const fc_conv_algorithm *fc_conv_packs_for(const fc_conv_plan *plan);

/* Any order and any split of the items gives the same bits. `scratch` has
 * job->scratch_bytes, aligned to FC_SCRATCH_ALIGNMENT. */
static inline void fc_conv_run(const fc_conv_job *job, int64_t begin, int64_t end, void *scratch) {
    job->plan->algorithm->run(job, begin, end, scratch);
}

/* The whole job as a task for at most so many threads. */
fc_task fc_conv_task(fc_conv_job *job, int threads);

/* The largest magnitude of contiguous numbers, as fc_extent has it. */
double fc_conv_largest(const void *values, int64_t count, const fc_kernels *k);

/* Whether zero padding contributes nothing. */
static inline bool fc_conv_finite_weights(const fc_conv_plan *plan) {
    return plan->largest_weight >= 0 && plan->largest_weight < INFINITY;
}

/* Shapes that several algorithms ask about. */
static inline int64_t fc_group_in(const fc_conv_spec *s) {
    return s->in_channels / s->groups;
}
static inline int64_t fc_group_out(const fc_conv_spec *s) {
    return s->out_channels / s->groups;
}
static inline int64_t fc_kernel_size(const fc_conv_spec *s) {
    return s->kernel[FC_Z] * s->kernel[FC_Y] * s->kernel[FC_X];
}
static inline bool fc_is_padded(const fc_conv_spec *s) {
    for (int a = 0; a < FC_AXES; a++)
        if (s->pad_lo[a] || s->pad_hi[a]) return true;
    return false;
}
static inline bool fc_is_pointwise(const fc_conv_spec *s) {
    return fc_kernel_size(s) == 1 && !fc_is_padded(s);
}
/* Less than 64 bytes: a tile of sums takes so long that other things hide behind it. */
static inline bool fc_short_vectors(const fc_kernels *k) {
    return k->vl * k->element < 64;
}
static inline int64_t fc_in_pixels(const fc_conv_spec *s) {
    return s->in[FC_Z] * s->in[FC_Y] * s->in[FC_X];
}
static inline int64_t fc_out_pixels(const fc_conv_spec *s) {
    return s->out[FC_Z] * s->out[FC_Y] * s->out[FC_X];
}

/* The strip, and the group, of item `i` of strips x groups: in NCHW group by group, so that
 * neighbours share channels and threads do not, with channels last strip by strip. */
static inline int64_t fc_by_group(const fc_conv_job *job, int64_t i, int64_t strips,
                                  int64_t *group) {
    const int64_t groups = job->spec.groups;
    const bool last = job->y.channel == 1;
    *group = 0;
    if (groups == 1) return i;
    *group = last ? i % groups : i / strips;
    return last ? i / groups : i % strips;
}

/* The input extent that `count` output positions of one axis need. */
static inline int64_t fc_reach(const fc_conv_spec *s, int axis, int64_t count) {
    return (count - 1) * s->stride[axis] + (s->kernel[axis] - 1) * s->dilation[axis] + 1;
}

static inline const void *fc_at(const void *p, int64_t index, const fc_kernels *k) {
    return (const char *)p + index * k->element;
}
static inline void *fc_at_mut(void *p, int64_t index, const fc_kernels *k) {
    return (char *)p + index * k->element;
}

/* Of the bias as it is packed. */
static inline const void *fc_conv_bias_at(const fc_conv_job *job, int64_t index) {
    return fc_at(job->bias ? job->bias : job->packed, index, job->kernels);
}

#endif
