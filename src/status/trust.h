/* trust.h - ConfigMap osm-trust in every namespace of the mesh: the roots that agents need before they can ask for a
 * certificate. Owner thread. */
#pragma once
#include "kinds/object.h"
#include "status/writer.h"

struct trust_maps;
/* |mesh| is the value of the label that means us; copied, as |pem| is. */
struct trust_maps *trust_maps_new(struct writer *w, struct str mesh, struct str pem);
void trust_maps_free(struct trust_maps *t); /* NULL is fine */
/* A namespace came, changed or (NULL) went. One that leaves the mesh keeps the map for the pods that still run. */
void trust_maps_namespace(struct trust_maps *t, struct str name, const struct object *now);
/* Other roots. */
void trust_maps_set(struct trust_maps *t, struct str pem);
