/* tls_names.h - names of ciphers and curves that Envoy 1.40 takes: one that it does not know would cost every proxy its
 * listeners. tests/envoy/test_names.py asks it. */
#pragma once
#include "mesh/settings.h"

/* Of |given| those that can be used, in their order; what is left out is said in |out|. Empty: Envoy's choice. */
struct strs mesh_ciphers(struct strs given, struct arena *a, struct mesh_diags *out);
/* |below_1_3|: connections use an older TLS, in which the certificates' own curve must be among them. */
struct strs mesh_curves(struct strs given, bool below_1_3, struct arena *a, struct mesh_diags *out);
