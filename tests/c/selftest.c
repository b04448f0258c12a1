/* The kernels and operators without Python: the catalogue of shapes, both types, both layouts, on
 * every instruction set that runs here, or on the one that is named.
 *
 * Prints one paragraph a failure and a summary; the exit code is 1 if any failed. */
#include "check_columns.h"
#include "check_conv.h"
#include "check_pool.h"
#include "check_results.h"
#include "check_workspace.h"

/* What a case of the catalogue varies from one form to the next. */
static form form_of(int number, int kind) {
    form f = plain_form;
    f.dtype = kind & 1 ? FC_F64 : FC_F32;
    f.channels_last = kind & 2;
    f.flush_start = kind & 4;
    f.seed = (uint64_t)(number * 8 + kind + 1);
    f.values = (number + kind) % 2 ? INTEGERS : UNIFORM;
    if (kind & 4) { /* views, special values, an activation */
        static const int views[] = {STEP_2,
                                    PITCH,
                                    TRANSPOSED,
                                    REVERSED_X | PITCH,
                                    REVERSED_Y,
                                    STEP_3 | REVERSED_C,
                                    TRANSPOSED | PITCH};
        f.x_view = views[number % 7];
        f.y_view = views[(number / 2 + 3) % 7];
        f.values = (value_kind)(number % KINDS);
        f.bias = number % 3;
        f.clip_lo = (number + kind / 2) % 2 ? 0 : -INFINITY; /* in one of the layouts */
    }
    return f;
}

static void check_catalogue(const fc_isa *isa) {
    for (int number = 0; number < (int)(sizeof problems / sizeof *problems); number++)
        for (int kind = 0; kind < 8; kind++) {
            problem p = problems[number];
            const form f = form_of(number, kind);
            p.batch = 2;
            check_conv(&p, &f, isa);
            if (p.depth.in) continue; /* only convolutions have one */
            check_columns(&p, &f, isa);
            check_pool(&p, &f, isa, kind & 2);
        }
}

/* Several images, some of which are convolved in another way: each shape in one layout of a type
 * and the other one of the other. */
static void check_partly_subnormal(const fc_isa *isa) {
    for (int number = 0; number < (int)(sizeof problems / sizeof *problems); number++)
        for (int type = 0; type < 2; type++) {
            problem p = problems[number];
            form f = form_of(number, type + 2 * ((number + type) % 2));
            p.batch = 3;
            f.values = PARTLY_SUBNORMAL;
            check_conv(&p, &f, isa);
        }
}

/* Rows that end where a whole vector, or two, would end one element later. */
static void check_pool_widths(const fc_isa *isa) {
    for (int width = 3; width <= 160; width++)
        for (int kind = 0; kind < 4; kind++) {
            const int k = kind & 2 ? 3 : 2;
            const problem p = {1, 1, 1, 3, width, {k, k}, {2, 2}, {1, 1}, {0}, .batch = 1};
            form f = plain_form;
            f.dtype = kind & 1 ? FC_F64 : FC_F32;
            check_pool(&p, &f, isa, false);
        }
}

static void check_lists(void) {
    const problem none = {0};
    const fc_isa *best = fc_isa_best();
    checks++;
    if (fc_isa_at(-1) || fc_conv_algorithm_at(-1) || fc_isa_find("none") ||
        fc_isa_find(best->name) != best)
        fail(best, &plain_form, &none, "lists", "an entry that is not there", 0, 0, 0);
}

/* What its input and its weights alone would let pass. */
static void check_limits(void) {
    /* Of 2^64 elements, and of 2^60: too many bytes. */
    const problem wide = {1, 1024, 1, 1, 1, {1, 1}, {1, 1}, {1, 1}, {1 << 27, 0, 1 << 27, 0}};
    const problem less = {1, 64, 1, 1, 1, {1, 1}, {1, 1}, {1, 1}, {1 << 27, 0, 1 << 27, 0}};
    const problem small = {1, 1, 1, 4, 4, {3, 3}, {1, 1}, {1, 1}, {0}};
    fc_conv_spec spec = spec_of(&wide, FC_F32, false);
    fc_conv_plan plan;
    fc_conv_job job;
    const fc_tensor none = {0};
    checks += 3;
    if (fc_conv_validate(&spec) != FC_TOO_LARGE)
        fail(NULL, &plain_form, &wide, "validate", "took a result beyond memory", 0, 0, 0);
    spec = spec_of(&less, FC_F32, false);
    if (fc_conv_validate(&spec) != FC_TOO_LARGE)
        fail(NULL, &plain_form, &less, "validate", "took a result beyond memory", 0, 0, 0);
    spec = spec_of(&small, FC_F32, false);
    if (fc_conv_validate(&spec) != FC_OK ||
        fc_conv_plan_make(&plan, &spec, fc_isa_best(), NULL, false) != FC_OK ||
        fc_conv_job_make(&job, &plan, NULL, (int64_t)1 << 59, &none, &none) != FC_TOO_LARGE)
        fail(NULL, &plain_form, &small, "job", "took a batch beyond memory", 0, 0, 0);
}

int main(int argc, char **argv) {
    const fc_isa *isa;
    check_lists();
    check_limits();
    check_workspace();
    check_results();
    for (int i = 0; (isa = fc_isa_at(i)); i++) {
        if (argc > 1 && strcmp(isa->name, argv[1])) continue;
        if (!isa->runs_here()) {
            printf("%s: not on this processor\n", isa->name);
            continue;
        }
        check_catalogue(isa);
        check_partly_subnormal(isa);
        check_pool_widths(isa);
        printf("%s: done\n", isa->name);
    }
    printf("%lld checks, %lld failures\n", (long long)checks, (long long)failures);
    return failures != 0;
}
