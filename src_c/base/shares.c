#include "shares.h"

#include "integers.h"

#include <stdatomic.h>
#include <stddef.h>

/* Nanoseconds: chunks long enough to cost nothing, short enough to be shared out and stopped
 * between. */
static const double CHUNK = 100e3, LONGEST_CHUNK = 10e6;

static uint64_t word_of(int64_t begin, int64_t end) {
    return (uint64_t)end << 32 | (uint64_t)begin;
}

static int64_t begin_of(uint64_t word) {
    return (int64_t)(word & UINT32_MAX);
}

static int64_t end_of(uint64_t word) {
    return (int64_t)(word >> 32);
}

fc_shares fc_shares_of(int64_t items, int64_t visit, double nanoseconds, int threads,
                       fc_span *spans) {
    fc_shares s = {.items = items, .threads = threads, .spans = spans};
    s.step = fc_ceil_div(items, INT32_MAX);
    const int64_t steps = fc_ceil_div(items, s.step);
    const double each = nanoseconds / (double)steps;
    s.visit = s.step == 1 && visit > 1 ? visit : 1;
    const double visits = CHUNK / (each * (double)s.visit);
    if (visits * LONGEST_CHUNK / CHUNK >= 1)
        s.chunk = s.visit * (int64_t)(visits < 1 ? 1 : visits < 1e9 ? visits : 1e9);
    else
        s.chunk = fc_max(1, (int64_t)(LONGEST_CHUNK / each));
    for (int i = 0; i < threads; i++)
        atomic_init(&spans[i].word,
                    word_of(fc_share(steps, threads, i), fc_share(steps, threads, i + 1)));
    return s;
}

/* Whole visits, or part of one. */
static int64_t chunk_end(const fc_shares *s, uint64_t word) {
    const int64_t begin = begin_of(word), visit = begin - begin % s->visit;
    const int64_t end = s->chunk < s->visit ? fc_min(begin + s->chunk, visit + s->visit)
                                            : visit + s->chunk;
    return fc_min(end, end_of(word));
}

/* The next chunk of a thread's own share; empty if there is none. */
static uint64_t take(fc_shares *s, int me) {
    _Atomic uint64_t *mine = &s->spans[me].word;
    uint64_t word = atomic_load_explicit(mine, memory_order_relaxed);
    while (begin_of(word) < end_of(word)) {
        const int64_t end = chunk_end(s, word);
        if (atomic_compare_exchange_weak_explicit(mine, &word, word_of(end, end_of(word)),
                                                  memory_order_relaxed, memory_order_relaxed))
            return word_of(begin_of(word), end);
    }
    return 0;
}

/* Makes the second half of the largest share the thread's own; false if all are empty. */
static bool steal(fc_shares *s, int me) {
    for (;;) {
        int64_t most = 0;
        uint64_t word = 0;
        _Atomic uint64_t *richest = NULL;
        for (int i = 0; i < s->threads; i++) {
            const uint64_t w = atomic_load_explicit(&s->spans[i].word, memory_order_relaxed);
            if (end_of(w) - begin_of(w) <= most) continue;
            most = end_of(w) - begin_of(w);
            word = w;
            richest = &s->spans[i].word;
        }
        if (!richest) return false;
        const int64_t middle = begin_of(word) + most / 2;
        if (!atomic_compare_exchange_strong_explicit(richest, &word,
                                                     word_of(begin_of(word), middle),
                                                     memory_order_relaxed, memory_order_relaxed))
            continue;
        atomic_store_explicit(&s->spans[me].word, word_of(middle, end_of(word)),
                              memory_order_relaxed);
        return true;
    }
}

bool fc_shares_take(fc_shares *s, int me, fc_range *range) {
    do {
        const uint64_t word = take(s, me);
        if (!word) continue;
        range->begin = begin_of(word) * s->step;
        range->end = fc_min(end_of(word) * s->step, s->items);
        return true;
    } while (steal(s, me));
    return false;
}
