/* A pointwise convolution of whole contiguous planes: one row of pixels. It is read in place or,
 * where many output channels are made of it, kept as tiles: the pixels of one lie together, channel
 * after channel. The first panel of a strip keeps them while it reads the planes. Where memory is
 * all that is waited for, a few planes are read at a time. */
#ifndef FC_OPS_PLANE_ROW_H
#define FC_OPS_PLANE_ROW_H

#include "strips.h"

bool fc_plane_row_is(const fc_conv_job *job);

/* Whether planes are read a few at a time, and how many. */
bool fc_plane_row_streams(const fc_conv_spec *s, const fc_kernels *k);
enum { FC_ROW_PLANES = 8 };

/* Whether tiles are kept. */
bool fc_plane_row_keeps(const fc_conv_spec *s, const fc_kernels *k);

/* After fc_strips_cut: strips of whole tiles. Sets in_place and strip_bytes. */
void fc_plane_row_cut(fc_conv_job *job);

/* Of a strip what is no whole tile. */
void fc_plane_row_load(const fc_conv_job *job, const fc_strip *s);
void fc_plane_row_taps(const fc_conv_job *job, const fc_strip *s);

/* One panel, of which `a` tells all but the input. */
void fc_plane_row_run(const fc_conv_job *job, const fc_strip *s, fc_planes_args *a);

#endif
