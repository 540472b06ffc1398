#include "kube/config.h"

#include "base/names.h"

/* ---- the document ---- */

struct exec_env {
    struct str name, value;
};
struct exec_doc {
    struct str command, api_version, install_hint, interactive;
    struct strs args;
    LIST(struct exec_env) env;
    bool gives_cluster;
};
struct cluster_doc {
    struct str server, roots_file, roots, tls_server_name, proxy_url;
    bool no_verify;
};
struct user_doc {
    struct str cert_file, cert, key_file, key, token, token_file, username, password, as_user, as_uid;
    struct strs as_groups;
    struct exec_doc *exec;
    json_t *auth_provider;
};
struct context_doc {
    struct str cluster, user, ns;
};
struct named_cluster {
    struct str name;
    struct cluster_doc cluster;
};
struct named_user {
    struct str name;
    struct user_doc user;
};
struct named_context {
    struct str name;
    struct context_doc context;
};
struct config_doc {
    struct str current;
    LIST(struct named_cluster) clusters;
    LIST(struct named_user) users;
    LIST(struct named_context) contexts;
};

#define NAMED(T)              FIELD(struct T, name, "name", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY)
#define E(m, name, type, ...) FIELD(struct exec_doc, m, name, type, __VA_ARGS__)
#define C(m, name, type, ...) FIELD(struct cluster_doc, m, name, type, __VA_ARGS__)
#define U(m, name, type, ...) FIELD(struct user_doc, m, name, type, __VA_ARGS__)

static const struct field env_fields[] = {
    FIELD(struct exec_env, name, "name", F_STR, .flags = FIELD_REQUIRED),
    FIELD(struct exec_env, value, "value", F_STR),
};
static const struct table env_table = TABLE("ExecEnvVar", struct exec_env, env_fields);
static const struct field exec_fields[] = {
    E(command, "command", F_STR, .flags = FIELD_REQUIRED | FIELD_NOT_EMPTY),
    E(api_version, "apiVersion", F_STR, .flags = FIELD_REQUIRED),
    E(install_hint, "installHint", F_STR),
    E(interactive, "interactiveMode", F_STR),
    E(args, "args", F_STRS),
    E(env, "env", F_LIST, .sub = &env_table),
    E(gives_cluster, "provideClusterInfo", F_BOOL),
};
static const struct table exec_table = TABLE("ExecConfig", struct exec_doc, exec_fields);
static const struct field cluster_fields[] = {
    C(server, "server", F_STR),
    C(roots_file, "certificate-authority", F_STR),
    C(roots, "certificate-authority-data", F_BYTES),
    C(tls_server_name, "tls-server-name", F_STR),
    C(proxy_url, "proxy-url", F_STR),
    C(no_verify, "insecure-skip-tls-verify", F_BOOL),
};
static const struct table cluster_table = TABLE("Cluster", struct cluster_doc, cluster_fields);
static const struct field user_fields[] = {
    U(cert_file, "client-certificate", F_STR),
    U(cert, "client-certificate-data", F_BYTES, .flags = FIELD_SECRET),
    U(key_file, "client-key", F_STR),
    U(key, "client-key-data", F_BYTES, .flags = FIELD_SECRET),
    U(token, "token", F_STR, .flags = FIELD_SECRET),
    U(token_file, "tokenFile", F_STR),
    U(username, "username", F_STR),
    U(password, "password", F_STR, .flags = FIELD_SECRET),
    U(as_user, "as", F_STR),
    U(as_uid, "as-uid", F_STR),
    U(as_groups, "as-groups", F_STRS),
    U(exec, "exec", F_OBJ, .sub = &exec_table),
    U(auth_provider, "auth-provider", F_JSON),
};
static const struct table user_table = TABLE("AuthInfo", struct user_doc, user_fields);
static const struct field context_fields[] = {
    FIELD(struct context_doc, cluster, "cluster", F_STR),
    FIELD(struct context_doc, user, "user", F_STR),
    FIELD(struct context_doc, ns, "namespace", F_STR),
};
static const struct table context_table = TABLE("Context", struct context_doc, context_fields);

static const struct field named_cluster_fields[] = {
    NAMED(named_cluster), FIELD(struct named_cluster, cluster, "cluster", F_INLINE, .sub = &cluster_table)};
static const struct field named_user_fields[] = {NAMED(named_user),
                                                 FIELD(struct named_user, user, "user", F_INLINE, .sub = &user_table)};
static const struct field named_context_fields[] = {
    NAMED(named_context), FIELD(struct named_context, context, "context", F_INLINE, .sub = &context_table)};
static const struct table named_cluster_table = TABLE("NamedCluster", struct named_cluster, named_cluster_fields);
static const struct table named_user_table = TABLE("NamedAuthInfo", struct named_user, named_user_fields);
static const struct table named_context_table = TABLE("NamedContext", struct named_context, named_context_fields);
static const struct field config_fields[] = {
    FIELD(struct config_doc, current, "current-context", F_STR),
    FIELD(struct config_doc, clusters, "clusters", F_LIST, .sub = &named_cluster_table),
    FIELD(struct config_doc, users, "users", F_LIST, .sub = &named_user_table),
    FIELD(struct config_doc, contexts, "contexts", F_LIST, .sub = &named_context_table),
};
static const struct table config_table = TABLE("Config", struct config_doc, config_fields, .flags = TABLE_OPEN);

/* ---- reading and merging ---- */

struct part {
    struct str path;
    struct config_doc doc;
};
struct merge {
    struct arena *a;
    struct err *err;
    struct str paths; /* all of them, for messages about what is in none */
    struct str current;
    LIST(struct part) parts;
};

static bool say_problem(const struct problems *all, const struct part *p, struct err *err)
{
    for (each(x, *all))
        if (x->is_error)
            return err_set(err, "%.*s:%u:%u: %.*s: %.*s", STR_FMT(p->path), x->line, x->col, STR_FMT(x->path),
                           STR_FMT(x->text));
    return true;
}

static bool read_part(struct merge *m, const struct kube_config_file *f)
{
    struct nodes docs = {0};
    struct problems problems = {0};
    struct part *p = list_add(m->a, &m->parts);
    p->path = f->path;
    if (!node_parse(m->a, f->text, str_c(m->a, f->path), &node_limits_default, &docs, m->err)) return false;
    if (docs.n == 0) return true; /* an empty file says nothing */
    if (docs.n > 1 || docs.v[0]->type != NODE_MAP)
        return err_set(m->err, "%.*s: not a kubeconfig; one has apiVersion: v1, kind: Config", STR_FMT(f->path));
    if (!table_decode(&config_table, docs.v[0], S(""), m->a, &p->doc, &problems) && !say_problem(&problems, p, m->err))
        return false;
    if (!m->current.n) m->current = p->doc.current;
    return true;
}

/* Looks a name up in one list of every file; the first wins. */
#define FIND(m, list, wanted, part_out, out)                                                                           \
    for (each(p_, (m)->parts))                                                                                         \
        for (each(x_, p_->doc.list))                                                                                   \
            if (!(out) && str_eq(x_->name, (wanted))) (out) = x_, (part_out) = p_

static struct str context_names(struct merge *m)
{
    struct strs names = {0};
    for (each(p, m->parts))
        for (each(x, p->doc.contexts)) list_push(m->a, &names, x->name);
    return names.n ? str_join(m->a, names, S(", ")) : S("none");
}

static struct str beside(struct arena *a, struct str file, struct str path)
{
    ptrdiff_t slash = str_rfind(file, '/');
    if (!path.n || path.p[0] == '/' || slash < 0) return path;
    return str_fmt(a, "%.*s/%.*s", (int)slash, file.p, STR_FMT(path));
}

static bool take_server(struct merge *m, const struct named_cluster *c, struct kube_config *out)
{
    struct str s = c->cluster.server;
    while (s.n && s.p[s.n - 1] == '/') s.n--;
    if (!str_starts(s, S("https://")) && !str_starts(s, S("http://")))
        return err_set(m->err, "%.*s: the cluster \"%.*s\" has the server \"%.*s\"; write https://HOST:PORT",
                       STR_FMT(out->from), STR_FMT(c->name), STR_FMT(c->cluster.server));
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == '?' || s.p[i] == '#' || s.p[i] == '@')
            return err_set(m->err,
                           "%.*s: the server of the cluster \"%.*s\" is not an address; write https://HOST:PORT",
                           STR_FMT(out->from), STR_FMT(c->name));
    out->server = s;
    return true;
}

static bool take_cluster(struct merge *m, struct str name, struct kube_config *out)
{
    const struct named_cluster *c = NULL;
    const struct part *p = NULL;
    FIND(m, clusters, name, p, c);
    if (!c)
        return err_set(m->err, "%.*s: the context \"%.*s\" names the cluster \"%.*s\", which is not there",
                       STR_FMT(out->from), STR_FMT(out->context), STR_FMT(name));
    out->from = p->path;
    if (c->cluster.no_verify && (c->cluster.roots.n || c->cluster.roots_file.n))
        return err_set(m->err,
                       "%.*s: the cluster \"%.*s\" has both insecure-skip-tls-verify and a certificate-authority; "
                       "remove one of them",
                       STR_FMT(p->path), STR_FMT(name));
    out->roots = c->cluster.roots;
    if (!out->roots.n) out->roots_file = beside(m->a, p->path, c->cluster.roots_file);
    out->no_verify = c->cluster.no_verify;
    out->tls_server_name = c->cluster.tls_server_name;
    out->proxy_url = c->cluster.proxy_url;
    return take_server(m, c, out);
}

static bool take_exec(struct merge *m, struct str user, const struct exec_doc *d, const struct part *p,
                      struct kube_config *out)
{
    struct kube_exec *e = arena_make(m->a, struct kube_exec);
    if (!str_is(d->api_version, "client.authentication.k8s.io/v1") &&
        !str_is(d->api_version, "client.authentication.k8s.io/v1beta1"))
        return err_set(m->err,
                       "%.*s: the exec plugin of the user \"%.*s\" has the apiVersion \"%.*s\"; write "
                       "client.authentication.k8s.io/v1",
                       STR_FMT(p->path), STR_FMT(user), STR_FMT(d->api_version));
    *e = (struct kube_exec){.command = d->command,
                            .args = d->args,
                            .api_version = d->api_version,
                            .install_hint = d->install_hint,
                            .gives_cluster = d->gives_cluster,
                            .asks_always = str_is(d->interactive, "Always")};
    if (str_find(d->command, '/') >= 0) e->command = beside(m->a, p->path, d->command);
    for (each(v, d->env)) list_push(m->a, &e->env, ((struct kv){v->name, v->value}));
    out->exec = e;
    return true;
}

/* What goes into a header must not end it. */
static bool check_text(struct merge *m, struct str user, const char *field, struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f)
            return err_set(m->err, "%.*s: the %s of the user \"%.*s\" holds a line break or control character",
                           STR_FMT(m->paths), field, STR_FMT(user));
    return true;
}

static bool check_texts(struct merge *m, struct str name, const struct user_doc *u)
{
    for (size_t i = 0; i < u->as_groups.n; i++)
        if (!check_text(m, name, "as-groups", u->as_groups.v[i])) return false;
    return check_text(m, name, "token", u->token) && check_text(m, name, "as", u->as_user) &&
           check_text(m, name, "as-uid", u->as_uid);
}

static bool check_user(struct merge *m, struct str name, const struct user_doc *u, const struct part *p)
{
    bool has_cert = u->cert.n || u->cert_file.n, has_key = u->key.n || u->key_file.n;
    if (u->auth_provider)
        return err_set(m->err,
                       "%.*s: the user \"%.*s\" has an auth-provider, which Kubernetes removed in 1.26; use exec",
                       STR_FMT(p->path), STR_FMT(name));
    if (has_cert != has_key)
        return err_set(m->err, "%.*s: the user \"%.*s\" has a %s without a %s", STR_FMT(p->path), STR_FMT(name),
                       has_cert ? "client-certificate" : "client-key", has_cert ? "client-key" : "client-certificate");
    if (!u->as_user.n && (u->as_uid.n || u->as_groups.n))
        return err_set(m->err, "%.*s: the user \"%.*s\" has as-uid or as-groups without as", STR_FMT(p->path),
                       STR_FMT(name));
    return true;
}

static bool take_user(struct merge *m, struct str name, struct kube_config *out)
{
    const struct named_user *n = NULL;
    const struct part *p = NULL;
    if (!name.n) return true; /* nobody: some servers let everyone in */
    FIND(m, users, name, p, n);
    if (!n)
        return err_set(m->err, "%.*s: the context \"%.*s\" names the user \"%.*s\", which is not there",
                       STR_FMT(out->from), STR_FMT(out->context), STR_FMT(name));
    const struct user_doc *u = &n->user;
    if (!check_user(m, name, u, p) || !check_texts(m, name, u)) return false;
    out->cert = u->cert;
    out->key = u->key;
    if (!u->cert.n) out->cert_file = beside(m->a, p->path, u->cert_file);
    if (!u->key.n) out->key_file = beside(m->a, p->path, u->key_file);
    out->token_file = beside(m->a, p->path, u->token_file);
    out->token = u->token;
    out->username = u->username;
    out->password = u->password;
    out->as_user = u->as_user;
    out->as_uid = u->as_uid;
    out->as_groups = u->as_groups;
    return !u->exec || take_exec(m, name, u->exec, p, out);
}

static bool take_context(struct merge *m, struct str name, struct kube_config *out)
{
    const struct named_context *c = NULL;
    const struct part *p = NULL;
    struct str names = context_names(m);
    if (!name.n) name = m->current;
    if (!name.n)
        return err_set(m->err, "%.*s: there is no current-context; choose one by --context (there are: %.*s)",
                       STR_FMT(m->paths), STR_FMT(names));
    FIND(m, contexts, name, p, c);
    if (!c)
        return err_set(m->err, "%.*s: there is no context \"%.*s\" (there are: %.*s)", STR_FMT(m->paths), STR_FMT(name),
                       STR_FMT(names));
    *out = (struct kube_config){.from = p->path, .context = c->name, .ns = c->context.ns};
    if (!out->ns.n) out->ns = S("default");
    if (!is_dns_label(out->ns))
        return err_set(m->err, "%.*s: the context \"%.*s\" has the namespace \"%.*s\", which cannot be a name",
                       STR_FMT(p->path), STR_FMT(name), STR_FMT(out->ns));
    return take_cluster(m, c->context.cluster, out) && take_user(m, c->context.user, out);
}

bool kube_config_merge(struct kube_config_files files, struct str context, struct arena *a, struct kube_config *out,
                       struct err *err)
{
    struct merge m = {.a = a, .err = err};
    struct strs paths = {0};
    for (each(f, files)) {
        list_push(a, &paths, f->path);
        if (!read_part(&m, f)) return false;
    }
    m.paths = str_join(a, paths, S(", "));
    return take_context(&m, context, out);
}
