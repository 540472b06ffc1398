#include "mesh/tls_names.h"

static const char *const ciphers[] = {
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-ECDSA-AES256-SHA",
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "ECDHE-RSA-AES128-SHA",
    "ECDHE-RSA-AES256-SHA",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-SHA",
    "AES256-SHA",
    NULL,
};
enum { FITTING = 6 }; /* the first: our keys are ECDSA */
static const char *const curves[] = {
    "X25519", "P-256", "P-384", "P-521", "X25519MLKEM768", "MLKEM1024", NULL,
};

/* One curve by two names is refused like an unknown one. */
static struct str curve_name(struct str given)
{
    if (str_is(given, "prime256v1")) return S("P-256");
    return str_is(given, "secp384r1") ? S("P-384") : given;
}

/* Index in |names|, or -1. */
static int find(const char *const *names, struct str s)
{
    for (int i = 0; names[i]; i++)
        if (str_is(s, names[i])) return i;
    return -1;
}

/* "A", or "[A|B]": equally good. |*fits|: one of them can be used with our certificates. */
static bool is_cipher(struct str s, bool *fits)
{
    bool is_group = str_starts(s, S("[")) && str_ends(s, S("]"));
    if (is_group) s = str_sub(s, 1, s.n - 1);
    for (struct str rest = s, one = str_cut(&rest, '|');; one = str_cut(&rest, '|')) {
        int i = find(ciphers, one);
        if (i < 0 || (rest.p && !is_group)) return false;
        *fits = *fits || i < FITTING;
        if (!rest.p) return true;
    }
}

struct strs mesh_ciphers(struct strs given, struct arena *a, struct mesh_diags *out)
{
    struct strs known = {0};
    bool fits = false;
    for (each(s, given)) {
        if (is_cipher(*s, &fits))
            list_push(a, &known, *s);
        else
            diag_error(a, out, E_BAD_OBJECT,
                       "sidecar.cipherSuites: %.*s is no cipher of TLS 1.2 that proxies know: it is "
                       "left out",
                       STR_FMT(*s));
    }
    if (fits || !known.n) return known;
    diag_error(a, out, E_BAD_OBJECT,
               "sidecar.cipherSuites has none for ECDSA, which our certificates are: the proxies' "
               "own are used");
    return (struct strs){0};
}

struct strs mesh_curves(struct strs given, bool below_1_3, struct arena *a, struct mesh_diags *out)
{
    struct strs known = {0};
    for (each(s, given)) {
        struct str name = curve_name(*s);
        if (find(curves, name) >= 0) {
            if (!strs_has(known, name)) list_push(a, &known, name);
        } else
            diag_error(a, out, E_BAD_OBJECT, "sidecar.ecdhCurves: %.*s is no curve that proxies know: it is left out",
                       STR_FMT(*s));
    }
    if (!below_1_3 || !known.n || strs_has(known, S("P-256"))) return known;
    diag_remark(a, out, E_BAD_OBJECT,
                "sidecar.ecdhCurves: P-256 is added: before TLS 1.3 our certificates cannot be used without it");
    list_push(a, &known, S("P-256"));
    return known;
}
