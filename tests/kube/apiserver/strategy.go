package main

import (
	"context"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/api/validation/path"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/storage/names"
)

// strategy says what a client may write: the whole object but its status, or (part "Status") the status alone.
type strategy struct {
	runtime.ObjectTyper
	names.NameGenerator
	kind kind
	part string
}

func newStrategy(k kind) strategy { return strategy{scheme, names.SimpleNameGenerator, k, ""} }

func (s strategy) NamespaceScoped() bool          { return !s.kind.clusterWide }
func (s strategy) AllowCreateOnUpdate() bool      { return false }
func (s strategy) AllowUnconditionalUpdate() bool { return true }
func (s strategy) Canonicalize(runtime.Object)    {}

func (s strategy) PrepareForCreate(_ context.Context, o runtime.Object) {
	if status := fieldOf(o, "Status"); s.kind.hasStatus && status.IsValid() {
		status.SetZero()
	}
	if m, err := meta.Accessor(o); err == nil && fieldOf(o, "Spec").IsValid() {
		m.SetGeneration(1)
	}
	switch o := o.(type) {
	case *corev1.Pod:
		o.Status = corev1.PodStatus{Phase: corev1.PodPending, QOSClass: corev1.PodQOSBestEffort}
	case *corev1.Namespace:
		o.Status.Phase = corev1.NamespaceActive
		o.Spec.Finalizers = []corev1.FinalizerName{corev1.FinalizerKubernetes}
		o.Labels = with(o.Labels, corev1.LabelMetadataName, o.Name)
	case *corev1.Secret:
		data := o.Data
		for k, v := range o.StringData {
			if data == nil {
				data = map[string][]byte{}
			}
			data[k] = []byte(v)
		}
		o.Data, o.StringData = data, nil
	}
}

// PrepareForUpdate keeps what this way of writing may not touch, and counts generations.
func (s strategy) PrepareForUpdate(_ context.Context, changed, old runtime.Object) {
	if s.part == "Status" {
		keep(changed, old, "Spec")
		return
	}
	if s.kind.hasStatus {
		keep(changed, old, "Status")
	}
	if s.part == "EphemeralContainers" {
		added := changed.(*corev1.Pod).Spec.EphemeralContainers
		keep(changed, old, "Spec")
		changed.(*corev1.Pod).Spec.EphemeralContainers = added
	}
	switch o := changed.(type) {
	case *corev1.Namespace:
		if s.part != "Finalizers" {
			o.Spec.Finalizers = old.(*corev1.Namespace).Spec.Finalizers
		}
		o.Labels = with(o.Labels, corev1.LabelMetadataName, o.Name)
	case *corev1.Secret:
		s.PrepareForCreate(context.Background(), o)
	case *corev1.Service:
		keepAddress(o, old.(*corev1.Service))
	}
	countGeneration(changed, old)
}

func countGeneration(changed, old runtime.Object) {
	is, was := fieldOf(changed, "Spec"), fieldOf(old, "Spec")
	if is.IsValid() && !equality.Semantic.DeepEqual(is.Interface(), was.Interface()) {
		m, _ := meta.Accessor(old)
		n, _ := meta.Accessor(changed)
		n.SetGeneration(m.GetGeneration() + 1)
	}
}

// Validate checks names only: the rules of Kubernetes' own kinds are not published.
func (s strategy) Validate(_ context.Context, o runtime.Object) field.ErrorList {
	m, err := meta.Accessor(o)
	if err != nil {
		return field.ErrorList{field.InternalError(nil, err)}
	}
	isName := validation.NameIsDNSSubdomain
	switch o.(type) {
	case *corev1.Namespace:
		isName = validation.NameIsDNSLabel
	case *corev1.Service:
		isName = validation.NameIsDNS1035Label
	}
	if s.kind.version == rbac {
		isName = path.ValidatePathSegmentName
	}
	all := validation.ValidateObjectMetaAccessor(m, !s.kind.clusterWide, isName, field.NewPath("metadata"))
	if p, ok := o.(*corev1.Pod); ok && len(p.Spec.Containers) == 0 {
		all = append(all, field.Required(field.NewPath("spec", "containers"), ""))
	}
	return all
}

func (s strategy) ValidateUpdate(ctx context.Context, o, old runtime.Object) field.ErrorList {
	all := s.Validate(ctx, o)
	m, _ := meta.Accessor(o)
	n, _ := meta.Accessor(old)
	all = append(all, validation.ValidateObjectMetaAccessorUpdate(m, n, field.NewPath("metadata"))...)
	p, ok := o.(*corev1.Pod)
	if ok && s.part == "" && !samePodSpec(p, old.(*corev1.Pod)) {
		all = append(all, field.Forbidden(field.NewPath("spec"), "pod updates may not change fields other than images, activeDeadlineSeconds and tolerations"))
	}
	return all
}

func (s strategy) WarningsOnCreate(context.Context, runtime.Object) []string { return nil }
func (s strategy) WarningsOnUpdate(context.Context, runtime.Object, runtime.Object) []string {
	return nil
}

// podStrategy lets a node end the containers of a bound pod before the object goes.
type podStrategy struct{ strategy }

func (podStrategy) CheckGracefulDelete(_ context.Context, o runtime.Object, options *metav1.DeleteOptions) bool {
	p := o.(*corev1.Pod)
	seconds := int64(corev1.DefaultTerminationGracePeriodSeconds)
	if p.Spec.TerminationGracePeriodSeconds != nil {
		seconds = *p.Spec.TerminationGracePeriodSeconds
	}
	if options.GracePeriodSeconds != nil {
		seconds = *options.GracePeriodSeconds
	}
	isOver := p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	if p.Spec.NodeName == "" || isOver {
		seconds = 0
	}
	options.GracePeriodSeconds = &seconds
	return true
}

func samePodSpec(a, b *corev1.Pod) bool {
	x, y := a.Spec.DeepCopy(), b.Spec.DeepCopy()
	for _, s := range []*corev1.PodSpec{x, y} {
		s.ActiveDeadlineSeconds, s.Tolerations, s.TerminationGracePeriodSeconds = nil, nil, nil
		for _, list := range [][]corev1.Container{s.InitContainers, s.Containers} {
			for i := range list {
				list[i].Image = ""
			}
		}
	}
	return reflect.DeepEqual(x, y)
}

func fieldOf(o runtime.Object, name string) reflect.Value {
	return reflect.ValueOf(o).Elem().FieldByName(name)
}

func keep(changed, old runtime.Object, name string) {
	if f := fieldOf(changed, name); f.IsValid() {
		f.Set(fieldOf(old, name))
	}
}

func with(labels map[string]string, key, value string) map[string]string {
	if labels == nil {
		labels = map[string]string{}
	}
	labels[key] = value
	return labels
}
