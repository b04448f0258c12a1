/* Preloaded into a Python process: fails the n-th allocation that the watched
 * libraries ask for, and counts what they hold. A call counts as theirs by its
 * return address, so that the interpreter's own allocations stay out of it. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *p);

enum { LIBRARIES = 4, BLOCKS = 1 << 16 };

static struct { uintptr_t lo, hi; } watched[LIBRARIES];
static int libraries;
static atomic_long seen, failing = -1;
static _Atomic(void *) held[BLOCKS]; /* open addressing; a freed place is reused */
static atomic_long holding;

void fail_watch(uintptr_t lo, uintptr_t hi) {
    watched[libraries].lo = lo;
    watched[libraries++].hi = hi;
}

void fail_arm(long n) {
    seen = 0;
    failing = n;
}

/* Allocations seen since the arming. */
long fail_disarm(void) {
    failing = -1;
    return seen;
}

long fail_holding(void) {
    return holding;
}

static bool is_watched(const void *caller) {
    for (int i = 0; i < libraries; i++)
        if ((uintptr_t)caller - watched[i].lo < watched[i].hi - watched[i].lo) return true;
    return false;
}

static bool fails(const void *caller) {
    if (failing < 0 || !is_watched(caller) || seen++ != failing) return false;
    errno = ENOMEM;
    return true;
}

static size_t place_of(const void *p) {
    return (uintptr_t)p / 16 * 0x9e3779b97f4a7c15u >> 48;
}

static void *hold(void *p, const void *caller) {
    if (!p || !is_watched(caller)) return p;
    for (size_t i = place_of(p), n = 0; n < BLOCKS; i = (i + 1) % BLOCKS, n++) {
        void *empty = NULL;
        if (atomic_compare_exchange_strong(&held[i], &empty, p)) {
            holding++;
            break;
        }
    }
    return p;
}

static void release(void *p) {
    /* Near its place, or it was not held: the table is nearly empty. */
    for (size_t i = place_of(p), n = 0; n < 64; i = (i + 1) % BLOCKS, n++) {
        void *same = p;
        if (p && atomic_compare_exchange_strong(&held[i], &same, NULL)) {
            holding--;
            return;
        }
    }
}

#define CALLER __builtin_return_address(0)

void *malloc(size_t size) {
    return fails(CALLER) ? NULL : hold(__libc_malloc(size), CALLER);
}

void *calloc(size_t count, size_t size) {
    return fails(CALLER) ? NULL : hold(__libc_calloc(count, size), CALLER);
}

void *realloc(void *p, size_t size) {
    if (fails(CALLER)) return NULL;
    void *moved = __libc_realloc(p, size);
    if (moved || !size) release(p);
    return hold(moved, CALLER);
}

void *memalign(size_t alignment, size_t size) {
    return fails(CALLER) ? NULL : hold(__libc_memalign(alignment, size), CALLER);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return fails(CALLER) ? NULL : hold(__libc_memalign(alignment, size), CALLER);
}

int posix_memalign(void **p, size_t alignment, size_t size) {
    if (fails(CALLER)) return ENOMEM;
    *p = hold(__libc_memalign(alignment, size), CALLER);
    return *p ? 0 : ENOMEM;
}

void free(void *p) {
    release(p);
    __libc_free(p);
}
