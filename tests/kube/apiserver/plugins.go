package main

import (
	"context"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/warning"
	"k8s.io/client-go/kubernetes"
	podsecurity "k8s.io/pod-security-admission/admission"
	"k8s.io/pod-security-admission/admission/api/load"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/metrics"
	"k8s.io/pod-security-admission/policy"
)

// Admission that a cluster has built in and a mesh meets: the account of a pod, and the pod security levels.

const (
	serviceAccountPlugin = "ServiceAccount"
	podSecurityPlugin    = "PodSecurity"
	accountMount         = "/var/run/secrets/kubernetes.io/serviceaccount"
	rootsConfigMap       = "kube-root-ca.crt"
)

func registerPlugins(plugins *admission.Plugins, client func() kubernetes.Interface) {
	plugins.Register(serviceAccountPlugin, func(io.Reader) (admission.Interface, error) {
		return &accountOfPod{admission.NewHandler(admission.Create), client}, nil
	})
	plugins.Register(podSecurityPlugin, func(io.Reader) (admission.Interface, error) { return newPodSecurity(client) })
}

// accountOfPod names the account, and mounts its token into every container that does not mount one itself.
type accountOfPod struct {
	*admission.Handler
	client func() kubernetes.Interface
}

func isPod(a admission.Attributes) bool {
	return a.GetResource().GroupResource() == core.WithResource("pods").GroupResource() && a.GetSubresource() == ""
}

func (p *accountOfPod) Admit(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if !isPod(a) {
		return nil
	}
	pod := a.GetObject().(*corev1.Pod)
	fill(&pod.Spec.ServiceAccountName, "default")
	pod.Spec.DeprecatedServiceAccount = pod.Spec.ServiceAccountName
	account, err := p.client().CoreV1().ServiceAccounts(a.GetNamespace()).Get(ctx, pod.Spec.ServiceAccountName, metav1.GetOptions{})
	if err != nil {
		return admission.NewForbidden(a, fmt.Errorf("error looking up service account %s/%s: %w", a.GetNamespace(), pod.Spec.ServiceAccountName, err))
	}
	wanted := pod.Spec.AutomountServiceAccountToken
	if wanted == nil {
		wanted = account.AutomountServiceAccountToken
	}
	if wanted == nil || *wanted {
		mountToken(&pod.Spec)
	}
	return nil
}

func mountToken(spec *corev1.PodSpec) {
	var name string
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			if mounts(&list[i], accountMount) {
				continue
			}
			if name == "" {
				name = "kube-api-access-" + rand.String(5)
			}
			list[i].VolumeMounts = append(list[i].VolumeMounts, corev1.VolumeMount{Name: name, MountPath: accountMount, ReadOnly: true})
		}
	}
	if name == "" {
		return
	}
	life, mode := int64(3607), int32(corev1.ProjectedVolumeSourceDefaultMode)
	spec.Volumes = append(spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		DefaultMode: &mode,
		Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{ExpirationSeconds: &life, Path: "token"}},
			{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: corev1.LocalObjectReference{Name: rootsConfigMap},
				Items: []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}}}},
			{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{
				{Path: "namespace", FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.namespace"}}}}},
		}}}})
}

func mounts(c *corev1.Container, path string) bool {
	for _, m := range c.VolumeMounts {
		if m.MountPath == path {
			return true
		}
	}
	return false
}

// podSecurity is Kubernetes' own evaluation behind the plugin interface.
type podSecurity struct {
	*admission.Handler
	*podsecurity.Admission
}

type unmeasured struct{}

func (unmeasured) RecordEvaluation(metrics.Decision, api.LevelVersion, metrics.Mode, api.Attributes) {
}
func (unmeasured) RecordExemption(api.Attributes)   {}
func (unmeasured) RecordError(bool, api.Attributes) {}

type lister struct{ client func() kubernetes.Interface }

func (l lister) GetNamespace(ctx context.Context, name string) (*corev1.Namespace, error) {
	return l.client().CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
}

func (l lister) ListPods(ctx context.Context, ns string) ([]*corev1.Pod, error) {
	found, err := l.client().CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	return pointers(found.Items), nil
}

func newPodSecurity(client func() kubernetes.Interface) (admission.Interface, error) {
	config, err := load.LoadFromData(nil)
	if err != nil {
		return nil, err
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks())
	if err != nil {
		return nil, err
	}
	p := &podSecurity{admission.NewHandler(admission.Create, admission.Update), &podsecurity.Admission{Configuration: config,
		Evaluator: evaluator, Metrics: unmeasured{}, PodSpecExtractor: podsecurity.DefaultPodSpecExtractor{},
		NamespaceGetter: lister{client}, PodLister: lister{client}}}
	if err := p.CompleteConfiguration(); err != nil {
		return nil, err
	}
	return p, p.ValidateConfiguration()
}

func (p *podSecurity) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	resource := a.GetResource().GroupResource()
	if !p.PodSpecExtractor.HasPodSpec(resource) && resource.Resource != "namespaces" {
		return nil
	}
	answer := p.Admission.Validate(ctx, asked{a})
	for _, w := range answer.Warnings {
		warning.AddWarning(ctx, "", w)
	}
	if answer.Allowed || answer.Result == nil {
		return nil
	}
	return &errors.StatusError{ErrStatus: *answer.Result}
}
