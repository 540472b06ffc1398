#include "base/yaml_write.h"

#include <stdlib.h>

#include "base/node_scalar.h"

/* Plain when no reader of YAML, old or new, takes it for anything but this text. */
static bool is_plain(struct str s)
{
    static const char *const old_words[] = {"yes", "no", "on", "off", "y", "n", "<<", "="};
    struct node n = {.text = s};
    node_type_plain(&n);
    if (n.type != NODE_STR || str_ends(s, S(":"))) return false;
    for (size_t i = 0; i < sizeof old_words / sizeof *old_words; i++)
        if (str_eq_nocase(s, str_of(old_words[i]))) return false;
    bool begins_well =
        (s.p[0] >= 'a' && s.p[0] <= 'z') || (s.p[0] >= 'A' && s.p[0] <= 'Z') || s.p[0] == '/' || s.p[0] == '_';
    if (!begins_well || s.p[s.n - 1] == ' ') return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c >= 0x7f || (c == ':' && s.p[i + 1] == ' ') || (c == ' ' && s.p[i + 1] == '#')) return false;
    }
    return true;
}

static void write_text(struct str s, struct buf *out)
{
    if (is_plain(s))
        buf_str(out, s);
    else
        buf_json_str(out, s);
}

static void write_scalar(const json_t *j, struct buf *out)
{
    char *text;
    if (json_is_string(j)) {
        write_text(str_make(json_string_value(j), json_string_length(j)), out);
        return;
    }
    text = json_dumps(j, JSON_ENCODE_ANY | JSON_COMPACT); /* numbers, words, {} and [] */
    buf_c(out, text ? text : "null");
    free(text);
}

static void write_value(const json_t *j, int indent, struct buf *out);

static bool nests(const json_t *j) { return json_object_size(j) > 0 || json_array_size(j) > 0; }

static void write_map(const json_t *j, int indent, struct buf *out)
{
    const char *key;
    size_t n;
    json_t *v;
    bool first = true;
    json_object_keylen_foreach((json_t *)j, key, n, v)
    {
        if (!first) buf_fmt(out, "%*s", indent, "");
        first = false;
        write_text(str_make(key, n), out);
        buf_char(out, ':');
        if (!nests(v))
            buf_char(out, ' ');
        else
            buf_fmt(out, "\n%*s", json_is_array(v) ? indent : indent + 2, "");
        write_value(v, json_is_array(v) ? indent : indent + 2, out);
    }
}

static void write_list(const json_t *j, int indent, struct buf *out)
{
    for (size_t i = 0; i < json_array_size(j); i++) {
        if (i) buf_fmt(out, "%*s", indent, "");
        buf_c(out, "- ");
        write_value(json_array_get(j, i), indent + 2, out);
    }
}

/* The cursor stands at column |indent|; ends with a newline. */
static void write_value(const json_t *j, int indent, struct buf *out)
{
    if (json_object_size(j)) {
        write_map(j, indent, out);
    } else if (json_array_size(j)) {
        write_list(j, indent, out);
    } else {
        write_scalar(j, out);
        buf_char(out, '\n');
    }
}

void yaml_write(const json_t *j, struct buf *out) { write_value(j, 0, out); }
