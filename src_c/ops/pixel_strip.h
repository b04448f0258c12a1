/* Strips of padded pixels, channels innermost, for the kernels that put output
 * channels in vectors; and the way back to arrays of any strides. */
#ifndef FC_OPS_PIXEL_STRIP_H
#define FC_OPS_PIXEL_STRIP_H

#include "strips.h"

/* An fc_strip_bytes. */
int64_t fc_pixel_strip_bytes(const fc_conv_spec *s, int64_t rows, int64_t columns, int64_t channels,
                             const fc_kernels *k);

/* Elements from one row of the strip to the next, for pixels of `pitch` elements. */
int64_t fc_pixel_strip_row(const fc_conv_job *job, const fc_strip *s, int64_t pitch);

/* Copies rows [z][y][x][pitch], the first `channels` of each pixel. */
void fc_pixel_strip_load(const fc_conv_job *job, const fc_strip *s, int64_t channels,
                         int64_t pitch);

/* Whether results can go to the array itself because its channels are contiguous. */
bool fc_pixel_strip_stores_directly(const fc_conv_job *job);

/* From scratch [row][column][pitch] to the array, transposing where it must;
 * `first` counts the output channels of the group. */
void fc_pixel_strip_store(const fc_conv_job *job, const fc_strip *s, int64_t first,
                          int64_t channels, const void *from, int64_t pitch);

#endif
