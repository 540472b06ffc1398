/* lists.c - exclusion and inclusion lists: the mesh's, then the pod's annotations. */
#include "base/cidr.h"
#include "base/list.h"
#include "base/names.h"
#include "inject/internal.h"

static bool is_port(struct str s)
{
    int64_t port;
    return str_to_i64(s, 1, 65535, &port);
}

static bool is_cidr(struct str s)
{
    struct cidr c;
    return str_find(s, '/') >= 0 && cidr_parse(s, &c);
}

static void add_once(struct arena *a, struct strs *list, struct str s)
{
    if (!strs_has(*list, s)) list_push(a, list, s);
}

static struct strs of_ports(struct ints ports, struct arena *a)
{
    struct strs out = {0};
    for (size_t i = 0; i < ports.n; i++) add_once(a, &out, str_fmt(a, "%lld", (long long)ports.v[i]));
    return out;
}

/* Lists from documents may share storage with their owner: never push to them, copy. */
static struct strs of_ranges(struct strs ranges, struct arena *a)
{
    struct strs out = {0};
    for (size_t i = 0; i < ranges.n; i++) add_once(a, &out, ranges.v[i]);
    return out;
}

struct rule {
    const char *annotation, *wanted;
    bool (*fits)(struct str);
    size_t offset; /* of the strs in struct capture_lists */
};

static bool add_annotation(const json_t *pod, const struct rule *r, struct arena *a, struct capture_lists *out,
                           struct err *err)
{
    struct strs *list = (struct strs *)((char *)out + r->offset);
    struct str rest = inject_annotation(pod, r->annotation);
    if (str_empty(str_trim(rest))) return true;
    while (rest.p) {
        struct str item = str_trim(str_cut(&rest, ','));
        if (!r->fits(item))
            return err_set(err, "the pod's annotation %s has \"%.*s\"; write %s separated by commas", r->annotation,
                           STR_FMT(item), r->wanted);
        add_once(a, list, str_dup(a, item));
    }
    return true;
}

bool inject_lists(const json_t *pod, const struct inject_settings *set, struct arena *a, struct capture_lists *out,
                  struct err *err)
{
    static const char ports[] = "ports from 1 to 65535", ranges[] = "ranges like 10.0.0.0/8";
    static const struct rule rules[] = {
        {ANNOTATION_OUT_PORTS, ports, is_port, offsetof(struct capture_lists, outbound_ports)},
        {ANNOTATION_IN_PORTS, ports, is_port, offsetof(struct capture_lists, inbound_ports)},
        {ANNOTATION_OUT_RANGES_EXCLUDE, ranges, is_cidr, offsetof(struct capture_lists, outbound_ranges)},
        {ANNOTATION_OUT_RANGES_INCLUDE, ranges, is_cidr, offsetof(struct capture_lists, outbound_include_ranges)},
    };
    *out = (struct capture_lists){0};
    if (set)
        *out = (struct capture_lists){
            of_ports(set->outbound_ports, a),
            of_ports(set->inbound_ports, a),
            of_ranges(set->outbound_ranges, a),
            of_ranges(set->outbound_include_ranges, a),
        };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (!add_annotation(pod, &rules[i], a, out, err)) return false;
    return true;
}
