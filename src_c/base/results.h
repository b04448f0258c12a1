/* Memory for results, placed where processors like it.
 *
 * What malloc gives for large arrays begins 16 bytes behind a page: every vector crosses a cache
 * line, and rows of a multiple of 4096 bytes lie in the same place of a page in input and result,
 * where a load is taken for one of what was just stored and waits (4K aliasing). Here blocks begin
 * on a cache line and large ones at one of two places of a page, in turn, which differ from each
 * other, from the begin of a page and from malloc's place by more than 64 bytes even as places of
 * a quarter of a page: pixels of 256 or 512 channels are 1024 or 2048 bytes apart. */
#ifndef FC_BASE_RESULTS_H
#define FC_BASE_RESULTS_H

#include <stddef.h>

enum { FC_RESULT_ALIGNMENT = 64, FC_RESULT_LARGE = 128 * 1024 };

/* NULL where there is no memory. */
void *fc_result_allocate(size_t bytes);
void *fc_result_resize(void *block, size_t bytes);
void fc_result_free(void *block);

#endif
