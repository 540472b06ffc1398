#include "agent/sds.h"

#include "base/names.h"

#define TYPE_SECRET "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"

/* Written by hand rather than by a JSON library, so that no copy of a key is left behind on the heap. */
static void start(struct buf *out, const char *name, struct str version)
{
    buf_c(out, "{\"version_info\":");
    buf_json_str(out, version);
    buf_fmt(out, ",\"resources\":[{\"@type\":\"%s\",\"name\":\"%s\",", TYPE_SECRET, name);
}

static void source(struct buf *out, const char *name, struct str pem)
{
    buf_fmt(out, "\"%s\":{\"inline_string\":", name);
    buf_json_str(out, pem);
    buf_char(out, '}');
}

bool sds_certificate(struct str chain, struct str key, struct buf *out, struct err *err)
{
    if (str_empty(chain) || str_empty(key)) return err_set(err, "no certificate or no key to write");
    start(out, SDS_CERTIFICATE, STR_NULL);
    buf_c(out, "\"tls_certificate\":{");
    source(out, "certificate_chain", chain);
    buf_char(out, ',');
    source(out, "private_key", key);
    buf_c(out, "}}]}\n");
    return true;
}

bool sds_bundle(struct str pem, struct str id, struct buf *out, struct err *err)
{
    if (str_empty(pem)) return err_set(err, "no roots to write");
    start(out, SDS_BUNDLE, id);
    buf_c(out, "\"validation_context\":{");
    source(out, "trusted_ca", pem);
    buf_c(out, "}}]}\n");
    return true;
}
