/* harness.h - objects out of text for the tests of kinds. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/errcode.h"
#include "kinds/object.h"

static struct arena *a;
static struct problems probs;

static int setup(void **state)
{
    (void)state;
    a = arena_new();
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    arena_free(a);
    return 0;
}
static void unref(void *o) { object_unref(o); }

/* The first document of |text|; NULL with |probs| when refused. Freed with the test's arena. */
static struct object *object_of(const char *text)
{
    struct nodes docs;
    struct err err = {0};
    probs = (struct problems){0};
    if (!node_parse(a, str_of(text), "f.yaml", &node_limits_default, &docs, &err)) fail_msg("%s", err.text);
    struct object *o = object_decode(docs.v[0], S("f.yaml"), a, &probs);
    if (o) arena_on_free(a, unref, o);
    return o;
}

static __attribute__((unused)) struct object *good(const char *text)
{
    struct object *o = object_of(text);
    if (!o) fail_msg("%s: %.*s %.*s", text, STR_FMT(probs.v[0].path), STR_FMT(probs.v[0].text));
    return o;
}

/* The first error is at |path| and its text contains |part|. */
static __attribute__((unused)) const struct problem *bad(const char *text, const char *path, const char *part)
{
    if (object_of(text)) fail_msg("accepted: %s", text);
    for (each(p, probs)) {
        if (!p->is_error) continue;
        if (!str_is(p->path, path)) fail_msg("%s: path %.*s: %.*s", text, STR_FMT(p->path), STR_FMT(p->text));
        if (!strstr(str_c(a, p->text), part)) fail_msg("%s: %.*s", text, STR_FMT(p->text));
        return p;
    }
    fail_msg("no error: %s", text);
    return NULL;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
