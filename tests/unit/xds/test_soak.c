/* Random changes, reconnects, slow readers, refusals and restarts; after every quiet moment each client holds exactly
 * what the model says, byte for byte. OSM_SOAK_SECONDS: how long (5), OSM_SOAK_SEED: a run again, OSM_SOAK_TRACE: say
 * what happens. */
#include "world.h"

enum { PARTS = 4, VIEWS = 3, CLIENTS = 5, NAMES = 12, HELD = 64 };

/* ---- the model: which content a name has, and in which part ---- */
struct thing {
    bool is_there;
    int part;
    char bytes[48];
};
static struct thing things[XDS_TYPE_COUNT][NAMES]; /* clusters, endpoints (with their cluster), listeners, routes */
static unsigned view_parts[VIEWS];                 /* bits */
static int client_view[CLIENTS];
static unsigned counter;
static bool is_traced;
static int late; /* quiet moments that came only after a wait */
static uint64_t late_at;

static const char *name_of(enum xds_type type, int i)
{
    static char text[8][16];
    static int at;
    char letter = type == XDS_LISTENER ? 'l' : type == XDS_ROUTE ? 'r' : 'c';
    snprintf(text[at = (at + 1) % 8], sizeof text[0], "%c%d", letter, i);
    return text[at];
}

static int chance(int n) { return rand() % n; }

static bool is_visible(int client, enum xds_type type, int i)
{
    const struct thing *t = &things[type][i];
    return t->is_there && view_parts[client_view[client]] >> t->part & 1;
}

static bool is_bad(const char *bytes) { return strstr(bytes, "bad") != NULL; }

/* ---- clients ---- */
struct held {
    bool is_there, is_asked;
    char version[33], bytes[48];
};
struct client {
    struct ads *ads;
    struct held held[XDS_TYPE_COUNT][NAMES];
    int sleeps; /* rounds without reading */
    size_t taken;
};
static struct client clients[CLIENTS];

static const char *node_of(int client)
{
    static char text[16];
    snprintf(text, sizeof text, "pod-%d", client);
    return text;
}

static void request(struct client *c, int number, enum xds_type type)
{
    struct ads_request q = {.type = type, .node = type == XDS_CLUSTER ? node_of(number) : NULL};
    size_t n = 0;
    for (int i = 0; i < NAMES; i++) {
        struct held *h = &c->held[type][i];
        if (type == XDS_ROUTE) h->is_asked = true;
        if (h->is_asked && (type == XDS_ENDPOINT || type == XDS_ROUTE))
            q.subscribe[n++] = str_c(c->ads->a, str_of(name_of(type, i)));
        if (!h->is_there) continue;
        q.held[q.n_held++] =
            (struct ads_resource){str_dup(c->ads->a, str_of(name_of(type, i))), str_of(h->version), STR_NULL};
    }
    if (type != XDS_ENDPOINT || n) ads_send(c->ads, &q);
}

static void connect_client(struct world *w, int number)
{
    struct client *c = &clients[number];
    if (is_traced) print_message("client %d: connects\n", number);
    if (c->ads) ads_free(c->ads);
    c->ads = ads_new(w->port, &w->pki, &w->alice);
    for (int t = 0; t < XDS_SECRET; t++) request(c, number, (enum xds_type)t);
}

static void ask_for_endpoints(struct client *c, int i, bool on)
{
    struct held *h = &c->held[XDS_ENDPOINT][i];
    if (h->is_asked == on) return;
    h->is_asked = on;
    if (!on) h->is_there = false;
    struct ads_request q = {.type = XDS_ENDPOINT};
    *(on ? &q.subscribe[0] : &q.unsubscribe[0]) = name_of(XDS_ENDPOINT, i);
    ads_send(c->ads, &q);
}

static int number_of(struct str name)
{
    int64_t i;
    assert_true(str_to_i64(str_sub(name, 1, name.n), 0, NAMES - 1, &i));
    return (int)i;
}

static const struct ads_resource *bad_one(const struct ads_response *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (str_starts(r->resources[i].bytes, S("bad"))) return &r->resources[i];
    return NULL;
}

static void hold(struct held *h, const struct ads_resource *r)
{
    h->is_there = true;
    snprintf(h->version, sizeof h->version, "%.*s", STR_FMT(r->version));
    snprintf(h->bytes, sizeof h->bytes, "%.*s", STR_FMT(r->bytes));
}

/* As Envoy: refuses the whole response for one bad resource, whose name it says or does not say. */
static void take(struct client *c, const struct ads_response *r)
{
    int type = 0;
    while (!str_is(r->type_url, xds_type_url((enum xds_type)type))) type++;
    const struct ads_resource *bad = bad_one(r);
    c->taken++;
    if (is_traced) print_message("client %d: %s%s\n", (int)(c - clients), text_of(c->ads, r), bad ? " (refused)" : "");
    if (bad) {
        struct str text = str_fmt(c->ads->a, "Error adding/updating listener(s) %.*s: bad", STR_FMT(bad->name));
        ads_answer(c->ads, r, chance(2) ? str_c(c->ads->a, text) : "something is bad");
        return;
    }
    for (size_t i = 0; i < r->n; i++) {
        struct held *h = &c->held[type][number_of(r->resources[i].name)];
        if (type != XDS_ENDPOINT || h->is_asked) hold(h, &r->resources[i]); /* the cluster may have been refused */
    }
    for (size_t i = 0; i < r->n_removed; i++) c->held[type][number_of(r->removed[i])].is_there = false;
    for (size_t i = 0; type == XDS_CLUSTER && i < r->n; i++)
        ask_for_endpoints(c, number_of(r->resources[i].name), true);
    for (size_t i = 0; type == XDS_CLUSTER && i < r->n_removed; i++)
        ask_for_endpoints(c, number_of(r->removed[i]), false);
    ads_ack(c->ads, r);
}

static size_t drain(struct client *c)
{
    struct ads_response *r;
    c->taken = 0;
    ads_sync(c->ads);
    assert_false(c->ads->is_closed || c->ads->is_gone);
    while ((r = ads_take(c->ads))) take(c, r);
    return c->taken;
}

/* ---- changes ---- */
static const char *part_name(int i)
{
    static const char *const names[PARTS] = {"p0", "p1", "p2", "p3"};
    return names[i];
}

static const char *clusters_of(struct world *w, enum xds_type type, int i)
{
    if (type != XDS_LISTENER && type != XDS_ROUTE) return NULL;
    return str_c(w->a, str_fmt(w->a, "c%d,c%d", i, (i + 5) % NAMES));
}

static void say(struct world *w, enum xds_type type, int i)
{
    struct thing *t = &things[type][i];
    put(w, part_name(t->part), type, name_of(type, i), t->bytes, clusters_of(w, type, i));
}

static void write_thing(struct world *w, enum xds_type type, int i, int part)
{
    struct thing *t = &things[type][i];
    bool moves = t->is_there && t->part != part;
    if (moves) drop(w, part_name(t->part), type, name_of(type, i));
    if (!moves || chance(2)) snprintf(t->bytes, sizeof t->bytes, "%s %u", chance(12) ? "good" : "bad", counter++);
    t->is_there = true;
    t->part = part;
    say(w, type, i);
}

static void erase_thing(struct world *w, enum xds_type type, int i)
{
    if (!things[type][i].is_there) return;
    things[type][i].is_there = false;
    drop(w, part_name(things[type][i].part), type, name_of(type, i));
}

static bool has_said(const struct world *w, enum xds_type type, int i)
{
    for (each(s, w->next.slots))
        if (s->type == type && str_is(s->name, name_of(type, i))) return true;
    return false;
}

static void change_thing(struct world *w)
{
    enum xds_type type = (enum xds_type)chance(XDS_SECRET);
    int i = chance(NAMES), part = chance(3) ? things[type][i].part : chance(PARTS);
    bool is_pair = type == XDS_CLUSTER;
    if (has_said(w, type, i) || has_said(w, XDS_ENDPOINT, i)) return;
    if (type == XDS_ENDPOINT && !things[XDS_CLUSTER][i].is_there) return;
    if (type == XDS_ENDPOINT) part = things[XDS_ENDPOINT][i].part;
    if (chance(4) || type == XDS_ENDPOINT) {
        write_thing(w, type, i, part);
        if (is_pair) write_thing(w, XDS_ENDPOINT, i, part);
    } else {
        erase_thing(w, type, i);
        if (is_pair) erase_thing(w, XDS_ENDPOINT, i);
    }
}

static void say_view(struct world *w, int v)
{
    struct buf text SCOPED_BUF = {0};
    for (int p = 0; p < PARTS; p++)
        if (view_parts[v] >> p & 1) buf_fmt(&text, "%s%s", text.n ? "," : "", part_name(p));
    buf_char(&text, '\0');
    char name[4] = {'v', (char)('0' + v)};
    view(w, name, text.p);
    if (is_traced) print_message("revision %d: view %s: %s\n", (int)w->revision + 1, name, text.p);
}

static void say_node(struct world *w, int client)
{
    char name[4] = {'v', (char)('0' + client_view[client])};
    if (is_traced) print_message("revision %d: client %d: in %s\n", (int)w->revision + 1, client, name);
    node(w, node_of(client), TD "a/sa/alice", name);
}

static void change(struct world *w)
{
    for (int n = 1 + chance(4); n > 0; n--) change_thing(w);
    if (!chance(6)) {
        int v = chance(VIEWS);
        view_parts[v] = 1u + (unsigned)chance((1 << PARTS) - 1);
        say_view(w, v);
    }
    if (!chance(8)) {
        int c = chance(CLIENTS);
        client_view[c] = chance(VIEWS);
        say_node(w, c);
    }
    if (is_traced)
        for (each(sl, w->next.slots))
            print_message("revision %d: type %d %.*s %.*s in %.*s\n", (int)w->revision + 1, (int)sl->type,
                          STR_FMT(sl->name), STR_FMT(sl->now ? sl->now->bytes : S("gone")), STR_FMT(sl->part));
    publish(w);
}

static void say_everything(struct world *w)
{
    for (int v = 0; v < VIEWS; v++) say_view(w, v);
    for (int c = 0; c < CLIENTS; c++) say_node(w, c);
    for (int t = 0; t < XDS_SECRET; t++)
        for (int i = 0; i < NAMES; i++)
            if (things[t][i].is_there) say(w, (enum xds_type)t, i);
    publish(w);
}

static void restart(struct world *w)
{
    xds_server_free(w->server);
    world_serve(w, (struct xds_options){.threads = 2});
    say_everything(w);
    for (int i = 0; i < CLIENTS; i++) connect_client(w, i);
}

/* ---- the check ---- */
static bool is_right(int number, enum xds_type type, int i)
{
    const struct held *h = &clients[number].held[type][i];
    bool is_wanted = is_visible(number, type, i);
    if (type == XDS_ENDPOINT) is_wanted &= clients[number].held[XDS_CLUSTER][i].is_there;
    if (is_wanted && is_bad(things[type][i].bytes)) return !h->is_there || !is_bad(h->bytes); /* it keeps what it had */
    return h->is_there == is_wanted && (!is_wanted || strcmp(h->bytes, things[type][i].bytes) == 0);
}

/* What is wrong first, or NULL. */
static const char *wrong(void)
{
    static char text[160];
    for (int c = 0; c < CLIENTS; c++)
        for (int t = 0; t < XDS_SECRET; t++)
            for (int i = 0; i < NAMES; i++) {
                if (is_right(c, (enum xds_type)t, i)) continue;
                const struct held *h = &clients[c].held[t][i];
                snprintf(text, sizeof text, "client %d has of type %d %s: '%s'; published: '%s'", c, t,
                         name_of((enum xds_type)t, i), h->is_there ? h->bytes : "nothing",
                         things[t][i].is_there ? things[t][i].bytes : "nothing");
                return text;
            }
    return NULL;
}

static bool is_any_bad(void)
{
    for (int t = 0; t < XDS_SECRET; t++)
        for (int i = 0; i < NAMES; i++)
            if (things[t][i].is_there && is_bad(things[t][i].bytes)) return true;
    return false;
}

static void drain_all(void)
{
    for (size_t quiet = 0, taken; quiet < 2; quiet = taken ? 0 : quiet + 1) {
        taken = 0;
        for (int i = 0; i < CLIENTS; i++) taken += drain(&clients[i]);
    }
}

/* Less than the 15 s for which listeners and routes wait for a cluster: a client that answers never has them wait so
 * long. */
static void settle(struct world *w)
{
    int64_t end = clock_mono_ns() + INT64_C(10000000000);
    const char *why;
    for (drain_all(); (why = wrong()) && clock_mono_ns() < end; drain_all()) {
        late += late_at != w->revision;
        late_at = w->revision;
        usleep(50000);
    }
    if (why) fail_msg("%s", why);
    struct status_copy st = status_of(w);
    assert_int_equal(st.st.streams, CLIENTS);
    if (!is_any_bad()) assert_int_equal(st.st.accepted, CLIENTS);
    arena_free(st.a);
}

static void turn(struct world *w)
{
    change(w);
    for (int i = 0; i < CLIENTS; i++) {
        if (!chance(15)) clients[i].sleeps = chance(10);
        if (!chance(25)) connect_client(w, i);
        if (clients[i].sleeps)
            clients[i].sleeps--;
        else if (chance(3))
            drain(&clients[i]);
    }
}

static void clients_always_come_to_hold_what_is_published(void **state)
{
    struct world *w = *state;
    const char *seconds = getenv("OSM_SOAK_SECONDS"), *seed = getenv("OSM_SOAK_SEED");
    unsigned begin = seed ? (unsigned)strtoul(seed, NULL, 10) : (unsigned)getpid();
    int64_t end = clock_mono_ns() + INT64_C(1000000000) * (seconds ? atoi(seconds) : 5);
    is_traced = getenv("OSM_SOAK_TRACE") != NULL;
    printf("OSM_SOAK_SEED=%u\n", begin);
    srand(begin);
    for (int v = 0; v < VIEWS; v++) view_parts[v] = 3u << v & ((1 << PARTS) - 1);
    for (int i = 0; i < CLIENTS; i++) client_view[i] = i % VIEWS;
    say_everything(w);
    for (int i = 0; i < CLIENTS; i++) connect_client(w, i);
    int rounds = 0;
    for (; clock_mono_ns() < end; rounds++) {
        for (int n = 1 + chance(12); n > 0; n--) turn(w);
        settle(w);
        if (!chance(20)) restart(w);
    }
    for (int i = 0; i < CLIENTS; i++) ads_free(clients[i].ads);
    printf("%d quiet moments, %d of them after a wait\n", rounds, late);
    assert_true(rounds > 0);
}

static int setup(void **state)
{
    *state = world_new((struct xds_options){0});
    return 0;
}
static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(clients_always_come_to_hold_what_is_published, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
