// rooms: source
#include "kube/frames.h"
#include "kube/watch_internal.h"
#include "source/kube/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum kind kind;

/* What the source does with every object. */
static bool on_document(void *arg, struct str json, bool is_item)
{
    (void)arg;
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct problems problems = {0};
    bool unreadable;
    struct node *n = watch_parse(a, json, &unreadable, &err);
    if (!n) return false;
    const struct node *o = is_item ? n : node_get(n, S("object"));
    if (unreadable || !o || o->type != NODE_MAP) return true;
    lean_key(o, kind, a);
    object_unref(object_decode_lean(lean_document(o, kind, a), STR_NULL, a, &problems));
    return true;
}

/* The first two bytes choose the kind of object and where the stream is cut. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    struct str all = str_make((const char *)data + 2, size - 2);
    size_t cut = all.n ? data[1] % all.n : 0;
    kind = (enum kind)(data[0] / 2 % KIND_COUNT);
    struct err err = {0};
    struct frames f = {.kind = data[0] % 2 ? FRAMES_LIST : FRAMES_STREAM, .max = 1 << 16, .document = on_document};
    if (frames_feed(&f, str_sub(all, 0, cut), &err) && !frames_feed(&f, str_sub(all, cut, all.n), &err))
        frames_is_open(&f);
    frames_release(&f);
    return 0;
}
