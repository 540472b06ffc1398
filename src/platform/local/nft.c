#include "platform/local/nft.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "platform/local/net.h"
#include "platform/local/reaper.h"

static void add_service(const struct nft_service *s, struct buf *out)
{
    if (!s->targets.n || s->protocol == KUBE_PROTO_SCTP) return;
    buf_fmt(out, "    ip daddr %.*s %s dport %lld dnat ip to ", STR_FMT(s->address),
            s->protocol == KUBE_PROTO_UDP ? "udp" : "tcp", (long long)s->port);
    if (s->targets.n == 1) {
        buf_fmt(out, "%.*s:%lld\n", STR_FMT(s->targets.v[0].address), (long long)s->targets.v[0].port);
        return;
    }
    buf_fmt(out, "numgen random mod %zu map { ", s->targets.n);
    for (size_t i = 0; i < s->targets.n; i++)
        buf_fmt(out, "%s%zu : %.*s . %lld", i ? ", " : "", i, STR_FMT(s->targets.v[i].address),
                (long long)s->targets.v[i].port);
    buf_c(out, " }\n");
}

/* Packets that come back to their sender are dropped as martians unless somebody else seems to send them. */
static void add_hairpins(struct nft_services services, struct buf *out)
{
    struct arena *a SCOPED_ARENA = arena_new();
    LIST(struct str) found = {0};
    for (each(s, services))
        for (each(t, s->targets)) list_push(a, &found, t->address);
    struct strs unique = strs_sort_unique((struct strs){found.v, found.n});
    if (!unique.n) return;
    buf_c(out, "  set itself {\n    type ipv4_addr . ipv4_addr\n    elements = { ");
    for (size_t i = 0; i < unique.n; i++)
        buf_fmt(out, "%s%.*s . %.*s", i ? ", " : "", STR_FMT(unique.v[i]), STR_FMT(unique.v[i]));
    buf_c(out, " }\n  }\n  chain postrouting {\n    type nat hook postrouting priority 100;\n    ip saddr . ip daddr "
               "@itself masquerade\n  }\n");
}

void nft_ruleset(struct nft_services services, struct buf *out)
{
    buf_c(out, "table ip osm\ndelete table ip osm\ntable ip osm {\n  chain services {\n");
    for (each(s, services)) add_service(s, out);
    buf_c(out, "  }\n  chain prerouting {\n    type nat hook prerouting priority -100;\n    jump services\n  }\n");
    buf_c(out, "  chain output {\n    type nat hook output priority -100;\n    jump services\n  }\n");
    /* Pods of the outer network have a route to this range (net.c); what is no Service's must not go round on it. */
    static const char *const hooks[] = {"forward", "output"};
    for (size_t i = 0; i < 2; i++)
        buf_fmt(out,
                "  chain stray_%s {\n    type filter hook %s priority 0;\n    ip daddr " NET_SERVICE_RANGE
                " reject with icmp type net-unreachable\n  }\n",
                hooks[i], hooks[i]);
    add_hairpins(services, out);
    buf_c(out, "}\n");
}

struct nft_loader {
    struct event_base *base;
    struct buf now, next; /* what was loaded last, what waits */
    bool waits;
    pid_t pid;
};

struct nft_loader *nft_loader_new(struct event_base *base)
{
    struct nft_loader *l = xcalloc(1, sizeof *l);
    l->base = base;
    return l;
}

void nft_loader_free(struct nft_loader *l)
{
    if (!l) return;
    if (l->pid) reaper_forget(l->pid);
    buf_free(&l->now);
    buf_free(&l->next);
    free(l);
}

static void start(struct nft_loader *l);

static void on_end(void *arg, int status)
{
    struct nft_loader *l = arg;
    l->pid = 0;
    if (status) {
        log_error("nft refused the ruleset of the Services; unmeshed pods may not reach them");
        buf_reset(&l->now);
    }
    if (l->waits) start(l);
}

/* The text goes through an unlinked file: a pipe could fill up while nobody reads. */
static void start(struct nft_loader *l)
{
    char path[] = "/tmp/osm-nft-XXXXXX";
    int fd SCOPED_FD = mkostemp(path, O_CLOEXEC);
    l->waits = false;
    if (fd < 0) return (void)log_error("cannot make a file for the ruleset of nft");
    unlink(path);
    if (write(fd, l->next.p, l->next.n) != (ssize_t)l->next.n)
        return (void)log_error("cannot write the ruleset of nft");
    lseek(fd, 0, SEEK_SET);
    buf_reset(&l->now);
    buf_str(&l->now, buf_view(&l->next));
    l->pid = fork();
    if (l->pid == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        dup2(fd, 0);
        execlp("nft", "nft", "-f", "-", NULL);
        execl("/usr/sbin/nft", "nft", "-f", "-", NULL);
        _exit(127);
    }
    if (l->pid > 0)
        reaper_watch(l->pid, on_end, l);
    else
        l->pid = 0;
}

void nft_load(struct nft_loader *l, struct str ruleset)
{
    if (!l->pid && str_eq(buf_view(&l->now), ruleset)) return;
    buf_reset(&l->next);
    buf_str(&l->next, ruleset);
    l->waits = true;
    if (!l->pid) start(l);
}
