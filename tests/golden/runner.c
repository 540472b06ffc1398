/* golden_runner: every folder of tests/golden that has an in.yaml is a case; its name is a sentence. The plans of all
 * its workloads are compared with plan.txt. `golden_runner DIR` tests, `golden_runner --refresh DIR` rewrites. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "golden/world.h"

enum { MAX_FILE = 8 << 20 };

static bool make_plan(struct str yaml, struct buf *out, struct err *err)
{
    struct world *w = world_new();
    bool ok = world_load(w, yaml, out, err);
    if (ok) {
        world_settle(w);
        world_dump(w, out);
    }
    world_free(w);
    return ok;
}

/* Shows the first line that differs. */
static void show_difference(struct str want, struct str got)
{
    for (int line = 1; want.p || got.p; line++) {
        struct str x = want.p ? str_cut(&want, '\n') : STR_NULL, y = got.p ? str_cut(&got, '\n') : STR_NULL;
        if (str_eq(x, y)) continue;
        printf("  line %d\n  - %.*s\n  + %.*s\n", line, STR_FMT(x), STR_FMT(y));
        return;
    }
}

static bool compare(const char *path, struct str got, bool refresh, struct err *err)
{
    struct buf want SCOPED_BUF = {0};
    bool is_there = access(path, F_OK) == 0;
    if (is_there && !file_read(path, MAX_FILE, &want, err)) return false;
    if (is_there && str_eq(buf_view(&want), got)) return true;
    if (refresh) return file_write_atomic(path, got, 0644, err);
    err_set(err, "%s is not what the mesh makes of in.yaml; if it should be: make golden", path);
    show_difference(buf_view(&want), got);
    return false;
}

static bool run_case(const char *dir, bool refresh, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct buf in SCOPED_BUF = {0}, first SCOPED_BUF = {0}, second SCOPED_BUF = {0};
    if (!file_read(str_fmt(a, "%s/in.yaml", dir).p, MAX_FILE, &in, err)) return false;
    if (!make_plan(buf_view(&in), &first, err) || !make_plan(buf_view(&in), &second, err)) return false;
    if (!str_eq(buf_view(&first), buf_view(&second))) return err_set(err, "%s: two runs gave two plans", dir);
    return compare(str_fmt(a, "%s/plan.txt", dir).p, buf_view(&first), refresh, err);
}

static int is_case(const struct dirent *d) { return d->d_name[0] != '.' && d->d_type == DT_DIR; }

int main(int argc, char **argv)
{
    bool refresh = argc > 1 && strcmp(argv[1], "--refresh") == 0;
    const char *root = argc > 1 + refresh ? argv[1 + refresh] : ".", *only = argc > 2 + refresh ? argv[2 + refresh] : "";
    struct dirent **names;
    int n = scandir(root, &names, is_case, alphasort), failed = 0, ran = 0;
    for (int i = 0; i < n; i++) {
        struct arena *a SCOPED_ARENA = arena_new();
        struct err err = {0};
        const char *dir = str_fmt(a, "%s/%s", root, names[i]->d_name).p;
        bool has_case = access(str_fmt(a, "%s/in.yaml", dir).p, F_OK) == 0 && strstr(dir, only);
        if (has_case && ++ran && !run_case(dir, refresh, &err)) {
            printf("FAILED %s: %s\n", names[i]->d_name, err.text);
            failed++;
        }
        free(names[i]);
    }
    if (n >= 0) free(names);
    printf("%d cases, %d failed\n", ran, failed);
    return failed || ran == 0;
}
