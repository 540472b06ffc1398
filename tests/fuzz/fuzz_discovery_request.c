// rooms: xds
/* The streaming reader: any bytes, cut anywhere, give the same request or the same refusal. */
#include <stdlib.h>

#include "xds/discovery.h"

static struct discovery_request *read_in(struct str s, size_t step)
{
    struct err err = {0};
    struct discovery_reader *r = discovery_reader_new();
    for (size_t at = 0; at < s.n; at += step)
        if (!discovery_reader_feed(r, str_sub(s, at, at + step), &err)) {
            if (!err.is_set) abort();
            discovery_reader_free(r);
            return NULL;
        }
    return discovery_reader_end(r, &err);
}

static void compare(struct str a, struct str b)
{
    if (!str_eq(a, b)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str s = {(const char *)data, size};
    struct discovery_request *whole = read_in(s, size ? size : 1), *cut = read_in(s, 1 + size % 7);
    if (!whole != !cut) abort();
    if (whole) {
        compare(whole->node_id, cut->node_id);
        compare(whole->type_url, cut->type_url);
        compare(whole->nonce, cut->nonce);
        compare(whole->error_text, cut->error_text);
        if (memcmp(whole->envoy, cut->envoy, sizeof whole->envoy)) abort();
        if (whole->subscribe.n != cut->subscribe.n || whole->initial.n != cut->initial.n) abort();
        for (size_t i = 0; i < whole->subscribe.n; i++) compare(whole->subscribe.v[i], cut->subscribe.v[i]);
        for (size_t i = 0; i < whole->initial.n; i++) compare(whole->initial.v[i].version, cut->initial.v[i].version);
    }
    discovery_request_free(whole);
    discovery_request_free(cut);
    return 0;
}
