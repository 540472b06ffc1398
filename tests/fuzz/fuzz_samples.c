// rooms: api
#include "api/samples.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a SCOPED_ARENA = arena_new();
    samples_parse(str_make((const char *)data, size), S("o"), a);
    return 0;
}
