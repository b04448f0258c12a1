#include "status.h"

static const struct {
    const char *exception, *text;
} statuses[] = {
#define FC_STATUS(name, exception, text) {#exception, text},
#include "status.def"
#undef FC_STATUS
};

const char *fc_status_text(fc_status status) {
    return statuses[status].text;
}

const char *fc_status_exception(fc_status status) {
    return statuses[status].exception;
}
