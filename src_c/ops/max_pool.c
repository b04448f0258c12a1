#include "max_pool.h"

#include "../base/checked.h"
#include "../base/integers.h"

static const int64_t LARGEST = (int64_t)1 << 31;

/* An item reads about this much: half of a first-level cache, so that the columns of a
 * block of rows find the lines that those to their left brought in. */
enum { BLOCK_BYTES = 16 * 1024, MIN_ROWS = 4 };

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
    for (int a = 0; a < 2; a++)
        if (fc_max(s->pad_lo[a], s->pad_hi[a]) > s->kernel[a] / 2) return FC_WIDE_PADDING;
    bool overflow = false;
    int64_t size = fc_mul(s->batch, s->channels, &overflow);
    for (int a = 0; a < 2; a++) {
        if (s->in[a] > LARGEST || s->kernel[a] > LARGEST || s->stride[a] > LARGEST ||
            s->dilation[a] > LARGEST || s->pad_lo[a] > LARGEST || s->pad_hi[a] > LARGEST)
            return FC_TOO_LARGE;
        const int64_t window =
            fc_add(fc_mul(s->kernel[a] - 1, s->dilation[a], &overflow), 1, &overflow);
        const int64_t padded = s->in[a] + s->pad_lo[a] + s->pad_hi[a];
        const int64_t hanging = s->ceil_mode ? s->stride[a] - 1 : 0;
        if (window > padded + hanging) return FC_EMPTY_OUTPUT;
        s->out[a] = (padded + hanging - window) / s->stride[a] + 1;
        const int64_t last = fc_mul(s->out[a] - 1, s->stride[a], &overflow);
        if (s->ceil_mode && last >= s->in[a] + s->pad_lo[a]) s->out[a]--;
        if (!s->out[a]) return FC_EMPTY_OUTPUT;
        size = fc_mul(size, s->out[a], &overflow);
        trim(s, a);
    }
    fc_mul(size, 16, &overflow);
    return overflow ? FC_TOO_LARGE : FC_OK;
}

/* Whether lanes can count the positions of a plane. */
static bool lanes_count(const fc_max_pool_job *j) {
    return !j->index.data || j->spec.in[0] <= ((int64_t)1 << 30) / fc_max(j->spec.in[1], 1);
}

/* What the kernel for planes asks for: see kernels.h. */
static bool has_plane_kernel(const fc_max_pool_job *j) {
    const fc_max_pool_spec *s = &j->spec;
    const int64_t k = s->kernel[0], stride = s->stride[0];
    return s->kernel[1] == k && s->stride[1] == stride && s->dilation[0] == 1 &&
           s->dilation[1] == 1 && s->in[0] > 0 && s->in[1] > 0 && (k == 2 || k == 3 || k == 5) &&
           stride <= 2 && j->x.axis[FC_X] == 1 && j->y.axis[FC_X] == 1 &&
           (!j->index.data || j->index.axis[FC_X] == 1) && lanes_count(j);
}

static bool has_pixel_kernel(const fc_max_pool_job *j) {
    return j->x.channel == 1 && j->y.channel == 1 && (!j->index.data || j->index.channel == 1) &&
           lanes_count(j);
}

/* Rows of the image that `rows` output rows look at, those in padding included. */
static int64_t reach(const fc_max_pool_spec *s, int axis, int64_t count) {
    return (count - 1) * s->stride[axis] + (s->kernel[axis] - 1) * s->dilation[axis] + 1;
}

/* Bytes of the scratch of an item of `rows` output rows that goes by transposed planes:
 * the images, the maxima and the indices, a vector of channels wide. */
static int64_t transposed_bytes(const fc_max_pool_job *j, int64_t rows, int64_t part[3]) {
    const fc_max_pool_spec *s = &j->spec;
    const int64_t vl = j->kernels->vl, in = fc_min(reach(s, 0, rows), s->in[0]) * s->in[1];
    part[0] = fc_round_up(in * vl * j->kernels->element, FC_SCRATCH_ALIGNMENT);
    part[1] = fc_round_up(rows * s->out[1] * vl * j->kernels->element, FC_SCRATCH_ALIGNMENT);
    part[2] = j->index.data ? rows * s->out[1] * vl * (int64_t)sizeof(int64_t) : 0;
    return part[0] + part[1] + part[2];
}

/* Windows that the kernel for any plane would go through element by element. */
static bool wants_transposing(const fc_max_pool_job *j) {
    enum { MOST = 1 << 20 };
    const fc_max_pool_spec *s = &j->spec;
    int64_t part[3];
    const bool slow = j->index.data || s->stride[1] > 2 || j->x.axis[FC_X] != 1;
    /* Sizes this small cannot overflow what is computed from them. */
    const bool small = s->in[0] < MOST && s->in[1] < MOST && s->out[1] < MOST &&
                       s->kernel[0] < MOST && s->dilation[0] < MOST && s->stride[0] < MOST;
    return slow && small && s->channels > 1 && s->in[0] > 0 && s->in[1] > 0 && lanes_count(j) &&
           transposed_bytes(j, 1, part) <= MOST;
}

void fc_max_pool_job_make(fc_max_pool_job *j, const fc_max_pool_spec *s, const fc_isa *isa,
                          const fc_tensor *x, const fc_tensor *y, const fc_tensor *index) {
    const fc_kernels *k = isa->kernels[s->dtype];
    *j = (fc_max_pool_job){.spec = *s, .kernels = k, .x = *x, .y = *y, .planes = 1};
    j->copy_index = isa->kernels[FC_F64]->copy;
    if (index) j->index = *index;
    int64_t planes = s->channels,
            rows = BLOCK_BYTES / fc_max(s->in[1], 1) / k->element / s->stride[0];
    if (has_plane_kernel(j)) {
        j->kernel = k->max_pool;
        j->planes = fc_clamp(rows / s->out[0], 1, s->channels);
    } else if (has_pixel_kernel(j)) {
        j->kernel = k->max_pool_pixels;
        planes = 1;
        rows /= s->channels;
    } else if (wants_transposing(j)) {
        j->kernel = k->max_pool_pixels;
        j->transposed = true;
        j->planes = fc_min(k->vl, s->channels);
        rows = rows * 4 / k->vl; /* it is all copied anyway: fewer rows twice */
    } else {
        j->kernel = k->max_pool_any;
        /* The kernel works in whole vectors, at a step of 2 in pairs of them. */
        j->scratch_bytes = (fc_max(reach(s, 1, s->out[1]), s->in[1] + s->pad_lo[1]) + 3 * k->vl) *
                           k->element;
    }
    int64_t part[3];
    j->rows = j->transposed ? fc_clamp(rows, 1, s->out[0])
                            : fc_clamp(rows, fc_min(MIN_ROWS, s->out[0]), s->out[0]);
    if (j->transposed) j->scratch_bytes = transposed_bytes(j, j->rows, part);
    j->plane_blocks = fc_ceil_div(planes, j->planes);
    j->row_blocks = fc_ceil_div(s->out[0], j->rows);
    j->items = s->batch * j->plane_blocks * j->row_blocks;
}

/* Moves `planes` planes of rows to pixels of that many channels, or back. */
static void transpose(void (*copy)(const fc_copy_args *), const void *from, void *to,
                      int64_t planes, int64_t columns, int64_t from_plane, int64_t from_column,
                      int64_t to_plane, int64_t to_column) {
    copy(&(fc_copy_args){
        .from = from,
        .to = to,
        .rows = planes,
        .columns = columns,
        .from_row = from_plane,
        .from_column = from_column,
        .to_row = to_plane,
        .to_column = to_column,
    });
}

/* A few planes at a time as channels of one image: any window then is as good as any. */
static void run_transposed(const fc_max_pool_job *j, const fc_max_pool_args *a, void *scratch) {
    const fc_kernels *k = j->kernels;
    const int64_t rows = a->row_end - a->row_begin, width = a->width, c = a->planes;
    const int64_t y0 = a->row_begin * a->stride[0] - a->pad[0];
    const int64_t top = fc_clamp(y0, 0, a->height - 1);
    const int64_t bottom = fc_clamp(y0 + reach(&j->spec, 0, rows), top + 1, a->height);
    int64_t part[3];
    transposed_bytes(j, j->rows, part);
    char *image = scratch, *out = image + part[0], *index = out + part[1];
    for (int64_t y = top; y < bottom; y++)
        transpose(k->copy, fc_at(a->x, y * a->x_row, k), fc_at_mut(image, (y - top) * width * c, k),
                  c, width, a->x_plane, a->x_column, 1, c);
    fc_max_pool_args b = *a;
    b.x = image;
    b.out = out;
    b.channels = c;
    b.height = bottom - top;
    b.row_begin = 0;
    b.row_end = rows;
    b.pad[0] = top - y0;
    b.x_column = b.out_column = b.index_column = c;
    b.x_row = width * c;
    b.out_row = b.index_row = a->out_width * c;
    b.index_origin = top * width;
    if (a->index) b.index = (int64_t *)(void *)index;
    j->kernel(&b);
    for (int64_t y = 0; y < rows; y++) {
        const int64_t row = a->row_begin + y, at = y * a->out_width * c;
        transpose(k->copy, fc_at(out, at, k), fc_at_mut(a->out, row * a->out_row, k), c,
                  a->out_width, 1, c, a->out_plane, a->out_column);
        /* Copies move bits, so that doubles may stand for the integers. */
        if (a->index)
            transpose(j->copy_index, (const int64_t *)(const void *)index + at,
                      a->index + row * a->index_row, c, a->out_width, 1, c, a->index_plane,
                      a->index_column);
    }
}

void fc_max_pool_run(const fc_max_pool_job *j, int64_t begin, int64_t end, void *scratch) {
    const fc_max_pool_spec *s = &j->spec;
    const fc_kernels *k = j->kernels;
    for (int64_t item = begin; item < end; item++) {
        const int64_t block = item / j->row_blocks, row = item % j->row_blocks * j->rows;
        const int64_t n = block / j->plane_blocks, c = block % j->plane_blocks * j->planes;
        fc_max_pool_args a = {
            .x = fc_at(j->x.data, n * j->x.batch + c * j->x.channel, k),
            .out = fc_at_mut(j->y.data, n * j->y.batch + c * j->y.channel, k),
            .row = scratch,
            .planes = fc_min(j->planes, s->channels - c),
            .channels = s->channels,
            .height = s->in[0],
            .width = s->in[1],
            .row_begin = row,
            .row_end = fc_min(row + j->rows, s->out[0]),
            .out_width = s->out[1],
            .x_plane = j->x.channel,
            .x_row = j->x.axis[FC_Y],
            .x_column = j->x.axis[FC_X],
            .out_plane = j->y.channel,
            .out_row = j->y.axis[FC_Y],
            .out_column = j->y.axis[FC_X],
            .kernel = {s->kernel[0], s->kernel[1]},
            .stride = {s->stride[0], s->stride[1]},
            .dilation = {s->dilation[0], s->dilation[1]},
            .pad = {s->pad_lo[0], s->pad_lo[1]},
        };
        if (j->index.data) {
            a.index = (int64_t *)j->index.data + n * j->index.batch + c * j->index.channel;
            a.index_plane = j->index.channel;
            a.index_row = j->index.axis[FC_Y];
            a.index_column = j->index.axis[FC_X];
        }
        if (j->transposed)
            run_transposed(j, &a, scratch);
        else
            j->kernel(&a);
    }
}

static void run_items(const void *context, int64_t begin, int64_t end, void *scratch) {
    fc_max_pool_run(context, begin, end, scratch);
}

fc_task fc_max_pool_task(const fc_max_pool_job *job) {
    const fc_max_pool_spec *s = &job->spec;
    const double planes = (double)(s->batch * s->channels);
    /* An input element is read, and an output one compared with each tap. */
    static const double nanoseconds_a_vector = 1, nanoseconds_a_tap = 0.3;
    const double in = (double)(s->in[0] * s->in[1]), out = (double)(s->out[0] * s->out[1]);
    const double taps = (double)(s->kernel[0] + s->kernel[1]) * (job->index.data ? 4 : 1);
    return (fc_task){
        .run = run_items,
        .context = job,
        .items = job->items,
        .visit = 1,
        .nanoseconds = planes * (in * nanoseconds_a_vector + out * taps * nanoseconds_a_tap) /
                       (double)job->kernels->vl,
        .scratch_bytes = (size_t)job->scratch_bytes,
    };
}
