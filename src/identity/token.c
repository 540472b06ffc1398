#include "identity/token.h"

#include <ctype.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/names.h"

enum { HEX_SHA256 = 65, MAX_UID = 128 };

struct token_local {
    struct token_checker base;
    char *dir;
    int64_t (*now)(void);
};

static void hex_of(const unsigned char *p, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * n] = '\0';
}

static struct str record_path(struct arena *a, const char *dir, struct str token)
{
    unsigned char sum[32];
    unsigned n = sizeof sum;
    char hex[HEX_SHA256];
    if (!EVP_Digest(token.p, token.n, sum, &n, EVP_sha256(), NULL)) abort();
    hex_of(sum, sizeof sum, hex);
    return str_fmt(a, "%s/%s.json", dir, hex);
}

static bool is_uid(struct str s)
{
    if (str_empty(s) || s.n > MAX_UID) return false;
    for (size_t i = 0; i < s.n; i++)
        if (!isalnum((unsigned char)s.p[i]) && !strchr("-._", s.p[i])) return false;
    return true;
}

static struct str member(struct arena *a, const json_t *j, const char *name)
{
    const json_t *v = json_object_get(j, name);
    return json_is_string(v) ? str_dup(a, str_make(json_string_value(v), json_string_length(v))) : STR_NULL;
}

static bool check_record(const json_t *j, struct arena *a, int64_t now, struct token_subject *s, struct err *err)
{
    *s = (struct token_subject){member(a, j, "namespace"), member(a, j, "serviceAccount"), member(a, j, "pod"),
                                member(a, j, "uid")};
    if (!str_is(member(a, j, "audience"), NAME_TOKEN_AUDIENCE))
        return err_set(err, "the token is for another audience than " NAME_TOKEN_AUDIENCE);
    if (json_integer_value(json_object_get(j, "expires")) <= now) return err_set(err, "the token has expired");
    if (!is_dns_label(s->ns) || !is_dns_subdomain(s->sa) || !is_dns_subdomain(s->pod) || !is_uid(s->uid))
        return err_set(err, "the token's record does not name a pod");
    return true;
}

bool token_record_parse(struct arena *a, struct str json, int64_t now, struct token_subject *out, struct err *err)
{
    json_error_t why;
    if (json.n > TOKEN_RECORD_MAX) return err_set(err, "the token's record is larger than %d bytes", TOKEN_RECORD_MAX);
    json_t *j = json_loadb(json.p ? json.p : "", json.n, JSON_REJECT_DUPLICATES, &why);
    bool ok = j ? check_record(j, a, now, out, err) : err_set(err, "the token's record is not JSON: %s", why.text);
    json_decref(j);
    return ok;
}

struct str token_bearer(struct str header)
{
    struct str scheme = str_cut(&header, ' ');
    struct str token = str_trim(header);
    if (!str_eq_nocase(scheme, S("Bearer")) || str_empty(token) || token.n > TOKEN_MAX) return STR_NULL;
    for (size_t i = 0; i < token.n; i++)
        if (!isalnum((unsigned char)token.p[i]) && !memchr("-._~+/=", token.p[i], 7)) return STR_NULL;
    return token;
}

static bool look_up(struct token_local *l, struct arena *a, struct str token, struct token_subject *out,
                    struct err *err)
{
    struct buf text SCOPED_BUF = {0};
    struct err why = {0};
    if (token.n > TOKEN_MAX || !file_read(record_path(a, l->dir, token).p, TOKEN_RECORD_MAX, &text, &why))
        return err_set(err, "the token is not known");
    return token_record_parse(a, buf_view(&text), l->now(), out, err);
}

static void local_check(struct token_checker *c, struct str token, token_done_fn *done, void *arg)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct token_subject s;
    struct err err = {0};
    bool ok = look_up((struct token_local *)c, a, token, &s, &err);
    done(arg, &(struct token_answer){.s = ok ? &s : NULL, .is_refused = !ok, .err = &err});
}

static void local_free(struct token_checker *c)
{
    free(((struct token_local *)c)->dir);
    free(c);
}

static const struct token_ops local_ops = {.check = local_check, .free = local_free};

struct token_checker *token_local_new(const char *dir, int64_t (*now)(void))
{
    struct token_local *l = xcalloc(1, sizeof *l);
    *l = (struct token_local){.base = {&local_ops}, .dir = xstrdup(dir), .now = now ? now : clock_unix_s};
    return &l->base;
}

static bool write_record(const char *path, const struct token_subject *s, int64_t expires, struct err *err)
{
    json_t *j = json_pack("{s:s%, s:s%, s:s%, s:s%, s:s, s:I}", "namespace", s->ns.p, s->ns.n, "serviceAccount",
                          s->sa.p, s->sa.n, "pod", s->pod.p, s->pod.n, "uid", s->uid.p, s->uid.n, "audience",
                          NAME_TOKEN_AUDIENCE, "expires", (json_int_t)expires);
    char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
    bool ok = text ? file_write_atomic(path, str_of(text), 0600, err) : err_set(err, "the token's names are not text");
    free(text);
    json_decref(j);
    return ok;
}

bool token_local_issue(const char *dir, const struct token_subject *s, int64_t expires, char token[TOKEN_TEXT],
                       struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    unsigned char bytes[32];
    if (RAND_priv_bytes(bytes, sizeof bytes) != 1) return err_set(err, "no random numbers");
    hex_of(bytes, sizeof bytes, token);
    return dir_make(dir, 0700, err) && write_record(record_path(a, dir, str_of(token)).p, s, expires, err);
}

void token_local_revoke(const char *dir, struct str token)
{
    struct arena *a SCOPED_ARENA = arena_new();
    unlink(record_path(a, dir, token).p);
}
