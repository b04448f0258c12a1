/* What each kernel is asked to do. Kernels are pure loops over these structs:
 * they allocate nothing, check nothing, and touch only what is named here.
 * Strides, steps and offsets count elements, sizes count elements, and every
 * pointer is to the table's own type (float or double). */
#ifndef FC_KERNELS_KERNELS_H
#define FC_KERNELS_KERNELS_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* Whether there is anything to clip: not to do it where bounds are infinite. */
static inline bool fc_clips(double lo, double hi) {
    return lo > -INFINITY || hi < INFINITY;
}

/* out[i * to_row + j * to_column] = in[i * from_row + j * from_column] for all
 * i < rows, j < columns. Fast where either side of a dimension is contiguous. */
typedef struct {
    const void *from;
    void *to;
    int64_t rows, columns;
    int64_t from_row, from_column, to_row, to_column;
} fc_copy_args;

/* Weights of one panel for `pixels`: from w[channel][c][tap] (C order, c the
 * input channel, tap counting r, s) to out[tap][c][NR], for c in [c_begin,
 * c_end). Of each row whole vectors, zero beyond `channels`, as far as there are channels. */
typedef struct {
    const void *w;
    void *out;
    int64_t channels, in_channels, taps;
    int64_t c_begin, c_end;
} fc_pack_args;

/* How large numbers are. */
typedef struct {
    int64_t small;  /* how many that are not 0 are below 2^-power */
    bool subnormal; /* whether there is one */
    double largest; /* magnitude; infinite with a NaN too */
} fc_extent;

/* Adds from[i * step], i < count, to the extent. 1 <= power <= half of the range of exponents. */
typedef struct {
    const void *from;
    int64_t count, step;
    int power;
    fc_extent *extent;
} fc_extent_args;

/* to[i] = from[i * step] * 2^power for i < count, exactly; anything where that is not finite.
 * `largest` as in fc_extent. */
typedef struct {
    const void *from;
    void *to;
    int64_t count, step;
    int power;
    double *largest;
} fc_scale_up_args;

/* to[i * step] *= 2^-power, in place: finite, and rounded where it becomes subnormal. */
typedef struct {
    void *to;
    int64_t count, step;
    int power;
} fc_scale_down_args;

/* One run of the reduction: `x` is its offset from the pixel's first element,
 * `w` its first row in the packed panel. */
typedef struct {
    int64_t x, w;
} fc_tap;

/* Implicit GEMM: MR pixels times NV vectors of output channels.
 *   out[pixel][k] = clip(start[k] + sum_{t, i < run} x[pixel + tap[t].x + i]
 *                                                   * w[(tap[t].w + i) * NR + k])
 * `start` is the bias or, where that is NULL, what `out` already holds.
 * The pixels are [begin, end) in row-major order of an image `width` wide;
 * the output channels are contiguous, `channels` <= NR of them.
 * `ahead`: from w to the weights that are wanted next, or 0.
 * Of a single pixel there may be several whole `panels` of NR channels: their weights are `panel`
 * elements apart, and `start` and `out` go on. */
typedef struct {
    const void *x, *w, *bias;
    void *out;
    const fc_tap *tap;
    int64_t taps, run, ahead;
    int64_t panels, panel;
    int64_t begin, end, width;
    int64_t x_row, x_column, out_row, out_column;
    int64_t channels;
    double lo, hi;
} fc_pixels_args;

/* Direct convolution: up to PM output channels times PV vectors of pixels.
 *   out[m][y][x] = clip(start[m] + sum_t x[y * pitch + x + tap[t]] * w[t][m])
 * for y < rows, x < width; with a w_channel other than 1, w[m * w_channel + t]. Works along the
 * flat strip, so that short rows share a vector; what falls between `width` and `pitch` is computed
 * and dropped. `exact`: nothing may be read beyond the last needed element. Otherwise up to VL - 1
 * further ones are read. `step`: tap[t] is t * step, or 0. `keep`, unless NULL: of a row of whole
 * tiles the input, one tile [tap][pixel] after the other, is put there as it is read. */
typedef struct {
    const void *x, *w, *bias;
    void *out;
    const int64_t *tap;
    int64_t taps, channels, w_channel;
    int64_t rows, width, pitch;
    int64_t out_channel, out_row, step;
    bool exact;
    void *keep;
    double lo, hi;
} fc_planes_args;

/* A plane split into the four phases of a stride of 2, row after row:
 *   to[y % 2][x % 2][y / 2 * to_row + x / 2] = from[y * from_row + x], y < rows, x < columns. */
typedef struct {
    const void *from;
    void *to[2][2];
    int64_t rows, columns, from_row, to_row;
} fc_split_args;

/* Depthwise convolution of `planes` planes, each with its own R x R filter (they
 * follow each other, as do the biases), R of 3 and with vectors of 64 bytes
 * also of 2, 4, 5 or 7, stride 1 or 2, output rows
 * [row_begin, row_end). A plane's rows are contiguous; zeros surround it, pad_y above
 * and pad_x to the left. No element outside the planes is read. With vectors of less than 64 bytes
 * at most one column is missing at each end of a row, and a row of results is at least two vectors
 * long; with a stride of 2 one, or longer than one if both ends miss a column. */
typedef struct {
    const void *x, *w, *bias;
    void *out;
    int64_t kernel, stride;
    int64_t height, width, x_row, pad_y, pad_x;
    int64_t row_begin, row_end, out_width, out_row;
    int64_t planes, x_plane, out_plane; /* an x_plane of 0: filters of one channel */
    double lo, hi;
} fc_depthwise_args;

/* The same from strips of padded planes, any filter:
 *   out[y][x] = clip(bias + sum_t x[y * pitch + x + tap[t]] * w[t])
 * for y < rows, x < width, of `planes` planes. The taps are kernel[0] x kernel[1] x kernel[2];
 * those `row_step` rows of the filter apart are a pitch apart or, if `scattered`, anywhere: sums go
 * by planes, rows below row_step, columns, and then rows row_step apart. A column has at most
 * `column_taps` = ceil(kernel[1] / row_step) of these, which no tile shall divide for. Where
 * `width` is less than a vector, up to VL - 1 further elements are read. */
typedef struct {
    const void *x, *w, *bias;
    void *out;
    const int64_t *tap;
    int64_t kernel[3], row_step, column_taps;
    bool scattered;
    int64_t rows, width, pitch, out_row;
    int64_t planes, x_plane, out_plane; /* an x_plane of 0: filters of one channel */
    double lo, hi;
} fc_depthwise_strip_args;

/* Depthwise convolution with channels innermost, any filter:
 *   out[y][x][c] = clip(bias[c] + sum_{r, s} w[r][s][c]
 *       * x[y * stride[0] + r * dilation[0] - pad[0]]
 *          [x * stride[1] + s * dilation[1] - pad[1]][c])
 * for y < rows, x < columns, c < channels; x is zero outside height by width, and
 * nothing is read there. `w` is [vector][r][s][VL] and `bias` [vector][VL], where the
 * last vector holds the last VL channels: it overlaps the one before if it must.
 * At most FC_DEPTHWISE_VECTORS vectors of channels. */
enum { FC_DEPTHWISE_VECTORS = 64 };
typedef struct {
    const void *x, *w, *bias;
    void *out;
    int64_t channels;
    int64_t kernel[2], stride[2], dilation[2], pad[2];
    int64_t height, width, x_row, x_column;
    int64_t rows, columns, out_row, out_column;
    double lo, hi;
} fc_depthwise_pixels_args;

/* The same, with the same bits, for 3 x 3 taps without dilation, strides both 1 or both 2, at
 * least a vector of channels and FC_SLIDE_COLUMNS columns. */
enum { FC_SLIDE_COLUMNS = 5 };
typedef fc_depthwise_pixels_args fc_depthwise_slides_args;

/* Small groups, channels innermost, in panels of up to VL output channels of whole
 * groups. Panel p reads from x + p * x_panel, writes to out + p * out_panel:
 *   out[pixel][k] = clip(bias[k] + sum_{t, c < inputs}
 *       x[pixel + tap[t] + lane(c, k)] * w[(t * inputs + c) * VL + k])
 * with its own bias[VL] and w, which follow those of the panel before. lane(c, k) is
 * lanes[c * VL + k] < VL, integers as wide as the reals; where `lanes` is NULL, groups
 * have `inputs` channels in and out, 2, 4, 8 or 16 and at most VL, and it is
 * k - k % inputs + c. A panel has out_panel channels, the last one what is left of
 * `channels`. `readable` elements from a pixel's x on may be read, VL a panel.
 * `row_stride`: 0, or where the taps are rows of three neighbouring pixels the stride along a row,
 * 1 or 2: taps and pixels are x_column / row_stride and x_column apart, sums go by rows, then
 * inputs, then taps, and a result may be written twice. */
typedef struct {
    const void *x, *w, *bias, *lanes;
    void *out;
    const int64_t *tap;
    int64_t taps, inputs, readable, row_stride;
    int64_t begin, end, width;
    int64_t x_row, x_column, x_panel, out_row, out_column, out_panel;
    int64_t panels, channels;
    double lo, hi;
} fc_grouped_args;

/* Winograd's minimal filtering (Lavin and Gray 2015, arXiv:1509.09308): tiles of
 * t = m + r - 1 inputs give m outputs of a kernel of r taps, in three transforms
 * around a matrix product for each transformed element, which `gemm` computes.
 * t is 4, 5 or 6 on both axes, or 1 (m = r = 1) on one; m >= 2 where t > 1. Or it
 * is 3: F(2, 3) for tiles of four inputs of which the first and last are zeros.
 * f = i * tile[1] + j counts transformed elements; index 0 is y, 1 is x.
 *
 * Filter: from w[y * w_row + x * w_column][c][NR], of which only the first `present`
 * taps of each axis are not zero, to u[f * u_step + c * lanes + lane] = G w G^T for lane <
 * lanes, a multiple of VL. */
typedef struct {
    const void *w;
    void *u;
    int64_t tile[2], taps[2], present[2];
    int64_t channels, lanes, w_row, w_column, u_step;
} fc_winograd_filter_args;

/* Input: from channels-last pixels x[y * x_row + x * x_column + c], a grid of
 * tiles, each `outputs` = m beyond the one before, to
 * v[f * v_step + (tile_y * tiles_x + tile_x) * v_column + c] = B^T d B.
 * Only rows and columns [begin, end) of x exist, the others are zeros. Whole
 * vectors are written, zero beyond `channels`. */
typedef struct {
    const void *x;
    void *v;
    int64_t tile[2], outputs[2];
    int64_t tiles_y, tiles_x, channels;
    int64_t begin[2], end[2];
    int64_t x_row, x_column, v_step, v_column;
} fc_winograd_input_args;

/* Output: from z[f * z_step + tile * z_tile + lane] to out[y * out_row + x *
 * out_column + lane] = clip(A^T z A + bias), for y < rows, x < columns, the part
 * of the tiles that exists, and lane < channels <= NR. */
typedef struct {
    const void *z, *bias;
    void *out;
    int64_t tile[2], outputs[2];
    int64_t tiles_x, rows, columns, channels;
    int64_t z_step, z_tile, out_row, out_column;
    double lo, hi;
} fc_winograd_output_args;

/* A batch of matrix products, for f < batch, i < rows and lanes of `vectors` vectors:
 *   out[f * out_step + i * row + lane] = start + sum_{c < depth} a[f * a_step + i * a_row + c]
 *                                                               * b[f * b_step + c * row + lane]
 * with row = vectors * VL.
 * `start` is zero or, to `accumulate`, what `out` holds. */
typedef struct {
    const void *a, *b;
    void *out;
    int64_t batch, rows, depth, vectors;
    int64_t a_step, a_row, b_step, out_step;
    bool accumulate;
} fc_gemm_args;

/* Max pooling, output rows [row_begin, row_end). NaN wins. `index`, where not NULL,
 * takes the flat position y * width + x of each first maximum (the first NaN where
 * there is one). Beyond the image lie `pad` pixels of -infinity, above and to the
 * left, and as many below and to the right as the windows reach.
 *
 * max_pool: `planes` planes with contiguous columns, in and out. Square windows of
 *   2, 3 or 5 at strides 1 or 2, undilated, each with a pixel of the image.
 * max_pool_pixels: any window, `channels` contiguous channels.
 * max_pool_any: any window, one plane with any strides. Goes by a row of maxima,
 *   `row`, of (the windows' reach + 3 VL) elements. A window without a pixel of the
 *   image gives -infinity and index -1, as in max_pool_pixels.
 * With `index`, the first two count positions in lanes: height * width < 2^30. */
typedef struct {
    const void *x;
    void *out, *row;
    int64_t *index;
    int64_t planes, channels;
    int64_t height, width, row_begin, row_end, out_width;
    int64_t
        index_origin; /* added to each index by max_pool_pixels: of the row that x begins with */
    int64_t x_plane, x_row, x_column, out_plane, out_row, out_column;
    int64_t index_plane, index_row, index_column;
    int64_t kernel[2], stride[2], dilation[2], pad[2];
} fc_max_pool_args;
typedef fc_max_pool_args fc_max_pool_pixels_args, fc_max_pool_any_args;

/* out[y][x] += in[i][j] for each position (i, j) of the window's tap:
 * y = i * stride + offset and x likewise, positions outside out are skipped. */
typedef struct {
    const void *x;
    void *out;
    int64_t rows, columns, x_row, x_column;
    int64_t height, width, out_row, out_column;
    int64_t stride[2], offset[2];
} fc_col2im_args;

/* One instruction set's kernels for one type, with the tile sizes that callers
 * pack and cut their work by. */
typedef struct {
    int64_t element;        /* bytes */
    int64_t vl;             /* elements in a vector */
    int64_t pixel_rows;     /* MR of `pixels` */
    int64_t pixel_channels; /* NR of `pixels`, a multiple of vl */
    int64_t plane_channels; /* PM of `planes` */
    int64_t plane_vectors;  /* PV of `planes` */
#define FC_KERNEL(stem, name) void (*name)(const fc_##name##_args *);
#include "../kernels.def"
#undef FC_KERNEL
} fc_kernels;

#endif
