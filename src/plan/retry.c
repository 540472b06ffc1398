#include "plan/retry.h"

struct str retry_key(struct arena *a, struct str plain, const struct mesh_repeat *r)
{
    return str_fmt(a, "%.*s|%.*s;%lld;%lld;%lld", STR_FMT(plain), STR_FMT(r->on), (long long)r->n,
                   (long long)r->per_try_ns, (long long)r->backoff_ns);
}

bool retry_key_parse(struct arena *a, struct str key, struct str *plain, struct plan_retry **retry)
{
    *plain = key;
    *retry = NULL;
    ptrdiff_t first = str_find(key, '|'), last = str_rfind(key, '|');
    if (first == last) return true;
    struct str text = str_sub(key, (size_t)last + 1, key.n);
    struct plan_retry *r = arena_array(a, struct plan_retry, 1);
    *r = (struct plan_retry){.on = str_cut(&text, ';')};
    int64_t *const numbers[] = {&r->n, &r->per_try_ns, &r->backoff_ns};
    for (size_t i = 0; i < 3; i++)
        if (!str_to_i64(str_cut(&text, ';'), 0, INT64_MAX, numbers[i])) return false;
    *plain = str_sub(key, 0, (size_t)last);
    *retry = r;
    return r->on.n > 0;
}
