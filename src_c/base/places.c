#define _GNU_SOURCE /* sched_getcpu, cpu_set_t */
#include "places.h"

#include <sched.h>

int fc_place(void) {
    return sched_getcpu();
}

/* A kernel may start a woken thread behind the one that wakes it, although another processor is
 * idle or has nothing but jobs of lower priority; and if there is always something to do here,
 * nothing takes it away for many milliseconds: two threads were half as fast as they can be, on
 * Linux 6.18 beside one job of idle priority, or with priorities of real time. A set that lacks the
 * processor moves a thread at once, running or waiting. */
bool fc_place_elsewhere(pid_t thread, int cpu) {
    cpu_set_t allowed, others;
    if (cpu < 0 || cpu >= CPU_SETSIZE || sched_getaffinity(thread, sizeof allowed, &allowed))
        return false;
    others = allowed;
    CPU_CLR((size_t)cpu, &others);
    if (CPU_COUNT(&others) == 0 || sched_setaffinity(thread, sizeof others, &others)) return false;
    sched_setaffinity(thread, sizeof allowed, &allowed);
    return true;
}
