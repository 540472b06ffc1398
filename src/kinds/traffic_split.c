#include "kinds/traffic_split.h"

static const struct field backend_fields[] = {
    FIELD(struct split_backend, service, "service", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY,
          .doc = "A Service in the split's namespace."),
    FIELD(struct split_backend, weight, "weight", F_INT, .flags = FIELD_REQUIRED, .min = 0, .max = INT32_MAX,
          .doc = "Its share, relative to the others' weights; 0 for none."),
};
static const struct table backend_table =
    TABLE("TrafficSplitBackend", struct split_backend, backend_fields, .doc = "A Service and its share.");

static const struct field spec_fields[] = {
    FIELD(struct traffic_split_spec, service, "service", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY,
          .doc = "The root: the Service that clients call, by its short name or with its namespace."),
    FIELD(struct traffic_split_spec, backends, "backends", F_LIST, .sub = &backend_table, .flags = FIELD_REQUIRED,
          .doc = "The Services that answer."),
};

static void check(const void *v, struct arena *a, struct problems *out)
{
    const struct traffic_split_spec *s = v;
    for (size_t i = 0; i < s->backends.n; i++)
        for (size_t j = 0; j < i; j++)
            if (str_eq(s->backends.v[i].service, s->backends.v[j].service))
                problem_add(a, out, true, NULL, str_fmt(a, "backends[%zu].service", i),
                            "\"%.*s\" stands twice; add up the weights", STR_FMT(s->backends.v[i].service));
}
static const struct table spec_table =
    TABLE("TrafficSplitSpec", struct traffic_split_spec, spec_fields, .check = check, .doc = "The split.");

static const struct field fields[] = {
    FIELD(struct traffic_split, spec, "spec", F_INLINE, .sub = &spec_table, .flags = FIELD_REQUIRED,
          .doc = "The split."),
};
const struct table traffic_split_table = TABLE("TrafficSplit", struct traffic_split, fields, .flags = TABLE_STRICT,
                                               .doc = "Sends shares of a Service's calls to other Services.");
