#include "walk.h"

#include "../base/integers.h"

#include <stdatomic.h>

enum { RUN = FC_WALK_AXES - 1, PIECE = 8192, LOOK = 512 };

fc_walk fc_walk_over(const fc_tensor *t, const fc_kernels *k, bool channels_last, int64_t batch,
                     int64_t channels, const int64_t axes[FC_AXES]) {
    static const int orders[2][FC_WALK_AXES] = {{0, 1, 2, 3, 4}, {3, 0, 1, 2, 4}};
    const int64_t size[] = {axes[FC_X], axes[FC_Y], axes[FC_Z], channels, batch};
    const int64_t stride[] = {t->axis[FC_X], t->axis[FC_Y], t->axis[FC_Z], t->channel, t->batch};
    fc_walk w = {.kernels = k, .data = t->data, .elements = 1};
    for (int d = 0; d < FC_WALK_AXES; d++) w.size[d] = w.stride[d] = 1;
    for (int i = 0, d = RUN; i < FC_WALK_AXES; i++) {
        const int from = orders[channels_last][i];
        w.elements *= size[from];
        if (size[from] == 1) continue;
        if (w.size[d] != 1 && stride[from] == w.size[d] * w.stride[d]) {
            w.size[d] *= size[from];
            continue;
        }
        if (w.size[d] != 1) d--;
        w.size[d] = size[from];
        w.stride[d] = stride[from];
    }
    return w;
}

fc_tensor fc_contiguous_images(void *data, bool channels_last, int64_t channels,
                               const int64_t axes[FC_AXES]) {
    fc_tensor t = {.data = data, .channel = 1};
    int64_t apart = channels_last ? channels : 1;
    for (int a = FC_X; a >= FC_Z; a--) {
        t.axis[a] = apart;
        apart *= axes[a];
    }
    if (!channels_last) t.channel = apart;
    t.batch = channels_last ? apart : apart * channels;
    return t;
}

/* A walk goes piece by piece of its runs. */
typedef struct {
    void *data;
    int64_t index, count; /* where its first element is in a contiguous array; elements */
} piece;

static int64_t pieces_of_run(const fc_walk *w) {
    return fc_ceil_div(w->size[RUN], PIECE);
}

static int64_t pieces(const fc_walk *w) {
    return w->elements ? w->elements / w->size[RUN] * pieces_of_run(w) : 0;
}

/* At most `most` elements of a run, from one on. */
static piece piece_of(const fc_walk *w, int64_t run, int64_t first, int64_t most) {
    const int64_t count = fc_min(most, w->size[RUN] - first);
    piece p = {.index = run * w->size[RUN] + first, .count = count};
    int64_t at = first * w->stride[RUN];
    for (int d = RUN - 1; run; d--) {
        at += run % w->size[d] * w->stride[d];
        run /= w->size[d];
    }
    p.data = fc_at_mut(w->data, at, w->kernels);
    return p;
}

static piece piece_at(const fc_walk *w, int64_t i) {
    return piece_of(w, i / pieces_of_run(w), i % pieces_of_run(w) * PIECE, PIECE);
}

static void add_extent(const fc_walk *w, piece p, int power, fc_extent *extent) {
    w->kernels->extent(&(fc_extent_args){
        .from = p.data,
        .count = p.count,
        .step = w->stride[RUN],
        .power = power,
        .extent = extent,
    });
}

bool fc_walk_sees_subnormal(const fc_walk *w) {
    enum { LINE = 64, APART = 2048, LINES = 16 };
    const int64_t lines = fc_clamp(w->elements / APART, 1, LINES), size = w->size[RUN];
    fc_extent extent = {0};
    if (!w->elements) return false;
    for (int64_t i = 0; i < lines && !extent.subnormal; i++) {
        const int64_t element = fc_share(w->elements, 2 * lines, 2 * i + 1);
        const int64_t run = size == w->elements ? 0 : element / size;
        const int64_t first = fc_min(element - run * size, fc_max(size - LINE, 0));
        add_extent(w, piece_of(w, run, first, LINE), 1, &extent);
    }
    return extent.subnormal;
}

bool fc_walk_has_small(const fc_walk *w, int power, int64_t enough) {
    fc_extent extent = {0};
    if (!w->elements) return false;
    /* By small ones at first: usually all numbers are. */
    for (int64_t i = 0; i < fc_min(w->size[RUN], PIECE) && extent.small < enough; i += LOOK)
        add_extent(w, piece_of(w, 0, i, LOOK), power, &extent);
    if (extent.small >= enough) return true;
    extent.small = 0;
    for (int64_t i = 0; i < pieces(w) && extent.small < enough; i++)
        add_extent(w, piece_at(w, i), power, &extent);
    return extent.small >= enough;
}

double fc_walk_largest(const fc_walk *w) {
    fc_extent extent = {0};
    for (int64_t i = 0; i < pieces(w); i++) add_extent(w, piece_at(w, i), 1, &extent);
    return extent.largest;
}

/* A pass as a task, whose items are the pieces. */
typedef struct {
    const fc_walk *walk;
    void *to;
    int power;
    _Atomic double *largest;
} pass;

static void scale_up(const void *context, int64_t begin, int64_t end, void *scratch) {
    const pass *pass = context;
    const fc_kernels *k = pass->walk->kernels;
    double largest = 0, known = atomic_load(pass->largest);
    (void)scratch;
    for (int64_t i = begin; i < end; i++) {
        const piece p = piece_at(pass->walk, i);
        k->scale_up(&(fc_scale_up_args){
            .from = p.data,
            .to = fc_at_mut(pass->to, p.index, k),
            .count = p.count,
            .step = pass->walk->stride[RUN],
            .power = pass->power,
            .largest = &largest,
        });
    }
    while (largest > known && !atomic_compare_exchange_weak(pass->largest, &known, largest)) {
    }
}

static void scale_down(const void *context, int64_t begin, int64_t end, void *scratch) {
    const pass *pass = context;
    (void)scratch;
    for (int64_t i = begin; i < end; i++) {
        const piece p = piece_at(pass->walk, i);
        pass->walk->kernels->scale_down(&(fc_scale_down_args){
            .to = p.data,
            .count = p.count,
            .step = pass->walk->stride[RUN],
            .power = pass->power,
        });
    }
}

static fc_status run(const pass *pass, void (*run)(const void *, int64_t, int64_t, void *),
                     const fc_task *like) {
    static const double nanoseconds = 0.1; /* an element, from the second-level cache */
    return fc_task_run(&(fc_task){
        .run = run,
        .context = pass,
        .items = pieces(pass->walk),
        .visit = 1,
        .nanoseconds = (double)pass->walk->elements * nanoseconds,
        .threads = like->threads,
        /* The child of a fork made inside `stop` does items twice: not those in place. */
        .stop = pass->to ? like->stop : NULL,
    });
}

fc_status fc_walk_scale_up(const fc_walk *w, void *to, int power, const fc_task *like,
                           double *largest) {
    _Atomic double found = *largest;
    const fc_status status = run(&(pass){w, to, power, &found}, scale_up, like);
    *largest = found;
    return status;
}

fc_status fc_walk_scale_down(const fc_walk *w, int power, const fc_task *like) {
    return run(&(pass){w, NULL, power, NULL}, scale_down, like);
}
