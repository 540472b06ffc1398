/* token.h - tokens that prove to the controller which pod an agent is in.
 *
 * A token is 32 random bytes in hexadecimal. Only its SHA-256 is kept, as the name of a file that says whose it is;
 * the controller reads these files and never writes them. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct token_claims {
    struct str ns, account, pod, uid, audience;
    int64_t expires; /* unix seconds */
};

/* Makes a token known below |dir|. |text| is the token, |file| the path that forgets it when removed; both in |a|. */
MUST bool token_issue(const char *dir, const struct token_claims *claims, struct arena *a, struct str *text,
                      struct str *file, struct err *err);
