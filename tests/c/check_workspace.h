/* The workspace: one block a thread, kept while it is of ordinary size, given back with its thread.
 * (That it is given back is for a leak checker to see.) */
#ifndef FC_TESTS_CHECK_WORKSPACE_H
#define FC_TESTS_CHECK_WORKSPACE_H

#include "base/pages.h"
#include "base/workspace.h"
#include "check.h"

#include <pthread.h>

static void expect(bool true_, const char *what) {
    const problem none = {0};
    checks++;
    if (!true_) fail(NULL, &plain_form, &none, "workspace", what, 0, 0, 1);
}

static void *use_workspace(void *other) {
    unsigned char *p = fc_workspace_acquire(100);
    expect(p && p != other, "threads share a block");
    expect((uintptr_t)p % FC_WORKSPACE_ALIGNMENT == 0, "misaligned");
    memset(p, 1, 100);
    unsigned char *second = fc_workspace_acquire(20);
    expect(second && second != p, "one block for two");
    memset(second, 2, 20);
    fc_workspace_release(second);
    fc_workspace_release(p);
    expect(fc_workspace_acquire(50) == p, "not kept");
#ifdef FC_DEBUG
    expect(poisoned(p, 50), "not poisoned again");
#endif
    fc_workspace_release(p);
    p = fc_workspace_acquire(3 << 20);
    expect(p, "does not grow");
    expect((uintptr_t)p % (2 << 20) == 0, "a large block begins within a large page");
    memset(p, 2, 3 << 20);
    fc_workspace_release(p);
    expect(!fc_workspace_acquire(SIZE_MAX - 5), "a size that wraps around");
    p = fc_workspace_acquire((size_t)FC_WORKSPACE_KEEP + 1); /* a large one, not kept */
    expect(p, "a large block");
    unsigned char *large = p;
    fc_workspace_release(p);
    p = fc_workspace_acquire(10);
    expect(p && p != large, "a large block is kept");
    fc_workspace_release(p);
    return NULL; /* with the thread goes its block */
}

static pthread_key_t late;

/* After the destructor of the workspace, whose key is the older one. */
static void use_late(void *fresh) {
    fresh = fc_pages_allocate(64 << 10); /* where the thread's block was */
    void *p = fc_workspace_acquire(10);
    expect(p && p != fresh, "a block that was given back with the thread is used again");
    memset(p, 3, 10);
    fc_workspace_release(p);
    free(fresh);
}

static void *end_late(void *value) {
    fc_workspace_release(fc_workspace_acquire(10));
    pthread_setspecific(late, value);
    return NULL;
}

static void check_workspace(void) {
    pthread_t thread;
    void *mine = fc_workspace_acquire(10);
    if (pthread_create(&thread, NULL, use_workspace, mine) || pthread_join(thread, NULL)) exit(2);
    if (pthread_key_create(&late, use_late)) exit(2);
    if (pthread_create(&thread, NULL, end_late, &late) || pthread_join(thread, NULL)) exit(2);
    fc_workspace_release(mine);
    use_workspace(NULL);
}

#endif
