package main

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Defaults of the fields whose absence would change what a mesh or a node does. Kubernetes' whole set is not published.

func set[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}

func fill[T ~string](field *T, value T) {
	if *field == "" {
		*field = value
	}
}

func addDefaults(s *runtime.Scheme) {
	on(s, func(o *corev1.Pod) { defaultPod(&o.Spec) })
	on(s, defaultService)
	on(s, func(o *corev1.Secret) { fill(&o.Type, corev1.SecretTypeOpaque) })
	on(s, func(o *corev1.Namespace) { fill(&o.Status.Phase, corev1.NamespaceActive) })
	on(s, defaultDeployment)
	on(s, func(o *appsv1.ReplicaSet) { set(&o.Spec.Replicas, 1); defaultPod(&o.Spec.Template.Spec) })
	on(s, defaultStatefulSet)
	on(s, func(o *appsv1.DaemonSet) {
		fill(&o.Spec.UpdateStrategy.Type, appsv1.RollingUpdateDaemonSetStrategyType)
		defaultPod(&o.Spec.Template.Spec)
	})
	on(s, defaultJob)
	on(s, func(o *discoveryv1.EndpointSlice) { fill(&o.AddressType, discoveryv1.AddressTypeIPv4) })
	on(s, func(o *rbacv1.RoleBinding) { defaultSubjects(o.Subjects); fill(&o.RoleRef.APIGroup, rbacv1.GroupName) })
	on(s, func(o *rbacv1.ClusterRoleBinding) {
		defaultSubjects(o.Subjects)
		fill(&o.RoleRef.APIGroup, rbacv1.GroupName)
	})
	on(s, func(o *admissionregistrationv1.MutatingWebhookConfiguration) {
		for i := range o.Webhooks {
			w := &o.Webhooks[i]
			set(&w.ReinvocationPolicy, admissionregistrationv1.NeverReinvocationPolicy)
			defaultWebhook(&w.FailurePolicy, &w.MatchPolicy, &w.TimeoutSeconds, &w.ClientConfig, w.Rules)
			set(&w.NamespaceSelector, emptySelector)
			set(&w.ObjectSelector, emptySelector)
		}
	})
	on(s, func(o *admissionregistrationv1.ValidatingWebhookConfiguration) {
		for i := range o.Webhooks {
			w := &o.Webhooks[i]
			defaultWebhook(&w.FailurePolicy, &w.MatchPolicy, &w.TimeoutSeconds, &w.ClientConfig, w.Rules)
			set(&w.NamespaceSelector, emptySelector)
			set(&w.ObjectSelector, emptySelector)
		}
	})
	on(s, func(o *admissionregistrationv1.ValidatingAdmissionPolicy) {
		set(&o.Spec.FailurePolicy, admissionregistrationv1.Fail)
		if o.Spec.MatchConstraints != nil {
			defaultMatch(o.Spec.MatchConstraints)
		}
	})
	on(s, func(o *admissionregistrationv1.ValidatingAdmissionPolicyBinding) {
		if o.Spec.MatchResources != nil {
			defaultMatch(o.Spec.MatchResources)
		}
	})
}

// on registers a default for objects of one type.
func on[T any, P interface {
	*T
	runtime.Object
}](s *runtime.Scheme, fn func(P)) {
	s.AddTypeDefaultingFunc(P(new(T)), func(o any) { fn(o.(P)) })
}

func defaultPod(s *corev1.PodSpec) {
	fill(&s.RestartPolicy, corev1.RestartPolicyAlways)
	fill(&s.DNSPolicy, corev1.DNSClusterFirst)
	fill(&s.SchedulerName, corev1.DefaultSchedulerName)
	set(&s.TerminationGracePeriodSeconds, corev1.DefaultTerminationGracePeriodSeconds)
	set(&s.SecurityContext, corev1.PodSecurityContext{})
	set(&s.EnableServiceLinks, corev1.DefaultEnableServiceLinks)
	fill(&s.ServiceAccountName, s.DeprecatedServiceAccount)
	s.DeprecatedServiceAccount = s.ServiceAccountName
	for _, list := range [][]corev1.Container{s.InitContainers, s.Containers} {
		for i := range list {
			defaultContainer(&list[i])
		}
	}
	for i := range s.Volumes {
		defaultVolume(&s.Volumes[i].VolumeSource)
	}
}

func defaultContainer(c *corev1.Container) {
	fill(&c.TerminationMessagePath, corev1.TerminationMessagePathDefault)
	fill(&c.TerminationMessagePolicy, corev1.TerminationMessageReadFile)
	fill(&c.ImagePullPolicy, corev1.PullIfNotPresent)
	for i := range c.Ports {
		fill(&c.Ports[i].Protocol, corev1.ProtocolTCP)
	}
	for i := range c.Env {
		if v := c.Env[i].ValueFrom; v != nil && v.FieldRef != nil {
			fill(&v.FieldRef.APIVersion, "v1")
		}
	}
	for _, p := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
		if p != nil {
			defaultProbe(p)
		}
	}
}

func defaultProbe(p *corev1.Probe) {
	for _, f := range []struct {
		field *int32
		value int32
	}{{&p.TimeoutSeconds, 1}, {&p.PeriodSeconds, 10}, {&p.SuccessThreshold, 1}, {&p.FailureThreshold, 3}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	if p.HTTPGet != nil {
		fill(&p.HTTPGet.Path, "/")
		fill(&p.HTTPGet.Scheme, corev1.URISchemeHTTP)
	}
}

func defaultVolume(v *corev1.VolumeSource) {
	switch {
	case v.ConfigMap != nil:
		set(&v.ConfigMap.DefaultMode, corev1.ConfigMapVolumeSourceDefaultMode)
	case v.Secret != nil:
		set(&v.Secret.DefaultMode, corev1.SecretVolumeSourceDefaultMode)
	case v.DownwardAPI != nil:
		set(&v.DownwardAPI.DefaultMode, corev1.DownwardAPIVolumeSourceDefaultMode)
	case v.Projected != nil:
		set(&v.Projected.DefaultMode, corev1.ProjectedVolumeSourceDefaultMode)
		for _, s := range v.Projected.Sources {
			if s.ServiceAccountToken != nil {
				set(&s.ServiceAccountToken.ExpirationSeconds, 3600)
			}
		}
	case *v == corev1.VolumeSource{}:
		v.EmptyDir = &corev1.EmptyDirVolumeSource{}
	}
}

func defaultService(o *corev1.Service) {
	fill(&o.Spec.Type, corev1.ServiceTypeClusterIP)
	fill(&o.Spec.SessionAffinity, corev1.ServiceAffinityNone)
	for i := range o.Spec.Ports {
		p := &o.Spec.Ports[i]
		fill(&p.Protocol, corev1.ProtocolTCP)
		if p.TargetPort == (intstr.IntOrString{}) {
			p.TargetPort = intstr.FromInt32(p.Port)
		}
	}
}

func defaultDeployment(o *appsv1.Deployment) {
	set(&o.Spec.Replicas, 1)
	set(&o.Spec.RevisionHistoryLimit, 10)
	set(&o.Spec.ProgressDeadlineSeconds, 600)
	fill(&o.Spec.Strategy.Type, appsv1.RollingUpdateDeploymentStrategyType)
	if o.Spec.Strategy.Type == appsv1.RollingUpdateDeploymentStrategyType {
		set(&o.Spec.Strategy.RollingUpdate, appsv1.RollingUpdateDeployment{})
		set(&o.Spec.Strategy.RollingUpdate.MaxSurge, intstr.FromString("25%"))
		set(&o.Spec.Strategy.RollingUpdate.MaxUnavailable, intstr.FromString("25%"))
	}
	defaultPod(&o.Spec.Template.Spec)
}

func defaultStatefulSet(o *appsv1.StatefulSet) {
	set(&o.Spec.Replicas, 1)
	set(&o.Spec.RevisionHistoryLimit, 10)
	fill(&o.Spec.PodManagementPolicy, appsv1.OrderedReadyPodManagement)
	fill(&o.Spec.UpdateStrategy.Type, appsv1.RollingUpdateStatefulSetStrategyType)
	defaultPod(&o.Spec.Template.Spec)
}

func defaultJob(o *batchv1.Job) {
	if o.Spec.Completions == nil && o.Spec.Parallelism == nil {
		set(&o.Spec.Completions, 1)
	}
	set(&o.Spec.Parallelism, 1)
	set(&o.Spec.BackoffLimit, 6)
	defaultPod(&o.Spec.Template.Spec)
}

func defaultSubjects(subjects []rbacv1.Subject) {
	for i := range subjects {
		if subjects[i].Kind != rbacv1.ServiceAccountKind {
			fill(&subjects[i].APIGroup, rbacv1.GroupName)
		}
	}
}
