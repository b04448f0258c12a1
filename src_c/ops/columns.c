#include "columns.h"

#include "../base/integers.h"

#include <stdbool.h>
#include <string.h>

/* Output positions [lo, hi) of one axis whose tap lies inside the image. */
static void inside(const fc_conv_spec *s, int axis, int64_t offset, int64_t *lo, int64_t *hi) {
    const int64_t out = s->out[axis], stride = s->stride[axis];
    *lo = fc_clamp(offset < 0 ? fc_ceil_div(-offset, stride) : 0, 0, out);
    *hi = offset < s->in[axis] ? fc_clamp(fc_ceil_div(s->in[axis] - offset, stride), *lo, out)
                               : *lo;
}

/* Zeroes a plane of output positions but, where columns are missing in no row,
 * rows [top, bottom): a few zeros in each row take longer than all at once. */
static void clear_around(const fc_conv_spec *s, const fc_kernels *k, void *plane, int64_t top,
                         int64_t bottom, bool whole_rows) {
    const int64_t row = s->out[FC_X] * k->element, end = s->out[FC_Y];
    if (!whole_rows) top = bottom = end;
    memset(plane, 0, (size_t)(top * row));
    memset((char *)plane + bottom * row, 0, (size_t)((end - bottom) * row));
}

static const void *plane_at(const fc_conv_spec *s, const fc_tensor *image, int64_t item,
                            const fc_kernels *k) {
    return fc_at(image->data,
                 item / s->in_channels * image->batch + item % s->in_channels * image->channel, k);
}

void fc_im2col(const fc_conv_spec *s, const fc_isa *isa, const fc_tensor *image, void *columns,
               int64_t begin, int64_t end) {
    const fc_kernels *k = isa->kernels[s->dtype];
    const int64_t width = s->out[FC_X], taps = s->kernel[FC_Y] * s->kernel[FC_X];
    for (int64_t row = begin; row < end; row++) {
        const int64_t r = row % taps / s->kernel[FC_X], t = row % s->kernel[FC_X];
        void *out = fc_at_mut(columns, row * s->out[FC_Y] * width, k);
        const int64_t y0 = r * s->dilation[FC_Y] - s->pad_lo[FC_Y];
        const int64_t x0 = t * s->dilation[FC_X] - s->pad_lo[FC_X];
        int64_t top, bottom, lo, hi;
        inside(s, FC_Y, y0, &top, &bottom);
        inside(s, FC_X, x0, &lo, &hi);
        clear_around(s, k, out, top, bottom, hi - lo == width);
        if (top == bottom || lo == hi) continue;
        k->copy(&(fc_copy_args){
            .from = fc_at(plane_at(s, image, row / taps, k),
                          (y0 + top * s->stride[FC_Y]) * image->axis[FC_Y] +
                              (x0 + lo * s->stride[FC_X]) * image->axis[FC_X],
                          k),
            .to = fc_at_mut(out, top * width + lo, k),
            .rows = bottom - top,
            .columns = hi - lo,
            .from_row = image->axis[FC_Y] * s->stride[FC_Y],
            .from_column = image->axis[FC_X] * s->stride[FC_X],
            .to_row = width,
            .to_column = 1,
        });
    }
}

void fc_col2im(const fc_conv_spec *s, const fc_isa *isa, const fc_tensor *image,
               const fc_tensor *columns, int64_t begin, int64_t end) {
    const fc_kernels *k = isa->kernels[s->dtype];
    const int64_t width = s->out[FC_X], taps = s->kernel[FC_Y] * s->kernel[FC_X];
    for (int64_t item = begin; item < end; item++) {
        void *plane = (void *)(uintptr_t)plane_at(s, image, item, k);
        memset(plane, 0, (size_t)(s->in[FC_Y] * s->in[FC_X] * k->element));
        for (int64_t r = 0; r < s->kernel[FC_Y]; r++)
            for (int64_t t = 0; t < s->kernel[FC_X]; t++) {
                const int64_t row = item % s->in_channels * taps + r * s->kernel[FC_X] + t;
                k->col2im(&(fc_col2im_args){
                    .x = fc_at(columns->data,
                               item / s->in_channels * columns->batch + row * columns->channel, k),
                    .out = plane,
                    .rows = s->out[FC_Y],
                    .columns = width,
                    .x_row = width * columns->axis[FC_X],
                    .x_column = columns->axis[FC_X],
                    .height = s->in[FC_Y],
                    .width = s->in[FC_X],
                    .out_row = image->axis[FC_Y],
                    .out_column = image->axis[FC_X],
                    .stride = {s->stride[FC_Y], s->stride[FC_X]},
                    .offset = {r * s->dilation[FC_Y] - s->pad_lo[FC_Y],
                               t * s->dilation[FC_X] - s->pad_lo[FC_X]},
                });
            }
    }
}

static void run_items(const void *context, int64_t begin, int64_t end, void *scratch) {
    (void)scratch;
    const fc_columns_job *job = context;
    if (job->back)
        fc_col2im(job->spec, job->isa, job->image, job->columns, begin, end);
    else
        fc_im2col(job->spec, job->isa, job->image, job->columns->data, begin, end);
}

fc_task fc_columns_task(const fc_columns_job *job) {
    const fc_conv_spec *s = job->spec;
    /* Nearly all of it is writing or reading the matrix. */
    static const double nanoseconds_a_byte = 0.15;
    const double elements = (double)(job->batch * s->in_channels) *
                            (double)(fc_kernel_size(s) * fc_out_pixels(s));
    return (fc_task){
        .run = run_items,
        .context = job,
        .items = job->batch * s->in_channels * (job->back ? 1 : fc_kernel_size(s)),
        .visit = 1,
        .nanoseconds = elements * (double)job->isa->kernels[s->dtype]->element * nanoseconds_a_byte,
    };
}
