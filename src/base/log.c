#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"

static const char *component = "osm";
static enum log_format format = LOG_TEXT;
static _Atomic int max_level = LOG_INFO;

static const char *const level_names[] = {"error", "warn", "info", "debug", "trace"};

void log_setup(const char *c, enum log_format f, enum log_level level)
{
    component = c;
    format = f;
    atomic_store(&max_level, level);
}

void log_set_level(enum log_level level) { atomic_store(&max_level, level); }

bool log_level_parse(struct str s, enum log_level *out)
{
    static const struct {
        const char *name;
        enum log_level level;
    } names[] = {
        {"disabled", LOG_OFF}, {"panic", LOG_ERROR}, {"fatal", LOG_ERROR}, {"error", LOG_ERROR}, {"warn", LOG_WARN},
        {"warning", LOG_WARN}, {"info", LOG_INFO},   {"debug", LOG_DEBUG}, {"trace", LOG_TRACE},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_is(s, names[i].name)) {
            *out = names[i].level;
            return true;
        }
    return false;
}

void log_set_level_by_name(struct str s)
{
    enum log_level level;
    if (log_level_parse(s, &level)) log_set_level(level);
}

static void stamp(char out[40])
{
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    size_t n = strftime(out, 40, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, 40 - n, ".%03ldZ", now.tv_nsec / 1000000);
}

static const char *tail(const char *file)
{
    const char *src = strstr(file, "src/");
    return src ? src + 4 : file;
}

void log_at(enum log_level level, const char *file, int line, const char *fmt, ...)
{
    struct buf b SCOPED_BUF = {0};
    char text[2048], when[40];
    va_list ap;
    if ((int)level > atomic_load(&max_level)) return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    stamp(when);
    if (format == LOG_JSON) {
        buf_fmt(&b, "{\"level\":\"%s\",\"component\":\"%s\",\"time\":\"%s\",\"file\":\"%s:%d\",\"message\":",
                level_names[level], component, when, tail(file), line);
        buf_json_str(&b, str_of(text));
        buf_c(&b, "}\n");
    } else {
        buf_fmt(&b, "%s %-5s %s: %s\n", when, level_names[level], component, text);
    }
    if (write(STDERR_FILENO, b.p, b.n) < 0) return; /* nowhere left to say it */
}
