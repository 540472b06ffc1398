/* token.h - tokens that prove to the controller which pod an agent is in.
 *
 * A token is 32 random bytes in hexadecimal. Only its SHA-256 is kept, as the name of a file that says whose it is;
 * the controller reads these files and never writes them. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct token_claims {
    struct str ns, account, pod, uid;
    struct str audience; /* empty: the API server */
    int64_t expires;     /* unix seconds */
};

/* Who issues the tokens of pods: token_issue on one machine, the API where this is its node. */
struct token_issuer {
    bool (*issue)(void *arg, const struct token_claims *claims, struct arena *a, struct str *text, struct str *file,
                  struct err *err);
    void *arg;
};

/* An issuer's function. |arg| is a directory (const char *) below which the token is made known. |text| is the token,
 * |file| the path that forgets it when removed (empty: none); both in |a|. */
MUST bool token_issue(void *arg, const struct token_claims *claims, struct arena *a, struct str *text, struct str *file,
                      struct err *err);
