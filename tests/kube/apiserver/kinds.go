package main

import (
	"reflect"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// kind is one stored resource. The Go type of k8s.io/api serves as the version that clients see and as the one that
// the storage works with.
type kind struct {
	version      schema.GroupVersion
	plural       string
	singular     string
	short        []string
	object, list runtime.Object
	clusterWide  bool
	hasStatus    bool
}

func (k kind) gvk() schema.GroupVersionKind {
	return k.version.WithKind(reflect.TypeOf(k.object).Elem().Name())
}

func (k kind) newObject() runtime.Object { return newLike(k.object) }
func (k kind) newList() runtime.Object   { return newLike(k.list) }

func newLike(o runtime.Object) runtime.Object {
	return reflect.New(reflect.TypeOf(o).Elem()).Interface().(runtime.Object)
}

var (
	core           = corev1.SchemeGroupVersion
	apps           = appsv1.SchemeGroupVersion
	batch          = batchv1.SchemeGroupVersion
	admissionGroup = admissionregistrationv1.SchemeGroupVersion
	rbac           = rbacv1.SchemeGroupVersion
	network        = networkingv1.SchemeGroupVersion
)

const (
	clusterWide = true
	namespaced  = false
	hasStatus   = true
	noStatus    = false
)

// kinds lists everything that is stored, custom resources aside.
var kinds = []kind{
	{core, "namespaces", "namespace", []string{"ns"}, &corev1.Namespace{}, &corev1.NamespaceList{}, clusterWide, hasStatus},
	{core, "nodes", "node", []string{"no"}, &corev1.Node{}, &corev1.NodeList{}, clusterWide, hasStatus},
	{core, "pods", "pod", []string{"po"}, &corev1.Pod{}, &corev1.PodList{}, namespaced, hasStatus},
	{core, "services", "service", []string{"svc"}, &corev1.Service{}, &corev1.ServiceList{}, namespaced, hasStatus},
	{core, "serviceaccounts", "serviceaccount", []string{"sa"}, &corev1.ServiceAccount{}, &corev1.ServiceAccountList{}, namespaced, noStatus},
	{core, "configmaps", "configmap", []string{"cm"}, &corev1.ConfigMap{}, &corev1.ConfigMapList{}, namespaced, noStatus},
	{core, "secrets", "secret", nil, &corev1.Secret{}, &corev1.SecretList{}, namespaced, noStatus},
	{core, "events", "event", []string{"ev"}, &corev1.Event{}, &corev1.EventList{}, namespaced, noStatus},
	{core, "persistentvolumeclaims", "persistentvolumeclaim", []string{"pvc"}, &corev1.PersistentVolumeClaim{}, &corev1.PersistentVolumeClaimList{}, namespaced, hasStatus},
	{apps, "deployments", "deployment", []string{"deploy"}, &appsv1.Deployment{}, &appsv1.DeploymentList{}, namespaced, hasStatus},
	{apps, "replicasets", "replicaset", []string{"rs"}, &appsv1.ReplicaSet{}, &appsv1.ReplicaSetList{}, namespaced, hasStatus},
	{apps, "statefulsets", "statefulset", []string{"sts"}, &appsv1.StatefulSet{}, &appsv1.StatefulSetList{}, namespaced, hasStatus},
	{apps, "daemonsets", "daemonset", []string{"ds"}, &appsv1.DaemonSet{}, &appsv1.DaemonSetList{}, namespaced, hasStatus},
	{batch, "jobs", "job", nil, &batchv1.Job{}, &batchv1.JobList{}, namespaced, hasStatus},
	{batch, "cronjobs", "cronjob", []string{"cj"}, &batchv1.CronJob{}, &batchv1.CronJobList{}, namespaced, hasStatus},
	{discoveryv1.SchemeGroupVersion, "endpointslices", "endpointslice", nil, &discoveryv1.EndpointSlice{}, &discoveryv1.EndpointSliceList{}, namespaced, noStatus},
	{coordinationv1.SchemeGroupVersion, "leases", "lease", nil, &coordinationv1.Lease{}, &coordinationv1.LeaseList{}, namespaced, noStatus},
	{policyv1.SchemeGroupVersion, "poddisruptionbudgets", "poddisruptionbudget", []string{"pdb"}, &policyv1.PodDisruptionBudget{}, &policyv1.PodDisruptionBudgetList{}, namespaced, hasStatus},
	{autoscalingv2.SchemeGroupVersion, "horizontalpodautoscalers", "horizontalpodautoscaler", []string{"hpa"}, &autoscalingv2.HorizontalPodAutoscaler{}, &autoscalingv2.HorizontalPodAutoscalerList{}, namespaced, hasStatus},
	{network, "ingresses", "ingress", []string{"ing"}, &networkingv1.Ingress{}, &networkingv1.IngressList{}, namespaced, hasStatus},
	{network, "ingressclasses", "ingressclass", nil, &networkingv1.IngressClass{}, &networkingv1.IngressClassList{}, clusterWide, noStatus},
	{network, "networkpolicies", "networkpolicy", []string{"netpol"}, &networkingv1.NetworkPolicy{}, &networkingv1.NetworkPolicyList{}, namespaced, noStatus},
	{network, "servicecidrs", "servicecidr", nil, &networkingv1.ServiceCIDR{}, &networkingv1.ServiceCIDRList{}, clusterWide, hasStatus},
	{rbac, "roles", "role", nil, &rbacv1.Role{}, &rbacv1.RoleList{}, namespaced, noStatus},
	{rbac, "rolebindings", "rolebinding", nil, &rbacv1.RoleBinding{}, &rbacv1.RoleBindingList{}, namespaced, noStatus},
	{rbac, "clusterroles", "clusterrole", nil, &rbacv1.ClusterRole{}, &rbacv1.ClusterRoleList{}, clusterWide, noStatus},
	{rbac, "clusterrolebindings", "clusterrolebinding", nil, &rbacv1.ClusterRoleBinding{}, &rbacv1.ClusterRoleBindingList{}, clusterWide, noStatus},
	{admissionGroup, "mutatingwebhookconfigurations", "mutatingwebhookconfiguration", nil, &admissionregistrationv1.MutatingWebhookConfiguration{}, &admissionregistrationv1.MutatingWebhookConfigurationList{}, clusterWide, noStatus},
	{admissionGroup, "validatingwebhookconfigurations", "validatingwebhookconfiguration", nil, &admissionregistrationv1.ValidatingWebhookConfiguration{}, &admissionregistrationv1.ValidatingWebhookConfigurationList{}, clusterWide, noStatus},
	{admissionGroup, "validatingadmissionpolicies", "validatingadmissionpolicy", nil, &admissionregistrationv1.ValidatingAdmissionPolicy{}, &admissionregistrationv1.ValidatingAdmissionPolicyList{}, clusterWide, hasStatus},
	{admissionGroup, "validatingadmissionpolicybindings", "validatingadmissionpolicybinding", nil, &admissionregistrationv1.ValidatingAdmissionPolicyBinding{}, &admissionregistrationv1.ValidatingAdmissionPolicyBindingList{}, clusterWide, noStatus},
}
