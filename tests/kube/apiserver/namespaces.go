package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
)

// namespaces begins the end of a namespace on its first DELETE; the controller empties it and takes its finalizer away.
type namespaces struct{ objects }

func (n *namespaces) Delete(ctx context.Context, name string, check rest.ValidateObjectFunc, options *metav1.DeleteOptions) (runtime.Object, bool, error) {
	found, err := n.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, false, err
	}
	ns := found.(*corev1.Namespace)
	if len(ns.Spec.Finalizers) == 0 {
		return n.Store.Delete(ctx, name, check, options)
	}
	if err := check(ctx, ns); err != nil || ns.DeletionTimestamp != nil {
		return ns, false, err
	}
	key, err := n.KeyFunc(ctx, name)
	if err != nil {
		return nil, false, err
	}
	out := &corev1.Namespace{}
	err = n.Storage.GuaranteedUpdate(ctx, key, out, false, storage.NewUIDPreconditions(string(ns.UID)),
		storage.SimpleUpdate(func(o runtime.Object) (runtime.Object, error) {
			now := metav1.Now()
			ns := o.(*corev1.Namespace)
			if ns.DeletionTimestamp == nil {
				ns.DeletionTimestamp = &now
			}
			ns.Status.Phase = corev1.NamespaceTerminating
			return ns, nil
		}), len(options.DryRun) > 0, nil)
	return out, false, err
}

// DeleteCollection would bypass Delete.
func (n *namespaces) DeleteCollection() {}
