#include "xds/discovery.h"

#include <stdlib.h>

enum { MAX_NAME = 1024, MAX_ID = 256, MAX_TEXT = 4096, MAX_NAMES = 200000, MAX_DEPTH = 3 };

enum message { REQUEST, NODE, BUILD, VERSION, ENTRY, STATUS };
enum action { SKIP, ENTER, KEEP, NUMBER };
enum target {
    TO_ID,
    TO_TYPE,
    TO_SUBSCRIBE,
    TO_UNSUBSCRIBE,
    TO_NONCE,
    TO_KEY,
    TO_VALUE,
    TO_TEXT,
    TO_CODE,
    TO_MAJOR,
    TO_MINOR,
    TO_PATCH
};

/* What is read of the protocol's messages; all other fields are skipped. */
static const struct field {
    enum message in;
    unsigned number;
    enum action action;
    int to; /* ENTER: a message; else a target */
    size_t max;
} fields[] = {
    {REQUEST, 1, ENTER, NODE, 0},
    {REQUEST, 2, KEEP, TO_TYPE, MAX_ID},
    {REQUEST, 3, KEEP, TO_SUBSCRIBE, MAX_NAME},
    {REQUEST, 4, KEEP, TO_UNSUBSCRIBE, MAX_NAME},
    {REQUEST, 5, ENTER, ENTRY, 0},
    {REQUEST, 6, KEEP, TO_NONCE, MAX_ID},
    {REQUEST, 7, ENTER, STATUS, 0},
    {NODE, 1, KEEP, TO_ID, MAX_ID},
    {NODE, 8, ENTER, BUILD, 0},
    {BUILD, 1, ENTER, VERSION, 0},
    {VERSION, 1, NUMBER, TO_MAJOR, 0},
    {VERSION, 2, NUMBER, TO_MINOR, 0},
    {VERSION, 3, NUMBER, TO_PATCH, 0},
    {ENTRY, 1, KEEP, TO_KEY, MAX_NAME},
    {ENTRY, 2, KEEP, TO_VALUE, MAX_ID},
    {STATUS, 1, NUMBER, TO_CODE, 0},
    {STATUS, 2, KEEP, TO_TEXT, MAX_TEXT},
};
static const struct field unknown = {REQUEST, 0, SKIP, 0, 0};

enum step { AT_TAG, AT_LENGTH, AT_NUMBER, IN_KEPT, IN_SKIPPED };

struct discovery_reader {
    struct discovery_request *q;
    struct buf kept;
    enum step step;
    const struct field *field;
    uint64_t number;
    unsigned shift;
    uint64_t pos, left; /* bytes read; bytes of the current value still to come */
    enum message in[MAX_DEPTH + 1];
    uint64_t end[MAX_DEPTH + 1]; /* where the message at this depth ends */
    int depth;
    struct discovery_version entry;
    size_t names;
};

struct discovery_reader *discovery_reader_new(void)
{
    struct discovery_reader *r = xcalloc(1, sizeof *r);
    struct arena *a = arena_new();
    r->q = arena_make(a, struct discovery_request);
    r->q->arena = a;
    r->end[0] = UINT64_MAX;
    return r;
}

void discovery_request_free(struct discovery_request *q)
{
    if (q) arena_free(q->arena);
}

void discovery_reader_free(struct discovery_reader *r)
{
    if (!r) return;
    discovery_request_free(r->q);
    buf_free(&r->kept);
    free(r);
}

static const struct field *field_of(enum message in, unsigned number)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (fields[i].in == in && fields[i].number == number) return &fields[i];
    return &unknown;
}

static bool keep_name(struct discovery_reader *r, struct str value, struct err *err)
{
    struct discovery_request *q = r->q;
    if (++r->names > MAX_NAMES) return err_set(err, "the request has more than %d names", MAX_NAMES);
    if (r->field->to == TO_SUBSCRIBE)
        list_push(q->arena, &q->subscribe, value);
    else
        list_push(q->arena, &q->unsubscribe, value);
    return true;
}

static bool store(struct discovery_reader *r, struct err *err)
{
    struct discovery_request *q = r->q;
    struct str value = str_dup(q->arena, buf_view(&r->kept));
    r->step = AT_TAG;
    if (r->field->to != TO_TEXT && str_find(value, '\0') >= 0) return err_set(err, "the request has a NUL in a name");
    switch (r->field->to) {
    case TO_ID:
        q->node_id = value;
        return true;
    case TO_TYPE:
        q->type_url = value;
        return true;
    case TO_NONCE:
        q->nonce = value;
        return true;
    case TO_KEY:
        r->entry.name = value;
        return true;
    case TO_VALUE:
        r->entry.version = value;
        return true;
    case TO_TEXT:
        q->error_text = value;
        return true;
    default:
        return keep_name(r, value, err);
    }
}

static bool leave_message(struct discovery_reader *r, struct err *err)
{
    struct discovery_request *q = r->q;
    if (r->in[r->depth--] != ENTRY) return true;
    if (++r->names > MAX_NAMES) return err_set(err, "the request has more than %d names", MAX_NAMES);
    list_push(q->arena, &q->initial, r->entry);
    r->entry = (struct discovery_version){0};
    return true;
}

static bool leave_messages(struct discovery_reader *r, struct err *err)
{
    while (r->step == AT_TAG && !r->shift && r->depth && r->pos == r->end[r->depth])
        if (!leave_message(r, err)) return false;
    return r->pos <= r->end[r->depth] || err_set(err, "a field of the request is longer than its message");
}

static bool on_tag(struct discovery_reader *r, struct err *err)
{
    unsigned wire = r->number & 7;
    if (r->number >> 3 == 0 || r->number >> 32) return err_set(err, "the request has an impossible field number");
    r->field = field_of(r->in[r->depth], (unsigned)(r->number >> 3));
    bool fits = r->field->action == SKIP || wire == (r->field->action == NUMBER ? 0 : 2);
    if (!fits || wire == 3 || wire == 4 || wire > 5) return err_set(err, "the request has a field of wrong type");
    r->left = wire == 1 ? 8 : 4;
    r->step = wire == 0 ? AT_NUMBER : wire == 2 ? AT_LENGTH : IN_SKIPPED;
    return true;
}

static bool on_length(struct discovery_reader *r, struct err *err)
{
    if (r->number > r->end[r->depth] - r->pos) return err_set(err, "a field of the request is longer than its message");
    r->left = r->number;
    if (r->field->action == ENTER) {
        r->in[++r->depth] = (enum message)r->field->to;
        r->end[r->depth] = r->pos + r->left;
        if (r->field->to == STATUS) r->q->has_error = true;
        r->step = AT_TAG;
        return true;
    }
    r->step = r->field->action == KEEP ? IN_KEPT : IN_SKIPPED;
    if (r->step == IN_KEPT && r->left > r->field->max && r->field->to != TO_TEXT)
        return err_set(err, "a name in the request is longer than %zu bytes", r->field->max);
    buf_reset(&r->kept);
    if (r->left) return true;
    if (r->step == IN_KEPT) return store(r, err);
    r->step = AT_TAG;
    return true;
}

static void store_number(struct discovery_reader *r)
{
    if (r->field->to == TO_CODE)
        r->q->error_code = r->number;
    else
        r->q->envoy[r->field->to - TO_MAJOR] = (uint32_t)r->number;
}

static bool on_number(struct discovery_reader *r, struct err *err)
{
    if (r->step == AT_TAG) return on_tag(r, err);
    if (r->step == AT_LENGTH) return on_length(r, err);
    if (r->field->action == NUMBER) store_number(r);
    r->step = AT_TAG;
    return true;
}

static bool take_byte(struct discovery_reader *r, unsigned char b, struct err *err)
{
    if (!r->shift) r->number = 0;
    r->pos++;
    r->number |= (uint64_t)(b & 0x7f) << r->shift;
    r->shift += 7;
    if (b & 0x80) return r->shift < 70 || err_set(err, "the request has a number that does not end");
    r->shift = 0;
    return on_number(r, err);
}

/* Part of a value; returns how much was taken. */
static size_t take_bytes(struct discovery_reader *r, const char *p, size_t n)
{
    size_t take = n < r->left ? n : (size_t)r->left;
    if (r->step == IN_KEPT && r->kept.n < r->field->max) {
        size_t room = r->field->max - r->kept.n;
        buf_add(&r->kept, p, take < room ? take : room);
    }
    r->left -= take;
    r->pos += take;
    return take;
}

static bool end_value(struct discovery_reader *r, struct err *err)
{
    if (r->step == IN_KEPT) return store(r, err);
    r->step = AT_TAG;
    return true;
}

bool discovery_reader_feed(struct discovery_reader *r, struct str piece, struct err *err)
{
    while (piece.n) {
        size_t n = 1;
        if (r->step == IN_KEPT || r->step == IN_SKIPPED) {
            n = take_bytes(r, piece.p, piece.n);
            if (!r->left && !end_value(r, err)) return false;
        } else if (!take_byte(r, (unsigned char)*piece.p, err)) {
            return false;
        }
        if (!leave_messages(r, err)) return false;
        piece = str_sub(piece, n, piece.n);
    }
    return true;
}

struct discovery_request *discovery_reader_end(struct discovery_reader *r, struct err *err)
{
    struct discovery_request *q = NULL;
    if (r->step == AT_TAG && !r->shift && !r->depth) {
        q = r->q;
        r->q = NULL;
    } else {
        err_set(err, "the request ends within a field");
    }
    discovery_reader_free(r);
    return q;
}

/* ---- writing ---- */
void discovery_write_varint(struct buf *out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7) buf_char(out, (char)(v | 0x80));
    buf_char(out, (char)v);
}

void discovery_write_field(struct buf *out, unsigned field, struct str value)
{
    discovery_write_varint(out, (uint64_t)field << 3 | 2);
    discovery_write_varint(out, value.n);
    buf_str(out, value);
}

void discovery_write_head(struct buf *out, enum xds_type type, struct str nonce, struct strs removed)
{
    discovery_write_field(out, 4, str_of(xds_type_url(type)));
    discovery_write_field(out, 5, nonce);
    for (size_t i = 0; i < removed.n; i++) discovery_write_field(out, 6, removed.v[i]);
}
