#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

/* Cuts visibly when a text of |n| bytes did not fit. */
static void mark_cut(struct err *err, size_t n)
{
    if (n >= sizeof err->text) memcpy(err->text + sizeof err->text - 4, "...", 4);
}

static void put(struct err *err, const char *fmt, va_list ap)
{
    int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
    mark_cut(err, n < 0 ? 0 : (size_t)n);
    for (char *c = err->text; *c; c++)
        if (*c == '\n' || *c == '\r') *c = ' ';
    err->is_set = true;
}

bool err_set(struct err *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put(err, fmt, ap);
    va_end(ap);
    return false;
}

bool err_wrap(struct err *err, const char *fmt, ...)
{
    char inner[ERR_TEXT];
    va_list ap;
    memcpy(inner, err->text, sizeof inner);
    va_start(ap, fmt);
    put(err, fmt, ap);
    va_end(ap);
    size_t n = strlen(err->text);
    mark_cut(err, n + (size_t)snprintf(err->text + n, sizeof err->text - n, ": %s", inner));
    return false;
}

bool err_errno(struct err *err, int errnum, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put(err, fmt, ap);
    va_end(ap);
    size_t n = strlen(err->text);
    mark_cut(err, n + (size_t)snprintf(err->text + n, sizeof err->text - n, ": %s", strerror(errnum)));
    return false;
}
