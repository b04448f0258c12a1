#include "max_pool.h"

#include "../base/checked.h"
#include "../base/integers.h"

static const int64_t LARGEST = (int64_t)1 << 31;

/* Leaves out taps that lie in padding for every window: a kernel can be far
 * larger than its image, and costs time and scratch by the tap. */
static void trim(fc_max_pool_spec *s, int axis) {
    const int64_t d = s->dilation[axis], last = (s->out[axis] - 1) * s->stride[axis];
    const int64_t before = fc_max(s->pad_lo[axis] - last, 0); /* of the last window */
    const int64_t lo = fc_min(before / d, s->kernel[axis] - 1);
    const int64_t hi = fc_ceil_div(s->in[axis] + s->pad_lo[axis], d); /* of the first */
    s->kernel[axis] = fc_clamp(hi, lo + 1, s->kernel[axis]) - lo;
    s->pad_lo[axis] -= lo * d;
}

fc_status fc_max_pool_validate(fc_max_pool_spec *s) {
    bool overflow = false;
    int64_t size = fc_mul(s->batch, s->channels, &overflow);
    for (int a = 0; a < 2; a++) {
        if (s->in[a] > LARGEST || s->kernel[a] > LARGEST || s->stride[a] > LARGEST ||
            s->dilation[a] > LARGEST || s->pad_lo[a] > LARGEST || s->pad_hi[a] > LARGEST)
            return FC_TOO_LARGE;
        const int64_t window = (s->kernel[a] - 1) * s->dilation[a] + 1;
        const int64_t padded = s->in[a] + s->pad_lo[a] + s->pad_hi[a];
        if (window > padded) return FC_EMPTY_OUTPUT;
        const int64_t room = padded - window;
        s->out[a] = room / s->stride[a] + 1;
        if (s->ceil_mode) {
            s->out[a] = fc_ceil_div(room, s->stride[a]) + 1;
            if ((s->out[a] - 1) * s->stride[a] >= s->in[a] + s->pad_lo[a]) s->out[a]--;
        }
        size = fc_mul(size, s->out[a], &overflow);
        trim(s, a);
    }
    fc_mul(size, 16, &overflow);
    return overflow ? FC_TOO_LARGE : FC_OK;
}

int64_t fc_max_pool_scratch(const fc_max_pool_spec *s, const fc_isa *isa) {
    const fc_kernels *k = isa->kernels[s->dtype];
    const int64_t reach = (s->out[1] - 1) * s->stride[1] + (s->kernel[1] - 1) * s->dilation[1] + 1;
    /* The kernel works in whole vectors, at a step of 2 in pairs of them. */
    return (fc_max(reach, s->in[1] + s->pad_lo[1]) + 3 * k->vl) * k->element;
}

void fc_max_pool_run(const fc_max_pool_spec *s, const fc_isa *isa, const fc_tensor *x,
                     const fc_tensor *y, const fc_tensor *index, int64_t begin, int64_t end,
                     void *scratch) {
    const fc_kernels *k = isa->kernels[s->dtype];
    for (int64_t plane = begin; plane < end; plane++) {
        const int64_t n = plane / s->channels, c = plane % s->channels;
        fc_max_pool_args a = {
            .x = fc_at(x->data, n * x->batch + c * x->channel, k),
            .out = fc_at_mut(y->data, n * y->batch + c * y->channel, k),
            .row = scratch,
            .height = s->in[0],
            .width = s->in[1],
            .out_height = s->out[0],
            .out_width = s->out[1],
            .x_row = x->axis[FC_Y],
            .x_column = x->axis[FC_X],
            .out_row = y->axis[FC_Y],
            .out_column = y->axis[FC_X],
            .kernel = {s->kernel[0], s->kernel[1]},
            .stride = {s->stride[0], s->stride[1]},
            .dilation = {s->dilation[0], s->dilation[1]},
            .pad = {s->pad_lo[0], s->pad_lo[1]},
        };
        if (index) {
            a.index = (int64_t *)index->data + n * index->batch + c * index->channel;
            a.index_row = index->axis[FC_Y];
            a.index_column = index->axis[FC_X];
        }
        k->max_pool(&a);
    }
}

static void run_planes(const void *context, int64_t begin, int64_t end, void *scratch) {
    const fc_max_pool_job *job = context;
    fc_max_pool_run(job->spec, job->isa, job->x, job->y, job->index, begin, end, scratch);
}

fc_task fc_max_pool_task(const fc_max_pool_job *job) {
    const fc_max_pool_spec *s = job->spec;
    const fc_kernels *k = job->isa->kernels[s->dtype];
    const double planes = (double)(s->batch * s->channels);
    /* An input element is read, and an output one compared with each tap. */
    static const double nanoseconds_a_vector = 1, nanoseconds_a_tap = 0.3;
    const double in = (double)(s->in[0] * s->in[1]), out = (double)(s->out[0] * s->out[1]);
    const double taps = (double)(s->kernel[0] + s->kernel[1]) * (job->index ? 4 : 1);
    return (fc_task){
        .run = run_planes,
        .context = job,
        .items = s->batch * s->channels,
        .visit = 1,
        .nanoseconds = planes * (in * nanoseconds_a_vector + out * taps * nanoseconds_a_tap) /
                       (double)k->vl,
        .scratch_bytes = (size_t)fc_max_pool_scratch(s, job->isa),
    };
}
