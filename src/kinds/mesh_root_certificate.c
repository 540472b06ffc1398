#include "kinds/mesh_root_certificate.h"

#define CA        __typeof__(((struct tresor_provider *)0)->ca)
#define CA_SECRET __typeof__(((CA *)0)->secret)
#define TOKEN     __typeof__(((struct vault_provider *)0)->token)
#define PROVIDER  __typeof__(((struct mesh_root_certificate_spec *)0)->provider)
#define GIVEN     FIELD_REQUIRED | FIELD_NOT_EMPTY

static const struct field ca_secret_fields[] = {
    FIELD(CA_SECRET, name, "name", F_STR, .flags = GIVEN, .doc = "Name of the Secret with the CA."),
    FIELD(CA_SECRET, ns, "namespace", F_STR, .flags = GIVEN, .doc = "Its namespace."),
};
static const struct table ca_secret_table =
    TABLE("CASecretReference", CA_SECRET, ca_secret_fields, .doc = "The Secret with the CA.");
static const struct field ca_fields[] = {
    FIELD(CA, secret, "secretRef", F_INLINE, .sub = &ca_secret_table, .flags = FIELD_REQUIRED,
          .doc = "The Secret with the CA."),
};
static const struct table ca_table = TABLE("TresorCA", CA, ca_fields, .doc = "The built-in CA's certificate and key.");
static const struct field tresor_fields[] = {
    FIELD(struct tresor_provider, ca, "ca", F_INLINE, .sub = &ca_table, .flags = FIELD_REQUIRED,
          .doc = "The CA's certificate and key."),
};
static const struct table tresor_table =
    TABLE("TresorProvider", struct tresor_provider, tresor_fields, .doc = "The built-in CA.");

static const struct field key_ref_fields[] = {
    FIELD(struct secret_key_ref, name, "name", F_STR, .flags = GIVEN, .doc = "Name of the Secret."),
    FIELD(struct secret_key_ref, key, "key", F_STR, .flags = GIVEN, .doc = "The key in it."),
    FIELD(struct secret_key_ref, ns, "namespace", F_STR, .flags = GIVEN, .doc = "Its namespace."),
};
static const struct table key_ref_table =
    TABLE("SecretKeyReference", struct secret_key_ref, key_ref_fields, .doc = "One key of a Secret.");
static const struct field token_fields[] = {
    FIELD(TOKEN, secret, "secretKeyRef", F_INLINE, .sub = &key_ref_table, .flags = FIELD_REQUIRED,
          .doc = "Where the token is."),
};
static const struct table token_table = TABLE("VaultToken", TOKEN, token_fields, .doc = "The token for Vault.");
static const char *const protocols[] = {"http", "https", NULL};
static const struct field vault_fields[] = {
    FIELD(struct vault_provider, host, "host", F_STR, .flags = GIVEN, .doc = "Vault's host."),
    FIELD(struct vault_provider, port, "port", F_INT, .flags = FIELD_REQUIRED, .min = 1, .max = 65535,
          .doc = "Vault's port."),
    FIELD(struct vault_provider, role, "role", F_STR, .flags = GIVEN, .doc = "The role at Vault that signs."),
    FIELD(struct vault_provider, protocol, "protocol", F_STR, .names = protocols, .flags = GIVEN,
          .doc = "http or https."),
    FIELD(struct vault_provider, token, "token", F_INLINE, .sub = &token_table, .flags = FIELD_REQUIRED,
          .doc = "The token for Vault."),
};
static const struct table vault_table =
    TABLE("VaultProvider", struct vault_provider, vault_fields, .doc = "HashiCorp Vault.");

static const char *const issuers[] = {"Issuer", "ClusterIssuer", NULL};
static const struct field cert_manager_fields[] = {
    FIELD(struct cert_manager_provider, issuer, "issuerName", F_STR, .flags = GIVEN, .doc = "Name of the issuer."),
    FIELD(struct cert_manager_provider, issuer_kind, "issuerKind", F_STR, .names = issuers, .flags = GIVEN,
          .doc = "Issuer or ClusterIssuer."),
    FIELD(struct cert_manager_provider, issuer_group, "issuerGroup", F_STR, .flags = GIVEN,
          .doc = "API group of the issuer."),
};
static const struct table cert_manager_table =
    TABLE("CertManagerProvider", struct cert_manager_provider, cert_manager_fields, .doc = "cert-manager.");

static const struct field provider_fields[] = {
    FIELD(PROVIDER, tresor, "tresor", F_OBJ, .sub = &tresor_table, .doc = "The built-in CA."),
    FIELD(PROVIDER, vault, "vault", F_OBJ, .sub = &vault_table, .doc = "HashiCorp Vault."),
    FIELD(PROVIDER, cert_manager, "certManager", F_OBJ, .sub = &cert_manager_table, .doc = "cert-manager."),
};
static void check(const void *v, struct arena *a, struct problems *out)
{
    const PROVIDER *p = v;
    if (!!p->tresor + !!p->vault + !!p->cert_manager != 1)
        problem_add(a, out, true, NULL, S(""), "must have exactly one of tresor, vault and certManager");
}
static const struct table provider_table =
    TABLE("CertificateProvider", PROVIDER, provider_fields, .check = check, .doc = "Who signs; exactly one.");

static const char *const roles[] = {"active", "passive", "inactive", NULL};
static const struct field spec_fields[] = {
    FIELD(struct mesh_root_certificate_spec, provider, "provider", F_INLINE, .sub = &provider_table,
          .flags = FIELD_REQUIRED, .doc = "Who signs."),
    FIELD(struct mesh_root_certificate_spec, trust_domain, "trustDomain", F_STR, .flags = FIELD_NOT_EMPTY,
          .def = "cluster.local", .doc = "The trust domain in identities."),
    FIELD(struct mesh_root_certificate_spec, role, "role", F_ENUM, .names = roles, .flags = FIELD_REQUIRED,
          .doc = "active signs; passive is only trusted; inactive is neither."),
    FIELD(struct mesh_root_certificate_spec, spiffe, "spiffeEnabled", F_BOOL,
          .doc = "Whether identities are SPIFFE ids; ours always are."),
};
static const struct table spec_table =
    TABLE("MeshRootCertificateSpec", struct mesh_root_certificate_spec, spec_fields, .doc = "The root.");
static const struct field fields[] = {
    FIELD(struct mesh_root_certificate, spec, "spec", F_INLINE, .sub = &spec_table, .flags = FIELD_REQUIRED,
          .doc = "The root."),
};
static const struct cel_rule cel[] = {
    {"[has(self.spec.provider.tresor), has(self.spec.provider.vault), has(self.spec.provider.certManager)].filter(x, "
     "x).size() == 1",
     "provider must have exactly one of tresor, vault and certManager"},
    {NULL, NULL},
};
const struct table mesh_root_certificate_table =
    TABLE("MeshRootCertificate", struct mesh_root_certificate, fields, .rules = cel,
          .doc = "Who signs the mesh's certificates, and in which role.");
