#include "workspace.h"

#include "pages.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FC_ADDRESS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || FC_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, bytes) ((void)(p), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(p, bytes) ((void)(p), (void)(bytes))
#endif

enum { SMALL = 256 << 10, SMALL_STEP = 64 << 10, LARGE_STEP = 2 << 20 };

typedef struct {
    size_t bytes, asked;
    void *block;
    bool in_use;
} workspace;

static _Thread_local workspace mine;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Thread-local storage has no destructor in C; a key's value does. That of another key may come
 * later and convolve. */
static void free_block(void *block) {
    mine = (workspace){0};
    free(block);
}

static void make_key(void) {
    pthread_key_create(&key, free_block);
}

static void replace(void *block, size_t bytes) {
    free(mine.block);
    mine.block = block;
    mine.bytes = bytes;
    pthread_setspecific(key, block);
}

#ifdef FC_DEBUG
/* 8 bytes that are a NaN in either type, signalling in double and in every other float, and an
 * offset beyond everything: in what was asked for, and as much behind it as is looked at again. */
static const uint64_t PATTERN = 0x7ff400007fa00000;
enum { BEHIND = 64 << 10 };

static size_t patterns(size_t asked, size_t bytes) {
    return (bytes - asked < BEHIND ? bytes : asked + BEHIND) / sizeof PATTERN;
}

static void fill(uint64_t *block, size_t asked, size_t bytes) {
    for (size_t i = 0; i < patterns(asked, bytes); i++) block[i] = PATTERN;
}

static void check_end(const uint64_t *block, size_t asked, size_t bytes) {
    for (size_t i = (asked + sizeof PATTERN - 1) / sizeof PATTERN; i < patterns(asked, bytes); i++)
        if (block[i] != PATTERN) abort();
}
#else
#define fill(block, asked, bytes) ((void)(block), (void)(asked), (void)(bytes))
#define check_end(block, asked, bytes) ((void)0)
#endif

/* A debug build shows what reads scratch before it writes there, and what writes beyond what was
 * asked for; and AddressSanitizer is told of that. */
static void *lent(void *block, size_t asked, size_t bytes) {
    if (!block) return NULL;
    ASAN_UNPOISON_MEMORY_REGION(block, bytes);
    fill(block, asked, bytes);
    ASAN_POISON_MEMORY_REGION((char *)block + asked, bytes - asked);
    return block;
}

void *fc_workspace_acquire(size_t bytes) {
    /* Rounded up, so that slightly larger problems do not each reallocate, and to large pages. */
    const size_t step = bytes < SMALL ? SMALL_STEP : LARGE_STEP;
    const size_t rounded = (bytes + step - 1) / step * step;
    if (rounded < bytes) return NULL;
    if (mine.in_use) return lent(fc_pages_allocate(rounded), bytes, rounded);
    if (bytes > mine.bytes || !mine.block) {
        pthread_once(&once, make_key);
        replace(NULL, 0);
        void *block = fc_pages_allocate(rounded);
        if (!block) return NULL;
        replace(block, rounded);
    }
    mine.in_use = true;
    mine.asked = bytes;
    return lent(mine.block, bytes, mine.bytes);
}

void fc_workspace_release(void *block) {
    if (block != mine.block) {
        free(block);
        return;
    }
    mine.in_use = false;
    ASAN_UNPOISON_MEMORY_REGION(block, mine.bytes);
    check_end(block, mine.asked, mine.bytes);
    if (mine.bytes > FC_WORKSPACE_KEEP) replace(NULL, 0);
}
