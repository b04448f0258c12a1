#include "strips.h"

#include "../base/integers.h"

/* A strip that serves several panels keeps their unfinished sums in scratch. */
enum { VISIT_BYTES = 512 * 1024, FEW = 8 };

/* The smallest strip, and what it may take. */
enum { LEAST_COLUMNS = 8, LEAST_BYTES = 768 * 1024 };

/* The fewest pixels, channels last, of a row that is divided for the sake of threads alone. */
enum { LEAST_HALVED = 128 };

/* The most rows, in grains, that fit. */
static int64_t rows_within(const fc_conv_job *job, fc_strip_bytes *bytes, int64_t columns,
                           int64_t channels, int64_t budget, int64_t pixels) {
    const fc_conv_spec *s = &job->spec;
    const int64_t grain = job->geometry.grain;
    int64_t lo = 1;
    int64_t hi = fc_ceil_div(fc_min(s->out[FC_Y], fc_max(pixels / columns, 1)), grain);
    while (lo < hi) { /* by bisection */
        const int64_t middle = lo + (hi - lo + 1) / 2;
        if (bytes(s, middle * grain, columns, channels, job->kernels) <= budget)
            lo = middle;
        else
            hi = middle - 1;
    }
    return lo * grain;
}

static void set_strips(fc_conv_job *job, fc_strip_bytes *bytes, int64_t rows, int64_t columns,
                       int64_t channels) {
    fc_geometry *g = &job->geometry;
    const int64_t size[FC_AXES] = {1, rows, columns};
    for (int a = 0; a < FC_AXES; a++) {
        const int64_t grain = a == FC_Z ? 1 : g->grain;
        const int64_t grains = fc_ceil_div(job->spec.out[a], grain);
        g->strips[a] = fc_ceil_div(grains, fc_ceil_div(size[a], grain));
        /* Three strips are two for one thread and one for the other. */
        if (a == FC_Y && g->strips[a] > 1 && g->strips[a] < FEW)
            g->strips[a] = fc_min(fc_round_up(g->strips[a], 2), grains);
        g->out[a] = fc_ceil_div(grains, g->strips[a]) * grain;
    }
    g->channels = channels;
    g->blocks = fc_ceil_div(fc_group_in(&job->spec), channels);
    g->strip_bytes = bytes(&job->spec, g->out[FC_Y], g->out[FC_X], channels, job->kernels);
}

void fc_strips_cut(fc_conv_job *job, fc_strip_bytes *bytes, int64_t channels, int64_t budget,
                   int64_t pixels) {
    fc_geometry *g = &job->geometry;
    if (!g->grain) g->grain = 1;
    /* Wide first (long runs), then high (shared halo rows). */
    const int64_t width = job->spec.out[FC_X], least = fc_round_up(LEAST_COLUMNS, g->grain);
    int64_t rows = g->grain, columns = fc_min(width, fc_max(pixels / g->grain, least));
    while (columns > least && bytes(&job->spec, rows, columns, channels, job->kernels) > budget)
        columns = fc_round_up(fc_ceil_div(columns, 2), g->grain);
    if (columns >= width) rows = rows_within(job, bytes, width, channels, budget, pixels);
    /* Of an odd number of single rows one thread would have one more than the other. */
    const int64_t lines = job->batch * job->spec.groups * job->spec.out[FC_Z];
    if (job->spec.out[FC_Y] == 1 && job->y.channel == 1 && lines % 2 && width >= LEAST_HALVED)
        columns = fc_min(columns, fc_round_up(fc_ceil_div(width, 2), g->grain));
    set_strips(job, bytes, rows, columns, channels);
}

void fc_strips_cut_rows(fc_conv_job *job, fc_strip_bytes *bytes, int64_t budget) {
    job->geometry.grain = 1;
    const int64_t width = job->spec.out[FC_X];
    set_strips(job, bytes, rows_within(job, bytes, width, 1, budget, INT64_MAX), width, 1);
}

int64_t fc_strips_channels(const fc_conv_spec *s, const fc_kernels *k, fc_strip_bytes *bytes,
                           int64_t most) {
    int64_t channels = fc_min(fc_group_in(s), most);
    while (channels > 1 && bytes(s, 1, LEAST_COLUMNS, channels, k) > LEAST_BYTES)
        channels = fc_ceil_div(channels, 2);
    return channels;
}

void fc_strips_finish(fc_conv_job *job) {
    fc_geometry *g = &job->geometry;
    /* Each part begins on its own cache lines. */
    g->strip_bytes = fc_round_up(g->strip_bytes, FC_SCRATCH_ALIGNMENT);
    g->tap_bytes = fc_round_up(g->tap_bytes, FC_SCRATCH_ALIGNMENT);
    g->per_visit = g->panels;
    if (g->blocks > 1 && g->out_bytes)
        g->per_visit = fc_clamp(VISIT_BYTES / g->out_bytes, 1, g->panels);
    g->out_bytes = fc_round_up(g->out_bytes, FC_SCRATCH_ALIGNMENT);
    g->visit = g->panels;
    g->items = job->batch * g->strips[FC_Z] * g->strips[FC_Y] * g->strips[FC_X] * job->spec.groups *
               g->panels;
    job->scratch_bytes = g->strip_bytes + g->tap_bytes +
                         g->out_bytes * (g->blocks > 1 ? g->per_visit : 1);
}

fc_strip fc_strips_scratch(const fc_conv_job *job, void *scratch) {
    const fc_geometry *g = &job->geometry;
    return (fc_strip){.strip = scratch,
                      .taps = (char *)scratch + g->strip_bytes,
                      .out = (char *)scratch + g->strip_bytes + g->tap_bytes};
}

/* item % count, which leaves item / count. Small images would wait for divisions by 1. */
static int64_t take(int64_t *item, int64_t count) {
    if (count == 1) return 0;
    const int64_t rest = *item % count;
    *item /= count;
    return rest;
}

int64_t fc_strips_locate(const fc_conv_job *job, int64_t item, fc_strip *s) {
    const fc_geometry *g = &job->geometry;
    const int64_t groups = job->spec.groups, panel = take(&item, g->panels);
    const int64_t strips = g->strips[FC_Z] * g->strips[FC_Y] * g->strips[FC_X];
    int64_t strip = fc_by_group(job, take(&item, groups * strips), strips, &s->group);
    s->image = item;
    for (int a = FC_X; a >= FC_Z; a--) {
        s->begin[a] = 0;
        s->size[a] = job->spec.out[a];
        if (g->strips[a] == 1) continue;
        const int64_t i = take(&strip, g->strips[a]);
        const int64_t grain = a == FC_Z ? 1 : g->grain, out = job->spec.out[a];
        const int64_t grains = fc_ceil_div(out, grain);
        s->begin[a] = fc_share(grains, g->strips[a], i) * grain;
        s->size[a] = fc_min(out, fc_share(grains, g->strips[a], i + 1) * grain) - s->begin[a];
    }
    return panel;
}

/* Panels [begin, end) of one strip, block by block of input channels. */
static void run_visit(const fc_conv_job *job, fc_strip *s, int64_t begin, int64_t end,
                      const fc_strip_steps *steps, bool loaded) {
    const fc_geometry *g = &job->geometry;
    for (int64_t block = 0; block < g->blocks; block++) {
        s->c_begin = block * g->channels;
        s->c_size = fc_min(g->channels, fc_group_in(&job->spec) - s->c_begin);
        s->first = block == 0;
        s->last = block == g->blocks - 1;
        s->fresh = !loaded || g->blocks > 1;
        if (s->fresh) {
            if (!g->in_place) steps->load(job, s);
            steps->taps(job, s);
        }
        for (int64_t panel = begin; panel < end; panel++, s->fresh = false)
            steps->panel(job, s, panel, g->blocks > 1 ? panel - begin : 0);
    }
}

void fc_strips_run(const fc_conv_job *job, int64_t begin, int64_t end, void *scratch,
                   const fc_strip_steps *steps) {
    const fc_geometry *g = &job->geometry;
    fc_strip s = fc_strips_scratch(job, scratch);
    while (begin < end) {
        const int64_t panel = fc_strips_locate(job, begin, &s);
        const int64_t stop = fc_min(g->panels, panel + (end - begin));
        for (int64_t p = panel; p < stop; p += g->per_visit)
            run_visit(job, &s, p, fc_min(p + g->per_visit, stop), steps, p != panel);
        begin += stop - panel;
    }
}

void *fc_strip_out(const fc_conv_job *job, const fc_strip *s) {
    int64_t at = s->image * job->y.batch + s->group * fc_group_out(&job->spec) * job->y.channel;
    for (int a = 0; a < FC_AXES; a++) at += s->begin[a] * job->y.axis[a];
    return fc_at_mut(job->y.data, at, job->kernels);
}

const void *fc_strip_in(const fc_conv_job *job, const fc_strip *s, int64_t z, int64_t y,
                        int64_t x) {
    const fc_tensor *t = &job->x;
    return fc_at(t->data,
                 s->image * t->batch +
                     (s->group * fc_group_in(&job->spec) + s->c_begin) * t->channel +
                     z * t->axis[FC_Z] + y * t->axis[FC_Y] + x * t->axis[FC_X],
                 job->kernels);
}

bool fc_strip_skips(const fc_conv_job *job, const fc_strip *s, int axis, int64_t tap) {
    const fc_conv_spec *spec = &job->spec;
    const int64_t first = fc_strip_origin(job, s, axis) + tap * spec->dilation[axis];
    const int64_t last = first + (s->size[axis] - 1) * spec->stride[axis];
    return fc_conv_finite_weights(job->plan) && (last < 0 || first >= spec->in[axis]);
}

fc_strip_axis fc_strip_axis_of(const fc_conv_spec *s, int axis, int64_t count) {
    const int64_t taps = s->kernel[axis], dilation = taps == 1 ? 1 : s->dilation[axis];
    fc_strip_axis a;
    const int64_t reach = (taps - 1) * dilation + 1, stride = s->stride[axis];
    /* Small holes in a row are copied too, as they would cut it into many runs. */
    const bool whole = axis == FC_X && taps > 1 && 2 * stride <= 3 * reach;
    a.step = whole ? stride : fc_min(stride, reach);
    a.apart = fc_min(dilation, (count - 1) * a.step + 1);
    a.size = (count - 1) * a.step + (taps - 1) * a.apart + 1;
    return a;
}

int64_t fc_strip_source(const fc_conv_spec *s, int axis, int64_t count, int64_t position) {
    const fc_strip_axis a = fc_strip_axis_of(s, axis, count);
    if (s->kernel[axis] > 1 && a.apart < s->dilation[axis])
        return position / a.apart * s->dilation[axis] + position % a.apart;
    return position / a.step * s->stride[axis] + position % a.step;
}
