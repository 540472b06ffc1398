// rooms: kube
#include <stdlib.h>

#include "kube/config.h"
#include "kube/exec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A line of "====" parts files of a list. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct err err = {0};
    struct kube_config config;
    struct exec_credential credential;
    struct kube_config_files files = {0};
    struct str rest = str_make((const char *)data, size);
    const char *at;
    while (files.n < 4 && (at = memmem(rest.p, rest.n, "\n====\n", 6))) {
        list_push(a, &files, ((struct kube_config_file){S("d/f"), str_make(rest.p, (size_t)(at - rest.p))}));
        rest = str_sub(rest, (size_t)(at - rest.p) + 6, rest.n);
    }
    list_push(a, &files, ((struct kube_config_file){S("d/f"), rest}));
    if (kube_config_merge(files, STR_NULL, a, &config, &err) && config.exec) free(exec_info(&config));
    if (!exec_credential_read(rest, S("client.authentication.k8s.io/v1"), a, &credential, &err)) return 0;
    return 0;
}
