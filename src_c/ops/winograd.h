/* What the parts of the Winograd family share: winograd.c chooses and packs,
 * winograd_run.c cuts the work and runs it, winograd_load.c carries one plane of input in,
 * winograd_store.c one of output out. Arrays of 2 are by axis: y, x. */
#ifndef FC_OPS_WINOGRAD_H
#define FC_OPS_WINOGRAD_H

#include "conv.h"

/* A convolution as tiles. Each axis has F(m, r), tiles of t = m + r - 1, or is left
 * as it is (1 tap, t = 1). t = 3 is F(2, 3) where the outer inputs of every tile lie
 * in the padding.
 * - A stride of s reads s interleaved inputs, each with every s-th tap of the kernel:
 *   each of these phases counts as input channels of its own, and so do the taps in z.
 * - A dilation of d is d interleaved convolutions: each counts as an image of its
 *   own, a plane, and so does each output position in z. */
typedef struct {
    int64_t tile[2], taps[2], outputs[2]; /* t, r, m */
    int64_t elements;                     /* t * t */
    int64_t phases[FC_AXES], planes[FC_AXES];
    int64_t in_step[FC_AXES]; /* from one input pixel of a plane to the next */
    int64_t out_step[FC_AXES];
    int64_t tiles[2]; /* of a plane */
    int64_t channels; /* of the input, in a group, by all phases */
    int64_t block;    /* of them at a time */
    int64_t panels;   /* of output channels, in a group */
    int64_t lanes;    /* room for the output channels of a panel, in whole vectors */
    int64_t together; /* tiles that are worked on at a time, at most */
    int64_t across;   /* planes along x at a time: all, unless there are more than that */
} fc_winograd_form;

/* `t` is 3 to 6. */
fc_winograd_form fc_winograd_form_of(const fc_conv_spec *s, const fc_kernels *k, int64_t t);

/* The lanes that a panel has: fewer in the last one. */
int64_t fc_winograd_lanes(const fc_conv_spec *s, const fc_kernels *k, const fc_winograd_form *f,
                          int64_t panel);

/* Elements of a panel's packed filters before input channel c, and the distance of the
 * transformed elements in its block of `channels`: [block][f]{[c][lanes]}. */
int64_t fc_winograd_panel_elements(const fc_winograd_form *f, const fc_kernels *k, int64_t c);
int64_t fc_winograd_u_step(const fc_winograd_form *f, const fc_kernels *k, int64_t channels);

/* An odd number of cache lines: as steps between transformed elements, even ones
 * would let them all fall on the same L1 sets. */
int64_t fc_winograd_odd_lines(int64_t elements, const fc_kernels *k);

/* Tiles that are worked on together: the same rectangle of some neighbouring planes. Planes
 * are counted by image, z and y; each has its neighbours along x with it, `columns` of them. */
typedef struct {
    const fc_conv_job *job;
    fc_winograd_form form;
    int64_t plane, planes, column, columns; /* the chunk's first ones and numbers */
    int64_t tile[2], tiles[2], count;       /* within each plane; count: all of them */
    int64_t group, c_begin, c_size;         /* of the input channels */
    int64_t pitch, v_step, z_step;          /* elements */
    char *strip, *v, *z, *out;
} fc_winograd_chunk;

/* Where the chunk's plane `index` lies. */
typedef struct {
    int64_t index, image, plane[FC_AXES];
} fc_winograd_place;
fc_winograd_place fc_winograd_place_of(const fc_winograd_chunk *c, int64_t index);

/* Input rows or columns of one phase that so many tiles read. */
int64_t fc_winograd_extent(const fc_winograd_form *f, int axis, int64_t tiles);

/* Whether the phases of the stride have to be put side by side before the transform. */
bool fc_winograd_gathers(const fc_conv_spec *s, const fc_winograd_form *f, const fc_kernels *k);

/* Scratch for a rectangle of tiles: what of the input, and of the output, is transposed. */
int64_t fc_winograd_strip_elements(const fc_conv_spec *s, const fc_winograd_form *f,
                                   const fc_kernels *k, const int64_t tiles[2]);
int64_t fc_winograd_out_elements(const fc_conv_spec *s, const fc_winograd_form *f,
                                 const fc_kernels *k, const int64_t tiles[2]);

/* The chunk's channels of one plane and its neighbours, transformed, into v. */
void fc_winograd_load(const fc_winograd_chunk *c, int64_t index);
/* One panel's outputs of the same, whose products are in z. */
void fc_winograd_store(const fc_winograd_chunk *c, int64_t index, int64_t panel, const void *z);

void fc_winograd_cut(fc_conv_job *job, int64_t t);
void fc_winograd_run(const fc_conv_job *job, int64_t begin, int64_t end, void *scratch, int64_t t);

#endif
