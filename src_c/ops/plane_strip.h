/* Strips of padded input planes, for the kernels that put pixels in vectors. */
#ifndef FC_OPS_PLANE_STRIP_H
#define FC_OPS_PLANE_STRIP_H

#include "strips.h"

/* One plane of the strip: there are `planes_y * planes_x` of them for each input
 * channel and depth tap, one for each phase of the stride or (`by_tap`) for each
 * position of the kernel; each has `height` rows of `pitch` elements and takes
 * `plane` elements of scratch. */
typedef struct {
    int64_t planes_y, planes_x, height, pitch, plane;
    bool by_tap_y, by_tap_x;
} fc_plane_shape;

fc_plane_shape fc_plane_shape_of(const fc_conv_job *job, const fc_strip *s);

/* An fc_strip_bytes. */
int64_t fc_plane_strip_bytes(const fc_conv_spec *s, int64_t rows, int64_t columns, int64_t channels,
                             const fc_kernels *k);

/* Copies the planes of the strip's channels; `borders`: also write the zeros
 * around them, which stay valid for the same strip of the next channel. */
void fc_plane_strip_load(const fc_conv_job *job, const fc_strip *s, bool borders);

/* The offset of each [c][z][r][s] into the strip, to s->taps. */
void fc_plane_strip_taps(const fc_conv_job *job, const fc_strip *s);

/* From scratch [channel][row][column] to an array whose columns are not
 * contiguous; `first` counts the output channels of the group. */
void fc_plane_strip_store(const fc_conv_job *job, const fc_strip *s, int64_t first,
                          int64_t channels, const void *from);

#endif
