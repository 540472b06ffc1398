#include "mesh/diag.h"

static const struct field diag_fields[] = {
    FIELD(struct mesh_diag, code, "code", F_INT),
    FIELD(struct mesh_diag, object, "object", F_STR),
    FIELD(struct mesh_diag, text, "text", F_STR),
    FIELD(struct mesh_diag, is_error, "error", F_BOOL),
};
const struct table mesh_diag_table = TABLE("Diag", struct mesh_diag, diag_fields);

static const struct field list_fields[] = {
    FIELD(struct mesh_diag_list, diags, "diags", F_LIST, .sub = &mesh_diag_table)};
const struct table mesh_diag_list_table = TABLE("Diags", struct mesh_diag_list, list_fields);

static void add(struct arena *a, struct mesh_diags *l, struct mesh_diag d, va_list ap, const char *fmt)
{
    d.text = str_vfmt(a, fmt, ap);
    list_push(a, l, d);
}

void diag_error(struct arena *a, struct mesh_diags *l, int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(a, l, (struct mesh_diag){.code = code, .is_error = true}, ap, fmt);
    va_end(ap);
}

void diag_remark(struct arena *a, struct mesh_diags *l, int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(a, l, (struct mesh_diag){.code = code}, ap, fmt);
    va_end(ap);
}

void diag_append(struct arena *a, struct mesh_diags *l, const struct mesh_diag *v, size_t n)
{
    for (size_t i = 0; i < n; i++) list_push(a, l, v[i]);
}

struct str mesh_diag_key(struct arena *a, enum kind k, struct str key)
{
    return str_fmt(a, "%s/%.*s", kind_info(k)->name, STR_FMT(key));
}
