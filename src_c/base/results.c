#ifdef __linux__
#define _GNU_SOURCE /* madvise */
#endif
#include "results.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

enum { PAGE = 4096, HUGE = 4 * 1024 * 1024, FIRST = 320, SECOND = 2688 };

/* In front of each block. */
typedef struct {
    void *raw;
    size_t bytes;
} header;

static header *header_of(void *block) {
    return (header *)block - 1;
}

/* Large pages, as NumPy asks for: a result of many megabytes is faulted in a page at a time. */
static void ask_for_huge_pages(char *block, size_t bytes) {
#ifdef MADV_HUGEPAGE
    const size_t before = (size_t)(-(uintptr_t)block % PAGE);
    if (bytes >= HUGE) madvise(block + before, bytes - before, MADV_HUGEPAGE);
#else
    (void)block, (void)bytes;
#endif
}

void *fc_result_allocate(size_t bytes) {
    static atomic_uint count;
    const bool large = bytes >= FC_RESULT_LARGE;
    const size_t step = large ? PAGE : FC_RESULT_ALIGNMENT;
    const size_t place = !large ? 0 : atomic_fetch_add(&count, 1) % 2 ? SECOND : FIRST;
    const size_t room = sizeof(header) + step + place;
    char *raw = bytes > SIZE_MAX - room ? NULL : malloc(bytes + room);
    if (!raw) return NULL;
    const size_t begin = sizeof(header) + (size_t)(-(uintptr_t)(raw + sizeof(header)) % step);
    char *block = raw + begin + place;
    *header_of(block) = (header){raw, bytes};
    ask_for_huge_pages(block, bytes);
    return block;
}

void fc_result_free(void *block) {
    if (block) free(header_of(block)->raw);
}

void *fc_result_resize(void *block, size_t bytes) {
    void *other = fc_result_allocate(bytes);
    if (other && block) {
        const size_t kept = header_of(block)->bytes;
        memcpy(other, block, kept < bytes ? kept : bytes);
        fc_result_free(block);
    }
    return other;
}
