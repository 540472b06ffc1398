// rooms: identity
/* A token's record and an Authorization header. */
#include "identity/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct str text = str_make((const char *)data, size);
    struct token_subject s;
    struct err err = {0};
    bool ok = token_record_parse(a, text, 1000, &s, &err);
    struct str token = token_bearer(text);
    (void)ok, (void)token;
    arena_free(a);
    return 0;
}
