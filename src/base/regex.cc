// RE2 behind regex.h. Nothing of C++ leaves this file.
#include <re2/re2.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>

extern "C" {
#include "base/regex.h"
}

struct regex {
    re2::RE2 re;
    regex(re2::StringPiece text, const re2::RE2::Options &o) : re(text, o) {}
};

static re2::StringPiece piece(struct str s) { return re2::StringPiece(s.p ? s.p : "", s.n); }

static re2::RE2::Options options()
{
    re2::RE2::Options o;
    o.set_log_errors(false);
    return o;
}

extern "C" {

struct regex *regex_new(struct str pattern, struct err *err)
{
    if (pattern.n > REGEX_MAX_TEXT) {
        err_set(err, "the expression is longer than %d bytes; shorten it", (int)REGEX_MAX_TEXT);
        return nullptr;
    }
    std::unique_ptr<regex> r(new regex(piece(pattern), options()));
    if (!r->re.ok()) {
        err_set(err, "not a valid RE2 expression: %s", r->re.error().c_str());
        return nullptr;
    }
    if (r->re.ProgramSize() > REGEX_MAX_PROGRAM) {
        err_set(err, "the expression compiles to %d instructions, more than the %d that are allowed; simplify it",
                r->re.ProgramSize(), (int)REGEX_MAX_PROGRAM);
        return nullptr;
    }
    return r.release();
}

void regex_free(struct regex *r) { delete r; }

bool regex_matches(const struct regex *r, struct str text) { return re2::RE2::FullMatch(piece(text), r->re); }

int regex_size(const struct regex *r) { return r->re.ProgramSize(); }

bool regex_matches_const(const char *pattern, struct str text)
{
    static std::mutex lock;
    static auto *cache = new std::map<const char *, std::unique_ptr<re2::RE2>>;
    re2::RE2 *re;
    {
        std::lock_guard<std::mutex> hold(lock);
        auto &slot = (*cache)[pattern];
        if (!slot) slot.reset(new re2::RE2(pattern, options()));
        re = slot.get();
    }
    return re2::RE2::FullMatch(piece(text), *re);
}
}
