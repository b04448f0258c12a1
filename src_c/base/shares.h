/* Items shared out among threads: each owns a share and takes it from the front, a
 * chunk at a time; whoever has none left takes half of the largest share. */
#ifndef FC_BASE_SHARES_H
#define FC_BASE_SHARES_H

#include <stdbool.h>
#include <stdint.h>

/* What a thread has still to do: the first and the end in one word. */
typedef struct {
    _Alignas(64) _Atomic uint64_t word;
} fc_span;

/* Spans count steps of several items where there are too many for half a word; visits are
 * then too small to matter. */
typedef struct {
    int64_t items, step, visit, chunk;
    fc_span *spans;
    int threads;
} fc_shares;

typedef struct {
    int64_t begin, end;
} fc_range;

/* All items, which take so many nanoseconds on one thread; so many neighbours, from multiples of
 * it, are a visit. `spans` has one for each thread. */
fc_shares fc_shares_of(int64_t items, int64_t visit, double nanoseconds, int threads,
                       fc_span *spans);

/* The next chunk of thread `me`; false if nobody has any left. */
bool fc_shares_take(fc_shares *s, int me, fc_range *range);

#endif
