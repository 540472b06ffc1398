package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// namespace gives a living one its default account and the roots, and empties a dying one.
func (c *controllers) namespace(ctx context.Context, t task) error {
	ns, err := c.client.CoreV1().Namespaces().Get(ctx, t.name, metav1.GetOptions{})
	if err != nil {
		return ignoreMissing(err)
	}
	if ns.DeletionTimestamp != nil {
		return c.empty(ctx, ns)
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	if _, err := c.client.CoreV1().ServiceAccounts(ns.Name).Create(ctx, account, metav1.CreateOptions{}); ignoreExisting(err) != nil {
		return err
	}
	roots := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: rootsConfigMap}, Data: map[string]string{"ca.crt": c.roots}}
	_, err = c.client.CoreV1().ConfigMaps(ns.Name).Create(ctx, roots, metav1.CreateOptions{})
	if errors.IsAlreadyExists(err) {
		_, err = c.client.CoreV1().ConfigMaps(ns.Name).Update(ctx, roots, metav1.UpdateOptions{})
	}
	return err
}

// empty deletes everything in the namespace; it comes again until nothing is left.
func (c *controllers) empty(ctx context.Context, ns *corev1.Namespace) error {
	if len(ns.Spec.Finalizers) == 0 {
		return nil
	}
	lists, err := c.client.Discovery().ServerPreferredNamespacedResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return err
	}
	deletable := discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"list", "delete"}}, lists)
	resources, err := discovery.GroupVersionResources(deletable)
	if err != nil {
		return err
	}
	left := 0
	for resource := range resources {
		n, err := c.deleteAll(ctx, resource, ns.Name)
		if err != nil {
			return err
		}
		left += n
	}
	if left > 0 {
		return errors.NewConflict(core.WithResource("namespaces").GroupResource(), ns.Name, nil)
	}
	ns.Spec.Finalizers = nil
	_, err = c.client.CoreV1().Namespaces().Finalize(ctx, ns, metav1.UpdateOptions{})
	return ignoreMissing(err)
}

func (c *controllers) deleteAll(ctx context.Context, resource schema.GroupVersionResource, ns string) (int, error) {
	all, err := c.dynamic.Resource(resource).Namespace(ns).List(ctx, metav1.ListOptions{})
	if errors.IsNotFound(err) || errors.IsMethodNotSupported(err) {
		return 0, nil // the kind has just gone
	}
	if err != nil {
		return 0, err
	}
	for _, o := range all.Items {
		if o.GetDeletionTimestamp() != nil {
			continue
		}
		if err := c.dynamic.Resource(resource).Namespace(ns).Delete(ctx, o.GetName(), metav1.DeleteOptions{}); ignoreMissing(err) != nil {
			return 0, err
		}
	}
	return len(all.Items), nil
}

// owned are the kinds that go with their owner.
var owned = []schema.GroupVersionResource{apps.WithResource("replicasets"), core.WithResource("pods"), batch.WithResource("jobs"),
	{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"}, core.WithResource("secrets"), core.WithResource("configmaps")}

// owner deletes what the object with that uid (the task's name), which is gone, has left behind.
func (c *controllers) owner(ctx context.Context, t task) error {
	for _, resource := range owned {
		all, err := c.dynamic.Resource(resource).Namespace(t.ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, o := range all.Items {
			refs := o.GetOwnerReferences()
			if len(refs) != 1 || string(refs[0].UID) != t.name || o.GetDeletionTimestamp() != nil {
				continue
			}
			if err := c.dynamic.Resource(resource).Namespace(t.ns).Delete(ctx, o.GetName(), metav1.DeleteOptions{}); ignoreMissing(err) != nil {
				return err
			}
		}
	}
	return nil
}
