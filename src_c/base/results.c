#include "results.h"

#include "pages.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 4096, FIRST = 320, SECOND = 2688 };

/* In front of each block. */
typedef struct {
    void *raw;
    size_t bytes;
} header;

static header *header_of(void *block) {
    return (header *)block - 1;
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
    fc_pages_enlarge(block, bytes);
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
