#include "harness.h"
#include "kinds/config_map.h"
#include "kinds/daemon_set.h"
#include "kinds/deployment.h"
#include "kinds/endpoint_slice.h"
#include "kinds/job.h"
#include "kinds/persistent_volume_claim.h"
#include "kinds/pod.h"
#include "kinds/secret.h"
#include "kinds/service.h"
#include "kinds/stateful_set.h"

#define META(kind) "kind: " kind "\nmetadata: {name: x}\n"
#define SVC        "apiVersion: v1\n" META("Service") "spec: "
#define POD        "apiVersion: v1\n" META("Pod") "spec: "
#define DEPLOY     "apiVersion: apps/v1\n" META("Deployment") "spec: "

static void services_have_addresses_and_ports(void **state)
{
    (void)state;
    const struct kube_service *s =
        kube_service_of(good(SVC "{clusterIP: 10.96.0.1, ports: [{name: a, port: 80, targetPort: web}, {name: b, port: "
                                 "81}], sessionAffinity: None, ipFamilyPolicy: x}\n"));
    assert_true(kube_service_addresses(s).n == 1 && str_is(kube_service_addresses(s).v[0], "10.96.0.1") &&
                !kube_service_is_headless(s));
    assert_true(str_is(kube_service_target_port(&s->spec.ports.v[0]).s, "web") &&
                kube_service_target_port(&s->spec.ports.v[1]).i == 81);
    s = kube_service_of(good(SVC "{clusterIP: None, publishNotReadyAddresses: true}\n"));
    assert_true(kube_service_is_headless(s) && kube_service_addresses(s).n == 0 && s->spec.publish_not_ready);
    assert_int_equal(kube_service_addresses(kube_service_of(good(SVC "{type: ExternalName, externalName: x.org}\n"))).n,
                     0);
    assert_int_equal(kube_service_addresses(
                         kube_service_of(good(SVC "{clusterIP: 10.96.0.1, clusterIPs: [10.96.0.1, 'fd00::1']}\n")))
                         .n,
                     2);
    assert_int_equal(kube_service_addresses(kube_service_of(good(SVC "{}\n"))).n, 0);
    assert_int_equal(kube_service_addresses(kube_service_of(good(SVC "{clusterIP: '', clusterIPs: ['']}\n"))).n, 0);
    bad(SVC "{ports: [{port: 80}, {port: 81}]}\n", "spec.ports[0].name", "is required when");
    bad(SVC "{ports: [{name: a, port: 80}, {name: a, port: 81}]}\n", "spec.ports[1].name", "names another port");
    bad(SVC "{ports: [{name: a, port: 80}, {name: b, port: 80}]}\n", "spec.ports[1].port", "stands twice");
    bad(SVC "{ports: [{port: 70000}]}\n", "spec.ports[0].port", "between 1 and 65535");
    good(SVC "{ports: [{name: dns, port: 53}, {name: dns-udp, port: 53, protocol: UDP}]}\n");
}

static void endpoints_have_kubernetes_nil_rules(void **state)
{
    (void)state;
    const struct kube_endpoint_slice *s = kube_endpoint_slice_of(good("apiVersion: discovery.k8s.io/v1\n" META(
        "EndpointSlice") "addressType: IPv4\nendpoints: [{addresses: [10.0.0.1]}, "
                         "{addresses: [10.0.0.2], conditions: {ready: false, serving: true, terminating: true}, "
                         "targetRef: {kind: Pod, uid: u}}]\nports: [{name: a, port: 80}, {name: b, port: null}]\n"));
    assert_true(kube_endpoint_is_ready(&s->endpoints.v[0]) && kube_endpoint_is_serving(&s->endpoints.v[0]) &&
                !kube_endpoint_is_terminating(&s->endpoints.v[0]));
    assert_true(!kube_endpoint_is_ready(&s->endpoints.v[1]) && kube_endpoint_is_terminating(&s->endpoints.v[1]) &&
                str_is(s->endpoints.v[1].target.uid, "u"));
    assert_true(s->ports.v[0].port.v == 80 && !s->ports.v[1].port.is_set);
    assert_int_equal(kube_endpoint_slice_of(good("apiVersion: discovery.k8s.io/v1\n" META(
                                                "EndpointSlice") "addressType: IPv4\nendpoints: null\n"))
                         ->endpoints.n,
                     0);
}

static void config_maps_and_secrets_give_bytes(void **state)
{
    (void)state;
    const struct kube_config_map *m =
        kube_config_map_of(good("apiVersion: v1\n" META("ConfigMap") "data: {a: x}\nbinaryData: {b: AAE=}\n"));
    assert_true(str_is(kube_config_map_get(m, S("a")), "x") && str_eq(kube_config_map_get(m, S("b")), S("\0\1")) &&
                !kube_config_map_get(m, S("c")).p);
    bad("apiVersion: v1\n" META("ConfigMap") "data: {a: x}\nbinaryData: {a: AAE=}\n", "binaryData",
        "stands in data, too");
    bad("apiVersion: v1\n" META("ConfigMap") "data: {a: 80}\n", "data.a", "put it in quotes: \"80\"");
    const struct kube_secret *s =
        kube_secret_of(good("apiVersion: v1\n" META("Secret") "data: {a: eA==, c: eQ==}\nstringData: {b: q, c: z}\n"));
    struct kvs all = kube_secret_all(s, a);
    assert_true(all.n == 3 && str_is(all.v[0].value, "x") && str_is(all.v[1].key, "b") && str_is(all.v[2].value, "z"));
    assert_true(str_is(kube_secret_get(s, S("c")), "z") && str_is(kube_secret_get(s, S("a")), "x"));
    bad("apiVersion: v1\n" META("Secret") "data: {a: '*'}\n", "data.a", "is not base64");
}

static void secrets_never_show_in_dumps(void **state)
{
    (void)state;
    struct object *o = good("apiVersion: v1\n" META("Secret") "data: {a: aHVudGVyMg==}\nstringData: {b: hunter2}\n");
    struct buf b SCOPED_BUF = {0};
    table_dump(kind_info(o->kind)->table, o->body, 0, &b);
    buf_char(&b, '\0');
    assert_null(strstr(b.p, "hunter2"));
    assert_null(strstr(b.p, "aHVudGVyMg"));
}

static const char whole_pod[] =
    POD "{serviceAccountName: sa, hostname: h, subdomain: s, restartPolicy: OnFailure, terminationGracePeriodSeconds: "
        "0, hostAliases: [{ip: 1.2.3.4, hostnames: [a]}],\n"
        " securityContext: {runAsUser: 0, fsGroup: 5, supplementalGroups: [1, 2]}, initContainers: [{name: i, "
        "restartPolicy: Always}],\n"
        " containers: [{name: c, image: i, command: [a], args: ['$(X)'], ports: [{name: web, containerPort: 80}],\n"
        "   env: [{name: X, value: y}, {name: N, valueFrom: {fieldRef: {fieldPath: metadata.name}}}, {name: K, "
        "valueFrom: {secretKeyRef: {name: s, key: k, optional: true}}}],\n"
        "   envFrom: [{prefix: P_, configMapRef: {name: c}}], volumeMounts: [{name: v, mountPath: /v, subPath: q, "
        "readOnly: true}],\n"
        "   livenessProbe: {httpGet: {port: web, path: /, httpHeaders: [{name: a, value: b}]}, periodSeconds: 3}, "
        "readinessProbe: {grpc: {port: 81}}, startupProbe: {exec: {command: [x]}},\n"
        "   lifecycle: {preStop: {exec: {command: [x]}}}, securityContext: {capabilities: {add: [NET_ADMIN]}, "
        "runAsNonRoot: false}, resources: {limits: {cpu: 1}}}],\n"
        " volumes: [{name: v, projected: {sources: [{serviceAccountToken: {audience: a, path: token}}, {configMap: "
        "{name: c}}]}}, {name: e, emptyDir: {}},\n"
        "   {name: k, secret: {secretName: s, defaultMode: 0400, items: [{key: a, path: b}]}}, {name: d, downwardAPI: "
        "{items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}},\n"
        "   {name: p, persistentVolumeClaim: {claimName: c}}, {name: h, hostPath: {path: /x}}, {name: unknown, nfs: "
        "{server: x}}]}\n"
        "status: {phase: Running, podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: 'fd00::1'}], conditions: [{type: "
        "Ready, status: 'True'}, {type: Initialized, status: 'False'}],\n"
        "  containerStatuses: [{name: c, ready: true, restartCount: 2, state: {running: {startedAt: "
        "'2026-01-31T12:00:00Z'}}, lastState: {terminated: {exitCode: 1}}}]}\n";

static void pods_have_all_that_a_runner_needs(void **state)
{
    (void)state;
    const struct kube_pod *p = kube_pod_of(good(whole_pod));
    const struct kube_container *c = p->spec.containers.v;
    assert_true(str_is(kube_pod_service_account(p), "sa") && p->spec.restart_policy == KUBE_RESTART_ON_FAILURE &&
                p->spec.grace_period_s == 0);
    assert_true(p->spec.security.run_as_user.is_set && p->spec.security.run_as_user.v == 0 &&
                !p->spec.security.run_as_group.is_set && p->spec.security.supplemental_groups.n == 2);
    assert_true(kube_container_is_sidecar(p->spec.init_containers.v) && !kube_container_is_sidecar(c));
    assert_true(str_is(c->env.v[1].from->field->path, "metadata.name") && c->env.v[2].from->secret->optional &&
                str_is(c->env_from.v[0].config_map->name, "c"));
    assert_true(kube_container_port_of(c, c->liveness->http->port) == 80 && c->liveness->period_s == 3 &&
                c->liveness->timeout_s == 1 && c->liveness->failure_threshold == 3);
    assert_true(kube_container_port_of(c, (struct int_or_str){.s = S("none")}) == 0 && c->readiness->grpc->port == 81 &&
                c->startup->exec->command.n == 1);
    assert_true(c->security.run_as_non_root == TRI_FALSE && c->security.privileged == TRI_UNSET &&
                json_is_object(c->resources) && c->mounts.v[0].read_only);
    const struct kube_volume *v = p->spec.volumes.v;
    assert_true(v[0].projected->sources.v[0].token->expiration_s == 3600 && v[1].empty_dir &&
                v[2].secret->default_mode.v == 0400 && str_is(v[2].secret->name, "s"));
    assert_true(v[3].downward->items.n == 1 && str_is(v[4].claim->claim, "c") && v[5].host_path && !v[6].host_path &&
                !v[6].empty_dir);
    assert_true(kube_pod_condition(p, S("Ready")) && !kube_pod_condition(p, S("Initialized")) &&
                !kube_pod_condition(p, S("Other")));
    assert_true(kube_pod_addresses(p, a).n == 2 && !kube_pod_is_finished(p) &&
                p->status.containers.v[0].state.running &&
                p->status.containers.v[0].last_state.terminated->exit_code == 1);
    p = kube_pod_of(good(POD "{containers: [{name: c}]}\nstatus: {phase: Failed, podIP: 10.0.0.1}\n"));
    assert_true(kube_pod_is_finished(p) && kube_pod_addresses(p, a).n == 1 &&
                str_is(kube_pod_service_account(p), "default") && p->spec.grace_period_s == 30);
    assert_true(str_is(
        kube_pod_service_account(kube_pod_of(good(POD "{serviceAccount: old, containers: [{name: c}]}\n"))), "old"));
}

static void bad_pods_are_refused(void **state)
{
    (void)state;
    bad(POD "{}\n", "spec.containers", "is required");
    bad(POD "{containers: []}\n", "spec.containers", "at least one");
    bad(POD "{containers: [{name: c}, {name: c}]}\n", "spec.containers[1].name", "two containers");
    bad(POD "{containers: [{name: c, volumeMounts: [{name: v, mountPath: /}]}]}\n",
        "spec.containers[0].volumeMounts[0].name", "there is no volume \"v\"");
    bad(POD "{containers: [{name: c, livenessProbe: {}}]}\n", "spec.containers[0].livenessProbe",
        "exactly one of exec, httpGet, tcpSocket and grpc");
    bad(POD "{containers: [{name: c, ports: [{containerPort: 99999}]}]}\n", "spec.containers[0].ports[0].containerPort",
        "between 1 and 65535");
    bad(POD "{containers: [{name: c, command: sh -c x}]}\n", "spec.containers[0].command",
        "must be a list, not a string");
    bad(POD "{containers: [{name: c}], volumes: [{name: v, configMap: {name: c, items: [{key: a, path: ../x}]}}]}\n",
        "spec.volumes[0].configMap.items[0].path", "without \"..\"");
    bad(POD "{containers: [{name: c}], volumes: [{name: v, emptyDir: {}, hostPath: {path: /}}]}\n", "spec.volumes[0]",
        "one type only");
    bad(POD "{containers: [{name: c}], restartPolicy: Sometimes}\n", "spec.restartPolicy", "must be one of Always");
}

static void workloads_keep_their_template(void **state)
{
    (void)state;
#define TEMPLATE                                                                                                       \
    "selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c}]}}"
    const struct kube_deployment *d = kube_deployment_of(good(DEPLOY "{" TEMPLATE "}\n"));
    assert_true(d->spec.replicas == 1 && str_is(d->spec.strategy.rolling.max_surge.s, "25%") &&
                json_is_object(json_object_get(d->spec.template, "spec")));
    assert_int_equal(kube_scaled(d->spec.strategy.rolling.max_surge, 3, true), 1);
    assert_int_equal(kube_scaled(d->spec.strategy.rolling.max_unavailable, 3, false), 0);
    assert_int_equal(kube_scaled((struct int_or_str){.i = 2}, 3, false), 2);
    assert_int_equal(kube_deployment_of(good(DEPLOY "{replicas: 0, " TEMPLATE "}\n"))->spec.replicas, 0);
    bad(DEPLOY "{selector: {}, template: {}}\n", "spec.template", "must be a mapping with metadata and spec");
    bad(DEPLOY "{template: {spec: {}}}\n", "spec.selector", "is required");
    bad(DEPLOY "{" TEMPLATE ", strategy: {rollingUpdate: {maxSurge: half}}}\n", "spec.strategy.rollingUpdate.maxSurge",
        "does not have the form");
    const struct kube_stateful_set *s = kube_stateful_set_of(good("apiVersion: apps/v1\n" META(
        "StatefulSet") "spec: {" TEMPLATE
                       ", serviceName: s, volumeClaimTemplates: [{}], podManagementPolicy: Parallel}\n"));
    assert_true(s->spec.replicas == 1 && json_array_size(s->spec.claim_templates) == 1 &&
                s->spec.pod_management == KUBE_MANAGEMENT_PARALLEL);
    assert_non_null(kube_daemon_set_of(good("apiVersion: apps/v1\n" META("DaemonSet") "spec: {" TEMPLATE "}\n")));
    const struct kube_job *j =
        kube_job_of(good("apiVersion: batch/v1\n" META("Job") "spec: {" TEMPLATE ", completions: 0}\n"));
    assert_true(j->spec.backoff_limit == 6 && j->spec.parallelism == 1 && j->spec.completions.is_set &&
                !j->spec.active_deadline_s.is_set);
    assert_non_null(kube_persistent_volume_claim_of(good("apiVersion: v1\n" META(
        "PersistentVolumeClaim") "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(services_have_addresses_and_ports),  TEST(endpoints_have_kubernetes_nil_rules),
        TEST(config_maps_and_secrets_give_bytes), TEST(secrets_never_show_in_dumps),
        TEST(pods_have_all_that_a_runner_needs),  TEST(bad_pods_are_refused),
        TEST(workloads_keep_their_template),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
