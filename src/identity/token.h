/* token.h - who sent this bearer token? One table of functions: TokenReview on Kubernetes, files on one machine.
 *
 * On one machine a token is 32 random bytes in hexadecimal. The platform that starts a pod writes what it stands for
 * into <dir>/<sha256 of the token>.json (0600), so that the directory does not hold the tokens themselves. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

enum {
    TOKEN_MAX = 8192, /* bytes of a bearer token that are looked at */
    TOKEN_TEXT = 65,  /* a local token and its NUL */
    TOKEN_RECORD_MAX = 4096,
};

struct token_subject {
    struct str ns, sa, pod, uid;
};
/* |s| NULL: refused, or not to be known now, |err| says why. Both are valid during the call. |is_refused| tells the two
 * apart. Runs exactly once per check, within it or later, on any thread. */
struct token_answer {
    const struct token_subject *s;
    bool is_refused;
    const struct err *err;
};
typedef void token_done_fn(void *arg, const struct token_answer *answer);

struct token_checker;
struct token_ops {
    void (*check)(struct token_checker *c, struct str token, token_done_fn *done, void *arg);
    void (*free)(struct token_checker *c);
};
struct token_checker {
    const struct token_ops *ops;
};
static inline void token_check(struct token_checker *c, struct str token, token_done_fn *done, void *arg)
{
    c->ops->check(c, token, done, arg);
}
static inline void token_checker_free(struct token_checker *c)
{
    if (c) c->ops->free(c);
}

/* Reads records of |dir|. |now| gives seconds since 1970; NULL: the clock. Never NULL. */
struct token_checker *token_local_new(const char *dir, int64_t (*now)(void));
/* A new token for |s| with the mesh's own audience, good until |expires| (seconds since 1970). Writes the record;
 * the caller keeps the token secret. */
MUST bool token_local_issue(const char *dir, const struct token_subject *s, int64_t expires, char token[TOKEN_TEXT],
                            struct err *err);
/* Forgets a token: its next use is refused. Absent is fine. */
void token_local_revoke(const char *dir, struct str token);

/* Decodes a record and checks audience, end and names. For untrusted bytes. Strings in |a|. */
MUST bool token_record_parse(struct arena *a, struct str json, int64_t now, struct token_subject *out, struct err *err);
/* The token of an Authorization header's value: "Bearer <token>", with only characters that tokens are made of;
 * STR_NULL otherwise. For untrusted bytes. */
struct str token_bearer(struct str header);
