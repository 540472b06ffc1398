#include "kinds/http_route_group.h"

static const char *const methods[] = {"*",       "GET",     "HEAD",  "PUT",   "POST", "DELETE",
                                      "CONNECT", "OPTIONS", "TRACE", "PATCH", NULL};

static const struct field match_fields[] = {
    FIELD(struct http_match, name, "name", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY,
          .doc = "Name by which rules pick this match."),
    FIELD(struct http_match, path_regex, "pathRegex", F_STR, .flags = FIELD_REGEX,
          .doc = "RE2 expression for the whole path without query; any path when absent."),
    FIELD(struct http_match, methods, "methods", F_STRS, .names = methods, .doc = "Methods; any when absent or *."),
    FIELD(struct http_match, headers, "headers", F_MAPS, .flags = FIELD_REGEX,
          .doc = "Header names, each with an RE2 expression for its whole value; all must fit."),
};
static const struct table match_table =
    TABLE("HTTPMatch", struct http_match, match_fields, .doc = "A set of requests; everything given must fit.");

static const struct field spec_fields[] = {
    FIELD(struct http_route_group_spec, matches, "matches", F_LIST, .sub = &match_table,
          .doc = "The named sets of requests."),
};

static void check(const void *v, struct arena *a, struct problems *out)
{
    const struct http_route_group_spec *s = v;
    for (size_t i = 0; i < s->matches.n; i++)
        for (size_t j = 0; j < i; j++)
            if (str_eq(s->matches.v[i].name, s->matches.v[j].name))
                problem_add(a, out, true, NULL, str_fmt(a, "matches[%zu].name", i), "\"%.*s\" names another match, too",
                            STR_FMT(s->matches.v[i].name));
}
static const struct table spec_table = TABLE("HTTPRouteGroupSpec", struct http_route_group_spec, spec_fields,
                                             .check = check, .doc = "What the group has.");

static const struct field fields[] = {
    FIELD(struct http_route_group, spec, "spec", F_INLINE, .sub = &spec_table, .flags = FIELD_REQUIRED,
          .doc = "What the group has."),
};
const struct table http_route_group_table =
    TABLE("HTTPRouteGroup", struct http_route_group, fields, .flags = TABLE_STRICT,
          .doc = "Named sets of HTTP requests, used by TrafficTargets.");
