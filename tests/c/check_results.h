/* Memory for results: places, sizes that grow, shrink and wrap around. */
#ifndef FC_TESTS_CHECK_RESULTS_H
#define FC_TESTS_CHECK_RESULTS_H

#include "base/results.h"
#include "check_workspace.h"

static void check_results(void) {
    static const size_t sizes[] = {0, 1, 100, FC_RESULT_LARGE - 1, FC_RESULT_LARGE, 5 << 20};
    for (int i = 0; i < (int)(sizeof sizes / sizeof *sizes); i++) {
        unsigned char *p = fc_result_allocate(sizes[i]);
        expect(p && (uintptr_t)p % FC_RESULT_ALIGNMENT == 0, "a result not on a cache line");
        memset(p, 7, sizes[i]);
        for (int j = 0; j < (int)(sizeof sizes / sizeof *sizes); j++) {
            const size_t kept = sizes[j] < sizes[i] ? sizes[j] : sizes[i];
            unsigned char *q = fc_result_resize(p, sizes[i]);
            q = fc_result_resize(q, sizes[j]);
            expect(!kept || (q[0] == 7 && q[kept - 1] == 7), "a result resized lost its content");
            p = fc_result_resize(q, sizes[i]);
            memset(p, 7, sizes[i]);
        }
        expect(!fc_result_resize(p, SIZE_MAX - 5), "a result's size that wraps around");
        fc_result_free(p);
    }
    expect(!fc_result_allocate(SIZE_MAX - 5), "a result's size that wraps around");
    fc_result_free(NULL);
}

#endif
