// rooms: net
/* An HTTP answer that comes in two pieces is the same as in one; nothing is read past its end. */
#include <stdlib.h>

#include "net/http_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct http_text whole = {0}, part = {0};
    struct str all = str_dup(a, str_make((const char *)data + 1, size - 1));
    enum http_text_state at_end = http_text_read(all, true, a, &whole, &err);
    if (at_end == HTTP_TEXT_MORE) abort();
    if (at_end == HTTP_TEXT_WHOLE && (whole.used > all.n || whole.status < 100)) abort();
    err_clear(&err);
    struct str cut = str_sub(all, 0, all.n ? data[0] % all.n : 0);
    enum http_text_state early = http_text_read(cut, false, a, &part, &err);
    /* What was whole, or bad, early, is no other when more follows. */
    if (early == HTTP_TEXT_WHOLE && (at_end != early || !str_eq(part.body, whole.body))) abort();
    if (early == HTTP_TEXT_BAD && at_end != early) abort();
    return 0;
}
