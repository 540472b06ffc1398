package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/endpointslice"
	"k8s.io/endpointslice/util"
	"k8s.io/klog/v2"
)

const sliceManager = "endpointslice-controller.k8s.io"

// sliceKeeper keeps EndpointSlices by Kubernetes' own reconciler.
type sliceKeeper struct {
	*controllers
	reconciler *endpointslice.Reconciler
}

func newSlices(c *controllers) *sliceKeeper {
	nodes := c.informers.Core().V1().Nodes().Lister()
	return &sliceKeeper{c, endpointslice.NewReconciler(c.client, nodes, 100, util.NewEndpointSliceTracker(), nil, c.events, sliceManager)}
}

func (s *sliceKeeper) service(ctx context.Context, t task) error {
	service, err := s.client.CoreV1().Services(t.ns).Get(ctx, t.name, metav1.GetOptions{})
	if err != nil {
		return ignoreMissing(err)
	}
	if service.DeletionTimestamp != nil || len(service.Spec.Selector) == 0 || service.Spec.Type == corev1.ServiceTypeExternalName {
		return nil
	}
	selector := labels.SelectorFromSet(service.Spec.Selector).String()
	pods, err := s.client.CoreV1().Pods(t.ns).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return err
	}
	mine := fmt.Sprintf("%s=%s,%s=%s", discoveryv1.LabelServiceName, t.name, discoveryv1.LabelManagedBy, sliceManager)
	there, err := s.client.DiscoveryV1().EndpointSlices(t.ns).List(ctx, metav1.ListOptions{LabelSelector: mine})
	if err != nil {
		return err
	}
	return s.reconciler.Reconcile(klog.Background(), service, pointers(pods.Items), pointers(there.Items), time.Now())
}
