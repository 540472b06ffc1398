package main

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
)

// change reads, changes and writes one object, again when somebody else was faster.
func change(ctx context.Context, store *genericregistry.Store, name string, dryRun []string, fn func(runtime.Object) error) (runtime.Object, error) {
	info := rest.DefaultUpdatedObjectInfo(nil, func(_ context.Context, _, old runtime.Object) (runtime.Object, error) {
		o := old.DeepCopyObject()
		return o, fn(o)
	})
	unchecked := *store
	unchecked.UpdateStrategy = bare{store.UpdateStrategy}
	o, _, err := unchecked.Update(ctx, name, info, rest.ValidateAllObjectFunc, rest.ValidateAllObjectUpdateFunc, false, &metav1.UpdateOptions{DryRun: dryRun})
	return o, err
}

// bare lets the server itself change what clients may not.
type bare struct{ rest.RESTUpdateStrategy }

func (bare) PrepareForUpdate(_ context.Context, o, old runtime.Object) { countGeneration(o, old) }
func (bare) ValidateUpdate(context.Context, runtime.Object, runtime.Object) field.ErrorList {
	return nil
}

// binding puts a pod on a node.
type binding struct{ store *genericregistry.Store }

func (b *binding) New() runtime.Object { return &corev1.Binding{} }
func (b *binding) Destroy()            {}

func (b *binding) Create(ctx context.Context, name string, o runtime.Object, check rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	if err := check(ctx, o); err != nil {
		return nil, err
	}
	_, err := change(ctx, b.store, name, options.DryRun, func(pod runtime.Object) error {
		p := pod.(*corev1.Pod)
		if p.Spec.NodeName != "" {
			return errors.NewConflict(core.WithResource("pods/binding").GroupResource(), name,
				fmt.Errorf("pod %s is already assigned to node %q", name, p.Spec.NodeName))
		}
		p.Spec.NodeName = o.(*corev1.Binding).Target.Name
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.PodScheduled,
			Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()})
		return nil
	})
	return &metav1.Status{Status: metav1.StatusSuccess}, err
}

// eviction deletes a pod; disruption budgets are not counted.
type eviction struct{ store *genericregistry.Store }

func (e *eviction) New() runtime.Object { return &policyv1.Eviction{} }
func (e *eviction) Destroy()            {}

func (e *eviction) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return policyv1.SchemeGroupVersion.WithKind("Eviction")
}

func (e *eviction) Create(ctx context.Context, name string, o runtime.Object, check rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	if err := check(ctx, o); err != nil {
		return nil, err
	}
	how := o.(*policyv1.Eviction).DeleteOptions
	if how == nil {
		how = &metav1.DeleteOptions{DryRun: options.DryRun}
	}
	_, _, err := e.store.Delete(ctx, name, rest.ValidateAllObjectFunc, how)
	return &metav1.Status{Status: metav1.StatusSuccess}, err
}

// scales is spec.replicas of a workload as an object of its own.
type scales struct{ store *genericregistry.Store }

func (s *scales) New() runtime.Object { return &autoscalingv1.Scale{} }
func (s *scales) Destroy()            {}

func (s *scales) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return autoscalingv1.SchemeGroupVersion.WithKind("Scale")
}

func (s *scales) Get(ctx context.Context, name string, o *metav1.GetOptions) (runtime.Object, error) {
	found, err := s.store.Get(ctx, name, o)
	if err != nil {
		return nil, err
	}
	return scaleOf(found)
}

func (s *scales) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, _ rest.ValidateObjectFunc,
	_ rest.ValidateObjectUpdateFunc, _ bool, options *metav1.UpdateOptions) (runtime.Object, bool, error) {
	changed, err := change(ctx, s.store, name, options.DryRun, func(o runtime.Object) error {
		scale, err := scaleOf(o)
		if err != nil {
			return err
		}
		wanted, err := info.UpdatedObject(ctx, scale)
		if err != nil {
			return err
		}
		replicas := wanted.(*autoscalingv1.Scale).Spec.Replicas
		*replicasOf(o) = &replicas
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	scale, err := scaleOf(changed)
	return scale, false, err
}

func replicasOf(o runtime.Object) **int32 {
	switch o := o.(type) {
	case *appsv1.Deployment:
		return &o.Spec.Replicas
	case *appsv1.ReplicaSet:
		return &o.Spec.Replicas
	case *appsv1.StatefulSet:
		return &o.Spec.Replicas
	}
	panic(fmt.Sprintf("%T has no replicas", o))
}

func scaleOf(o runtime.Object) (*autoscalingv1.Scale, error) {
	m, err := meta.Accessor(o)
	if err != nil {
		return nil, err
	}
	scale := &autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Name: m.GetName(), Namespace: m.GetNamespace(), UID: m.GetUID(),
		ResourceVersion: m.GetResourceVersion(), CreationTimestamp: m.GetCreationTimestamp()}}
	scale.Spec.Replicas = **replicasOf(o)
	var selector *metav1.LabelSelector
	switch o := o.(type) {
	case *appsv1.Deployment:
		scale.Status.Replicas, selector = o.Status.Replicas, o.Spec.Selector
	case *appsv1.ReplicaSet:
		scale.Status.Replicas, selector = o.Status.Replicas, o.Spec.Selector
	case *appsv1.StatefulSet:
		scale.Status.Replicas, selector = o.Status.Replicas, o.Spec.Selector
	}
	scale.Status.Selector = metav1.FormatLabelSelector(selector)
	return scale, nil
}
