/* Memory in large pages: of megabytes that are read once a call, packed filters above all, pages of
 * 4 KB make the processor's prefetching begin anew at each, and are more than its tables hold. */
#ifndef FC_BASE_PAGES_H
#define FC_BASE_PAGES_H

#include <stddef.h>

/* A block on a cache line, on large pages if it is large; NULL if there is no memory. For free().
 */
void *fc_pages_allocate(size_t bytes);

/* Asks for large pages under a block, if it is large, as NumPy does for its arrays. */
void fc_pages_enlarge(void *block, size_t bytes);

#endif
