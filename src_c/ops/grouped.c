/* Small groups: a vector of output channels holds several whole groups (`grouped`).
 * Channels go by panels of as many groups as a vector holds, in and out.
 *
 * Channels-last images are read in place, and by strips of all channels at their
 * borders, where padding is read. Others go by strips of the channels of one panel:
 * to the strips a panel is one "group".
 *
 * Packed weights: bias [panel][VL], where groups are not of 2, 4, 8 or 16 channels
 * in and out the lane of each input [c][VL], then [panel][z][r][s][c][VL]. */
#include "../base/integers.h"
#include "algorithms.h"
#include "pixel_strip.h"

#include <string.h>

enum { STRIP_BYTES = 256 * 1024, WHOLE_BYTES = 512 * 1024, OUT_BYTES = 128 * 1024 };

/* Whether lanes follow from the group's size alone. */
static bool regular(const fc_conv_spec *s) {
    const int64_t size = fc_group_in(s);
    return fc_group_out(s) == size && (size == 2 || size == 4 || size == 8 || size == 16);
}

static const char *refuse(const fc_conv_spec *s, const fc_kernels *k) {
    if (s->groups == 1) return "there is one group only";
    if (fc_max(fc_group_in(s), fc_group_out(s)) > k->vl) return "a group is wider than a vector";
    if (!regular(s) && k->vl < 8) return "vectors are too short for groups of any size";
    return NULL;
}

/* Groups of a panel, and panels. */
static int64_t together(const fc_conv_spec *s, const fc_kernels *k) {
    return k->vl / fc_max(fc_group_in(s), fc_group_out(s));
}
static int64_t panels(const fc_conv_spec *s, const fc_kernels *k) {
    return fc_ceil_div(s->groups, together(s, k));
}

static int64_t lane_elements(const fc_conv_spec *s, const fc_kernels *k) {
    return regular(s) ? 0 : fc_group_in(s) * k->vl;
}
static int64_t panel_elements(const fc_conv_spec *s, const fc_kernels *k) {
    return fc_group_in(s) * fc_kernel_size(s) * k->vl;
}

static int64_t bias_elements(const fc_conv_spec *s, const fc_kernels *k) {
    return panels(s, k) * k->vl;
}

static int64_t packed_elements(const fc_conv_spec *s, const fc_kernels *k) {
    return bias_elements(s, k) + lane_elements(s, k) + panels(s, k) * panel_elements(s, k);
}

/* For the kernel, which says what it means: by the shape alone, as the order of sums follows. */
static int64_t row_stride(const fc_conv_spec *s) {
    const bool rows = s->kernel[FC_X] == 3 && s->dilation[FC_X] == 1 && s->stride[FC_X] <= 2;
    return rows ? s->stride[FC_X] : 0;
}

static double cost(const fc_conv_spec *s, const fc_kernels *k) {
    const double pixels = (double)fc_out_pixels(s), vectors = (double)panels(s, k);
    const double n = (double)(fc_group_in(s) * fc_kernel_size(s));
    const double in = (double)fc_in_pixels(s);
    /* A multiplication for each of the group's channels, and unless the group is a vector a
     * shuffle, for each of them or every third; by vectors of 16, 32 and 64 bytes. */
    static const double broadcasts[2][3] = {{1.3, 1.3, 1.15}, {1.2, 1.2, 1}},
                        shuffles[2][3] = {{2.6, 2.1, 2}, {1.9, 1.6, 1.3}},
                        any[2][3] = {{3.8, 3.8, 2.4}, {2.2, 2.2, 1.3}};
    const int64_t size = fc_group_in(s), bytes = k->vl * k->element;
    const int length = bytes == 16 ? 0 : bytes == 32 ? 1 : 2;
    const bool rows = row_stride(s) > 0;
    const double each = !regular(s)     ? any[rows][length]
                        : size == k->vl ? broadcasts[rows][length]
                                        : shuffles[rows][length];
    /* Planes are transposed, row by row. */
    const double high = (double)(s->in[FC_Z] * s->in[FC_Y]);
    const double moved = s->channels_last ? in * vectors
                                          : (6 * in + 4 * pixels + 100 * high) * vectors +
                                                fc_copy_by_element(s, k);
    return vectors * pixels * (n * each + 4) + moved;
}

static void pack_lanes(const fc_conv_spec *s, const fc_kernels *k, void *lanes) {
    const int64_t in = fc_group_in(s), out = fc_group_out(s), used = together(s, k) * out;
    for (int64_t c = 0; c < in; c++)
        for (int64_t lane = 0; lane < k->vl; lane++) {
            const int64_t from = lane < used ? lane / out * in + c : 0, at = c * k->vl + lane;
            if (s->dtype == FC_F32)
                ((int32_t *)lanes)[at] = (int32_t)from;
            else
                ((int64_t *)lanes)[at] = from;
        }
}

static void pack(const fc_conv_plan *plan, const void *w, const void *bias, void *packed) {
    const fc_conv_spec *s = &plan->spec;
    const fc_kernels *k = plan->kernels;
    const int64_t in = fc_group_in(s), taps = fc_kernel_size(s), n = in * taps;
    const int64_t channels = together(s, k) * fc_group_out(s), np = panels(s, k);
    memset(packed, 0, (size_t)(packed_elements(s, k) * k->element));
    void *lanes = fc_at_mut(packed, np * k->vl, k);
    if (!regular(s)) pack_lanes(s, k, lanes);
    void *weights = fc_at_mut(lanes, lane_elements(s, k), k);
    for (int64_t p = 0; p < np; p++) {
        const int64_t first = p * channels, count = fc_min(channels, s->out_channels - first);
        if (bias)
            memcpy(fc_at_mut(packed, p * k->vl, k), fc_at(bias, first, k),
                   (size_t)(count * k->element));
        for (int64_t c = 0; c < in; c++)
            k->copy(&(fc_copy_args){
                .from = fc_at(w, first * n + c * taps, k),
                .to = fc_at_mut(weights, p * panel_elements(s, k) + c * k->vl, k),
                .rows = count,
                .columns = taps,
                .from_row = n,
                .from_column = 1,
                .to_row = 1,
                .to_column = in * k->vl,
            });
    }
}

/* How the strips are laid out: all channels together, or those of one panel. */
static bool whole_pixels(const fc_conv_job *job) {
    return job->x.channel == 1;
}
static int64_t panel_in(const fc_conv_job *job) {
    const fc_conv_spec *s = &job->plan->spec;
    return together(s, job->kernels) * fc_group_in(s);
}
static int64_t panel_out(const fc_conv_job *job) {
    const fc_conv_spec *s = &job->plan->spec;
    return together(s, job->kernels) * fc_group_out(s);
}

/* Elements from one pixel to the next of results that are transposed afterwards. */
static int64_t out_pitch(const fc_conv_job *job) {
    return whole_pixels(job) ? job->plan->spec.out_channels : job->kernels->vl;
}

/* Elements from one pixel of a strip to the next. */
static int64_t strip_pitch(const fc_conv_job *job) {
    const fc_kernels *k = job->kernels;
    if (!whole_pixels(job)) return k->vl;
    /* Pixels at multiples of 512 bytes would meet in a few sets of the cache. */
    const int64_t pitch = job->plan->spec.in_channels;
    return pitch * k->element % 512 ? pitch : pitch + k->vl;
}

static int64_t strip_bytes(const fc_conv_spec *s, int64_t rows, int64_t columns, int64_t channels,
                           const fc_kernels *k) {
    /* A vector is read at the last pixel's last panel, too. */
    return fc_pixel_strip_bytes(s, rows, columns, channels, k) + k->vl * k->element;
}

static void load(const fc_conv_job *job, const fc_strip *s) {
    const int64_t all = job->plan->spec.in_channels, in = panel_in(job);
    fc_pixel_strip_load(job, s, whole_pixels(job) ? all : fc_min(in, all - s->group * in),
                        strip_pitch(job));
}

static void make_taps(const fc_conv_job *job, const fc_strip *s, bool in_place) {
    const fc_conv_spec *spec = &job->spec;
    const fc_strip_axis y = fc_strip_axis_of(spec, FC_Y, s->size[FC_Y]);
    const fc_strip_axis x = fc_strip_axis_of(spec, FC_X, s->size[FC_X]);
    const int64_t pitch = in_place ? job->x.axis[FC_X] : strip_pitch(job);
    const int64_t row = in_place ? job->x.axis[FC_Y] : fc_pixel_strip_row(job, s, pitch);
    const int64_t plane = in_place ? job->x.axis[FC_Z] * spec->dilation[FC_Z] : y.size * row;
    const int64_t down = (in_place ? spec->dilation[FC_Y] : y.apart) * row;
    const int64_t right = (in_place ? spec->dilation[FC_X] : x.apart) * pitch;
    int64_t *tap = s->taps;
    for (int64_t q = 0; q < spec->kernel[FC_Z]; q++)
        for (int64_t r = 0; r < spec->kernel[FC_Y]; r++)
            for (int64_t t = 0; t < spec->kernel[FC_X]; t++)
                *tap++ = q * plane + r * down + t * right;
}

/* All panels of a strip of all channels, or the only one of a strip of its own. */
static void compute(const fc_conv_job *job, const fc_strip *s, bool in_place) {
    const fc_conv_spec *spec = &job->spec, *given = &job->plan->spec;
    const fc_kernels *k = job->kernels;
    const bool whole = whole_pixels(job);
    const int64_t np = panels(given, k), vl = k->vl, first = whole ? 0 : s->group;
    const int64_t left = given->out_channels - first * panel_out(job);
    const int64_t channels = whole ? left : fc_min(panel_out(job), left);
    const int64_t pitch = strip_pitch(job);
    const bool direct = fc_pixel_strip_stores_directly(job);
    void *out = direct ? fc_strip_out(job, s) : s->out;
    k->grouped(&(fc_grouped_args){
        .x = in_place ? fc_strip_in(job, s, fc_strip_origin(job, s, FC_Z),
                                    fc_strip_origin(job, s, FC_Y), fc_strip_origin(job, s, FC_X))
                      : s->strip,
        .w = fc_at(job->packed,
                   np * vl + lane_elements(given, k) + first * panel_elements(given, k), k),
        .bias = fc_conv_bias_at(job, first * vl),
        .lanes = regular(given) ? NULL : fc_at(job->packed, np * vl, k),
        .out = out,
        .tap = s->taps,
        .taps = fc_kernel_size(spec),
        .inputs = fc_group_in(given),
        .readable = in_place ? given->in_channels
                    : whole  ? pitch + vl
                             : vl,
        .end = s->size[FC_Y] * s->size[FC_X],
        .row_stride = row_stride(spec),
        .width = s->size[FC_X],
        .x_row = in_place ? job->x.axis[FC_Y] * spec->stride[FC_Y]
                          : fc_strip_axis_of(spec, FC_Y, s->size[FC_Y]).step *
                                fc_pixel_strip_row(job, s, pitch),
        .x_column = in_place ? job->x.axis[FC_X] * spec->stride[FC_X]
                             : fc_strip_axis_of(spec, FC_X, s->size[FC_X]).step * pitch,
        .x_panel = panel_in(job),
        .out_row = direct ? job->y.axis[FC_Y] : s->size[FC_X] * out_pitch(job),
        .out_column = direct ? job->y.axis[FC_X] : out_pitch(job),
        .out_panel = panel_out(job),
        .panels = whole ? np : 1,
        .channels = channels,
        .lo = spec->clip_lo,
        .hi = spec->clip_hi,
    });
    if (!direct) fc_pixel_strip_store(job, s, 0, channels, out, out_pitch(job));
}

/* Output positions [*lo, *hi) of one axis whose taps all lie inside the image. */
static void inner(const fc_conv_spec *s, int axis, int64_t *lo, int64_t *hi) {
    const int64_t room = s->in[axis] + s->pad_lo[axis] - fc_reach(s, axis, 1);
    *lo = fc_min(fc_ceil_div(s->pad_lo[axis], s->stride[axis]), s->out[axis]);
    *hi = room < 0 ? *lo : fc_clamp(room / s->stride[axis] + 1, *lo, s->out[axis]);
}

/* Rows [y0, y1) and columns [x0, x1) of the output within a strip. */
static void part(const fc_conv_job *job, const fc_strip *s, int64_t y0, int64_t y1, int64_t x0,
                 int64_t x1, bool in_place) {
    fc_strip t = *s;
    t.begin[FC_Y] = fc_max(y0, s->begin[FC_Y]);
    t.size[FC_Y] = fc_min(y1, s->begin[FC_Y] + s->size[FC_Y]) - t.begin[FC_Y];
    t.begin[FC_X] = fc_max(x0, s->begin[FC_X]);
    t.size[FC_X] = fc_min(x1, s->begin[FC_X] + s->size[FC_X]) - t.begin[FC_X];
    if (t.size[FC_Y] <= 0 || t.size[FC_X] <= 0) return;
    if (!in_place) load(job, &t);
    make_taps(job, &t, in_place);
    compute(job, &t, in_place);
}

/* The inside where it lies, then the borders, which copy what they read. */
static void strip(const fc_conv_job *job, const fc_strip *s, int64_t panel, int64_t slot) {
    (void)panel, (void)slot;
    const fc_conv_spec *spec = &job->spec;
    const int64_t height = spec->out[FC_Y], width = spec->out[FC_X];
    int64_t z0, z1, y0, y1, x0, x1;
    inner(spec, FC_Z, &z0, &z1);
    inner(spec, FC_Y, &y0, &y1);
    inner(spec, FC_X, &x0, &x1);
    /* A border copies the reach of its windows, and narrow ones are computed pixel by pixel: small
     * images are copied as a whole. */
    const int64_t inside = (y1 - y0) * (x1 - x0), all = height * width;
    const bool large = row_stride(spec) ? inside * 13 > all * 12 : inside * 4 > all * 3;
    const bool in_place = whole_pixels(job) && z1 - z0 == spec->out[FC_Z] && large;
    if (!in_place) {
        part(job, s, 0, height, 0, width, false);
        return;
    }
    part(job, s, y0, y1, x0, x1, true);
    part(job, s, y0, y1, 0, x0, false);
    part(job, s, y0, y1, x1, width, false);
    part(job, s, 0, y0, 0, width, false);
    part(job, s, y1, height, 0, width, false);
}

/* `strip` loads what it needs, part by part. */
static void nothing(const fc_conv_job *job, const fc_strip *s) {
    (void)job, (void)s;
}

static void cut(fc_conv_job *job) {
    fc_conv_spec *s = &job->spec;
    const fc_kernels *k = job->kernels;
    fc_geometry *g = &job->geometry;
    const bool direct = fc_pixel_strip_stores_directly(job), whole = whole_pixels(job);
    const int64_t np = panels(s, k);
    g->panels = 1;
    s->groups = whole ? 1 : np;
    if (!whole) {
        s->in_channels = np * panel_in(job);
        s->out_channels = np * panel_out(job);
    }
    fc_strips_cut(job, strip_bytes, strip_pitch(job), whole ? WHOLE_BYTES : STRIP_BYTES,
                  direct ? INT64_MAX : OUT_BYTES / (out_pitch(job) * k->element));
    /* The reduction is never split. */
    g->channels = fc_group_in(s);
    g->blocks = 1;
    g->tap_bytes = fc_kernel_size(s) * (int64_t)sizeof(int64_t);
    if (!direct) g->out_bytes = g->out[FC_Y] * g->out[FC_X] * out_pitch(job) * k->element;
    fc_strips_finish(job);
}

static const fc_strip_steps steps = {nothing, nothing, strip};

static void run(const fc_conv_job *job, int64_t begin, int64_t end, void *scratch) {
    fc_strips_run(job, begin, end, scratch, &steps);
}

const fc_conv_algorithm fc_conv_grouped = {
    .name = "grouped",
    .family = "grouped",
    .refuse = refuse,
    .cost = cost,
    .pack_cost = fc_conv_copy_cost,
    .packed_elements = packed_elements,
    .bias_elements = bias_elements,
    .pack = pack,
    .cut = cut,
    .run = run,
};
