/* render.h - values → the objects of an installation. Pure: the same values give the same objects.
 *
 * What is rendered here and what charts/osm renders must be equal: `make test-chart` compares them. */
#pragma once
#include "install/values.h"

#define INSTALL_ACCOUNT "osm-controller" /* ServiceAccount, Deployment and Service of the control plane */

/* All objects in the order in which they are applied: namespace, definitions, accounts and rights, Services,
 * Deployment, webhooks, MeshConfig last. A new array. False with err when the values lack the image. */
MUST bool install_render(const struct install_values *v, struct arena *a, json_t **objects, struct err *err);

/* Notes on the Deployment what was asked for (an annotation), so that an upgrade can go on from it. */
#define INSTALL_ANNOTATION_VALUES "openservicemesh.io/install-values"
void install_remember(json_t *objects, const json_t *values);

/* Is it an object that an upgrade leaves as it is (the MeshConfig, which is the user's from then on)? */
bool install_is_preset(const json_t *object);
/* Is it one of the whole cluster that outlives a mesh (a CustomResourceDefinition)? */
bool install_is_definition(const json_t *object);

/* Names of the webhook configurations. In |a|. */
struct str install_mutating_name(struct arena *a, const struct install_values *v);
struct str install_validating_name(struct arena *a, const struct install_values *v);
