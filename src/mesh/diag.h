/* diag.h - what is wrong with an object, as part of the values: found where the meaning is decided, listed by
 * `osm status`. */
#pragma once
#include "base/errcode.h"
#include "store/store.h"

struct mesh_diag {
    int64_t code;      /* errcode.h */
    struct str object; /* title of the object it is charged to: "TrafficTarget bookstore/buyer" */
    struct str text;   /* one sentence */
    bool is_error;     /* something written is not carried out; else a remark */
};
struct mesh_diags {
    struct mesh_diag *v;
    size_t n;
};
extern const struct table mesh_diag_table;

/* Appends. The object's title is filled in by the diagnostics cell. */
void diag_error(struct arena *a, struct mesh_diags *l, int code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void diag_remark(struct arena *a, struct mesh_diags *l, int code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void diag_append(struct arena *a, struct mesh_diags *l, const struct mesh_diag *v, size_t n);

/* All that the mesh has to say about one object: one cell per object, observed while the object is there. Warnings
 * of decoding (object.problems) are not repeated here. Key: "<Kind>/<store key>". Value: struct mesh_diag_list;
 * absent when there is nothing to say. */
struct mesh_diag_list {
    struct mesh_diags diags;
};
extern const struct cell_kind mesh_diag_cell;
extern const struct table mesh_diag_list_table;
struct str mesh_diag_key(struct arena *a, enum kind k, struct str key);
