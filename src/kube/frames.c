#include "kube/frames.h"

/* Where the present byte belongs. */
static struct buf *place(struct frames *f) { return f->in_items && f->depth > 2 ? &f->item : &f->text; }

static bool give(struct frames *f, struct buf *b, bool is_item)
{
    struct buf whole = *b;
    *b = (struct buf){0};
    bool go_on = f->document(f->arg, buf_view(&whole), is_item);
    if (b->p)
        buf_free(&whole); /* somebody began anew meanwhile */
    else
        *b = whole, buf_reset(b);
    return go_on;
}

static void in_string(struct frames *f, char c)
{
    struct buf *b = place(f);
    buf_char(b, c);
    if (f->is_escaped)
        f->is_escaped = false;
    else if (c == '\\')
        f->is_escaped = true;
    else if (c == '"')
        f->in_string = false;
    if (f->in_string || f->depth != 1 || f->kind != FRAMES_LIST) return;
    struct str word = str_make(b->p + f->key_from, b->n - f->key_from);
    f->key_is_items = f->is_key && str_is(word, "\"items\"");
}

static void string_begins(struct frames *f)
{
    f->in_string = true;
    f->key_from = place(f)->n;
    buf_char(place(f), '"');
}

static void opens(struct frames *f, char c)
{
    if (f->depth == 1 && c == '[' && f->kind == FRAMES_LIST && f->key_is_items) f->in_items = true;
    f->depth++;
    buf_char(place(f), c);
    f->is_key = c == '{';
}

static bool closes(struct frames *f, char c)
{
    buf_char(place(f), c);
    f->depth--;
    if (f->in_items && f->depth == 2 && f->item.n) return give(f, &f->item, true);
    if (f->depth == 1) f->in_items = f->key_is_items = false;
    return f->depth > 0 || give(f, &f->text, false);
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static bool one(struct frames *f, char c, struct err *err)
{
    if (f->in_string) {
        in_string(f, c);
        return true;
    }
    if (is_blank(c)) return true;
    if (f->depth == 0 && c != '{') {
        bool is_gzip = (unsigned char)c == 0x1f;
        return err_set(err, is_gzip ? "what comes is compressed, which nobody asked for"
                                    : "what comes is not a stream of JSON objects");
    }
    if (c == '"') {
        string_begins(f);
        return true;
    }
    if (c == '{' || c == '[') {
        opens(f, c);
        return true;
    }
    if (c == '}' || c == ']') return closes(f, c);
    if (c == ',' && f->depth == 1) f->is_key = true;
    if (c == ':' && f->depth == 1) f->is_key = false;
    if (c != ',' || !f->in_items || f->depth != 2) buf_char(place(f), c); /* commas between items go with them */
    return true;
}

/* Inside a string most bytes mean nothing. */
static size_t plain(const struct frames *f, struct str piece, size_t from)
{
    size_t n = from;
    if (!f->in_string || f->is_escaped) return 0;
    while (n < piece.n && piece.p[n] != '"' && piece.p[n] != '\\') n++;
    return n - from;
}

bool frames_feed(struct frames *f, struct str piece, struct err *err)
{
    for (size_t i = 0; i < piece.n;) {
        size_t n = plain(f, piece, i);
        if (n) {
            buf_add(place(f), piece.p + i, n);
            i += n;
        } else if (!one(f, piece.p[i++], err))
            return false;
        if (f->text.n > f->max || f->item.n > f->max) return err_set(err, "an object is larger than %zu bytes", f->max);
    }
    return true;
}

bool frames_is_open(const struct frames *f) { return f->depth > 0; }

void frames_release(struct frames *f)
{
    buf_free(&f->text);
    buf_free(&f->item);
    f->depth = 0;
    f->in_string = f->is_escaped = f->is_key = f->key_is_items = f->in_items = false;
}
