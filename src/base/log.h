/* log.h - the program's own log: one JSON object or one readable line per event, on stderr.
 *
 * Thread safe: a line is one write(2). Level is process-wide and may change at any time. */
#pragma once
#include "base/str.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE, LOG_OFF = -1 };
enum log_format { LOG_TEXT, LOG_JSON };

/* |component| (a literal, e.g. "controller") stands in every line. */
void log_setup(const char *component, enum log_format format, enum log_level level);
void log_set_level(enum log_level level);
/* Knows the old system's names (disabled panic fatal error warn info debug trace); false otherwise. */
bool log_level_parse(struct str s, enum log_level *out);
/* A word that is no level changes nothing. */
void log_set_level_by_name(struct str s);
void log_at(enum log_level level, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#define log_error(...) log_at(LOG_ERROR, __FILE__, __LINE__, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __FILE__, __LINE__, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO, __FILE__, __LINE__, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __FILE__, __LINE__, __VA_ARGS__)
#define log_trace(...) log_at(LOG_TRACE, __FILE__, __LINE__, __VA_ARGS__)
