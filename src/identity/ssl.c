#include "identity/ssl.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>

bool ssl_err(struct err *err, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    ERR_clear_error();
    return err_set(err, "%s: %s", text, reason ? reason : "the cryptographic library gives no reason");
}

BIO *ssl_reader(struct str s)
{
    static const char nothing[1];
    return BIO_new_mem_buf(s.n ? s.p : nothing, (int)s.n);
}

void ssl_drain(BIO *bio, struct buf *out)
{
    char *p = NULL;
    long n = BIO_get_mem_data(bio, &p);
    if (n > 0) buf_add(out, p, (size_t)n);
}

int ssl_no_password(char *buf, int size, int rw, void *arg)
{
    (void)buf, (void)size, (void)rw, (void)arg;
    return -1;
}
