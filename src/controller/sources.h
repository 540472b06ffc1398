/* sources.h - where the controller's objects come from: folders, or a Kubernetes API. Owner thread. */
#pragma once
#include "api/api.h"
#include "controller/controller.h"
#include "kube/client.h"
#include "source/source.h"

struct sources;
struct sources_options {
    struct event_base *base;
    struct sheet *sheet;
    struct store *store;
    const struct controller_options *controller;
    struct kube_client *client; /* NULL: folders */
    /* A batch is in the store, the problems changed, or all objects are there for the first time. */
    void (*on_batch)(void *arg);
    void *arg;
};
/* Tells the sheet the platform (mesh/platform.h), then starts to read. Folders are in the store when this returns. */
MUST struct sources *sources_new(const struct sources_options *opt, struct err *err);
void sources_free(struct sources *s); /* NULL is fine */
/* Does the store hold the whole world? Before that nothing may be published. */
bool sources_are_ready(const struct sources *s);
/* Takes in what was saved already. */
void sources_catch_up(struct sources *s);
/* Problems, and what readiness waits for. */
struct api_source sources_for_api(struct sources *s);
/* A revision of all that was read is computed. */
void sources_published(struct sources *s);
