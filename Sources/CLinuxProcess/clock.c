#include "CLinuxProcess.h"

#include <errno.h>
#include <sys/timex.h>

int clp_clock_state(int *is_synchronised, long *greatest_error_microseconds) {
    struct timex state = {0};  // No mode: it is only asked.
    int said = adjtimex(&state);
    if (said < 0) return -errno;
    *is_synchronised = said != TIME_ERROR && !(state.status & STA_UNSYNC);
    *greatest_error_microseconds = state.maxerror;
    return 0;
}
