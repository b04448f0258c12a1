#ifdef __linux__
#define _GNU_SOURCE /* madvise */
#endif
#include "pages.h"

#include <stdint.h>
#include <stdlib.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

enum { LINE = 64, PAGE = 4096, LARGE = 2 << 20 };

void fc_pages_enlarge(void *block, size_t bytes) {
#ifdef MADV_HUGEPAGE
    const size_t before = (size_t)(-(uintptr_t)block % PAGE);
    if (bytes >= LARGE) madvise((char *)block + before, bytes - before, MADV_HUGEPAGE);
#else
    (void)block, (void)bytes;
#endif
}

void *fc_pages_allocate(size_t bytes) {
    const size_t step = bytes < LARGE ? LINE : LARGE;
    if (bytes > SIZE_MAX - step) return NULL;
    void *block = aligned_alloc(step, (bytes + step - 1) / step * step);
    if (block) fc_pages_enlarge(block, bytes);
    return block;
}
