/* What one core can do at most: multiply-adds in registers, reads, copies. Compiled for each
   instruction set with -DWIDTH=<bytes of a vector>. */

#include <stdint.h>
#include <string.h>

/* Enough independent sums to hide the latency of two units, few enough for 16 registers. */
enum { SUMS = 12 };

#define FMA_PROBE(name, type) \
    typedef type name##_vector __attribute__((vector_size(WIDTH))); \
    int64_t name(int64_t rounds, type *sink) { \
        name##_vector sum[SUMS], factor, term; \
        for (int i = 0; i < (int)(WIDTH / sizeof(type)); i++) \
            factor[i] = sink[0], term[i] = sink[1]; \
        for (int i = 0; i < SUMS; i++) sum[i] = term * (type)i; \
        for (int64_t r = 0; r < rounds; r++) { \
            _Pragma("GCC unroll 16") for (int i = 0; i < SUMS; i++) \
                sum[i] = sum[i] * factor + term; \
        } \
        for (int i = 1; i < SUMS; i++) sum[0] += sum[i]; \
        memcpy(sink + 2, &sum[0], WIDTH); \
        return 2 * rounds * SUMS * (int64_t)(WIDTH / sizeof(type)); \
    }

FMA_PROBE(fma_float32, float)
FMA_PROBE(fma_float64, double)

/* Sums as the kernels have them, in tiles of ROWS broadcast pixels by COLUMNS vectors of weights: what
 * multiply-adds come to with their loads. Each tile has `terms`, of weights of its own; `bytes` in all. */
enum { ROWS = 6, COLUMNS = WIDTH == 64 ? 4 : 2 };
typedef float tile_vector __attribute__((vector_size(WIDTH), may_alias));

int64_t tile_float32(int64_t repeats, const void *weights, int64_t bytes, int64_t terms, float *sink) {
    const int64_t tiles = bytes / (terms * COLUMNS * WIDTH);
    const float *pixels = sink + ROWS * COLUMNS * WIDTH / 4; /* ROWS of each term */
    for (int64_t r = 0; r < repeats; r++) {
        const tile_vector *w = weights;
        for (int64_t tile = 0; tile < tiles; tile++) {
            const float *x = pixels;
            tile_vector sum[ROWS][COLUMNS] = {0};
            _Pragma("GCC unroll 4") for (int64_t t = 0; t < terms; t++, x += ROWS, w += COLUMNS) {
                _Pragma("GCC unroll 6") for (int m = 0; m < ROWS; m++) {
                    _Pragma("GCC unroll 4") for (int v = 0; v < COLUMNS; v++)
                        sum[m][v] += x[m] * w[v];
                }
            }
            _Pragma("GCC unroll 6") for (int m = 0; m < ROWS; m++) {
                _Pragma("GCC unroll 4") for (int v = 0; v < COLUMNS; v++)
                    memcpy(sink + (m * COLUMNS + v) * (WIDTH / 4), &sum[m][v], WIDTH);
            }
        }
    }
    return 2 * repeats * tiles * terms * ROWS * COLUMNS * (WIDTH / 4);
}

typedef int32_t word_vector __attribute__((vector_size(WIDTH), may_alias));

/* Bytes read; `bytes` is a multiple of 8 vectors, `from` is aligned to one. */
int64_t read_bytes(int64_t repeats, const void *from, int64_t bytes, int32_t *sink) {
    word_vector sum[8] = {0};
    for (int64_t r = 0; r < repeats; r++) {
        const word_vector *p = from;
        for (int64_t i = 0; i < bytes / WIDTH; i += 8) {
            _Pragma("GCC unroll 8") for (int j = 0; j < 8; j++) sum[j] += p[i + j];
        }
        __asm__ volatile("" ::: "memory");
    }
    for (int j = 1; j < 8; j++) sum[0] += sum[j];
    memcpy(sink, &sum[0], WIDTH);
    return repeats * bytes;
}

/* Bytes read and written. */
int64_t copy_bytes(int64_t repeats, void *to, const void *from, int64_t bytes) {
    for (int64_t r = 0; r < repeats; r++) {
        memcpy(to, from, (size_t)bytes);
        __asm__ volatile("" ::: "memory");
    }
    return 2 * repeats * bytes;
}
