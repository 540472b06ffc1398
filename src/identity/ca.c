#include "identity/ca.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "identity/ca_root.h"
#include "identity/cert.h"
#include "identity/key.h"
#include "identity/ssl.h"

struct ca {
    struct issuer base;
    EVP_PKEY *key;
    X509 *root;
    struct buf root_pem;
};

static bool to_pem(X509 *cert, struct buf *out, struct err *err)
{
    BIO *bio SCOPED_BIO = BIO_new(BIO_s_mem());
    if (!bio || !PEM_write_bio_X509(bio, cert)) return ssl_err(err, "cannot write a certificate as PEM");
    ssl_drain(bio, out);
    return true;
}

static void ca_sign(struct issuer *i, const struct issue_request *r, issue_done_fn *done, void *arg)
{
    struct ca *ca = (struct ca *)i;
    struct buf pem SCOPED_BUF = {0};
    struct err err = {0};
    X509 *leaf SCOPED_X509 = ca_make_leaf(ca->key, ca->root, r, &err);
    bool ok = leaf && to_pem(leaf, &pem, &err);
    struct str chain = buf_view(&pem);
    done(arg, ok ? &chain : NULL, ok ? NULL : &err);
}

static struct str ca_roots(struct issuer *i) { return buf_view(&((struct ca *)i)->root_pem); }

static void ca_free(struct issuer *i)
{
    struct ca *ca = (struct ca *)i;
    EVP_PKEY_free(ca->key);
    X509_free(ca->root);
    buf_free(&ca->root_pem);
    free(ca);
}

static const struct issuer_ops ca_ops = {.name = "built-in CA", .sign = ca_sign, .roots = ca_roots, .free = ca_free};

bool ca_make(int64_t now, struct buf *key_pem, struct buf *root_pem, struct err *err)
{
    EVP_PKEY *key SCOPED_PKEY = key_new(err);
    X509 *root SCOPED_X509 = key ? ca_make_root(key, now, err) : NULL;
    return root && key_to_pem(key, key_pem, err) && to_pem(root, root_pem, err);
}

/* Key and root go into one file in one rename: a crash leaves either nothing or a working pair. */
static bool create(const char *path, int64_t now, struct err *err)
{
    struct buf text __attribute__((cleanup(key_wipe))) = {0};
    if (!ca_make(now, &text, &text, err) || !file_write_atomic(path, buf_view(&text), 0600, err)) return false;
    log_info("a new mesh root was made: %s", path);
    return true;
}

static bool read_pair(struct ca *ca, struct str pair, struct err *err)
{
    ca->key = key_of_pem(pair, err);
    ca->root = ca->key ? cert_of_pem(pair, err) : NULL;
    return ca->root && to_pem(ca->root, &ca->root_pem, err);
}

static bool check(struct ca *ca, int64_t now, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct cert_info info;
    if (!cert_inspect_x509(a, ca->root, &info, err)) return false;
    if (!info.is_ca) return err_set(err, "the certificate is not a CA's");
    if (X509_check_private_key(ca->root, ca->key) != 1) {
        ERR_clear_error();
        return err_set(err, "key and certificate do not belong together");
    }
    return info.not_after > now || err_set(err, "the root certificate has ended; take it away to get a new one");
}

static bool load(struct ca *ca, const char *path, int64_t now, struct err *err)
{
    struct stat st;
    if (stat(path, &st) < 0) return err_errno(err, errno, "%s", path);
    if (st.st_mode & 077)
        return err_set(err, "%s: others may read it; chmod 600 it, and replace the CA if they did", path);
    struct buf text __attribute__((cleanup(key_wipe))) = {0};
    if (!file_read(path, CERT_MAX_PEM, &text, err)) return false;
    return (read_pair(ca, buf_view(&text), err) && check(ca, now, err)) || err_wrap(err, "%s", path);
}

struct issuer *ca_of_pem(struct str pair, int64_t now, struct err *err)
{
    struct ca *ca = xcalloc(1, sizeof *ca);
    ca->base.ops = &ca_ops;
    if (read_pair(ca, pair, err) && check(ca, now, err)) return &ca->base;
    ca_free(&ca->base);
    return NULL;
}

struct issuer *ca_open(const char *dir, int64_t now, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    const char *path = str_fmt(a, "%s/" CA_FILE_KEY, dir).p;
    const char *root_path = str_fmt(a, "%s/" CA_FILE_ROOT, dir).p;
    struct stat st;
    if (!dir_make(dir, 0700, err)) return NULL;
    if (stat(path, &st) < 0 && errno == ENOENT && !create(path, now, err)) return NULL;
    struct ca *ca = xcalloc(1, sizeof *ca);
    ca->base.ops = &ca_ops;
    if (load(ca, path, now, err) && file_write_atomic(root_path, buf_view(&ca->root_pem), 0644, err)) return &ca->base;
    ca_free(&ca->base);
    return NULL;
}
