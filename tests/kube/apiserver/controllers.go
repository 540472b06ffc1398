package main

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

// task is one object that a controller is to look at.
type task struct{ kind, ns, name string }

// controllers call the controller of a kind for every object that changed. A controller reads from the API, not from
// a cache, so that it sees its own writes and needs no record of what it expects.
type controllers struct {
	client    kubernetes.Interface
	dynamic   dynamic.Interface
	informers informers.SharedInformerFactory
	events    record.EventRecorder
	roots     string // PEM of the serving certificate, for pods
	queue     workqueue.TypedRateLimitingInterface[task]
	byKind    map[string]func(context.Context, task) error
}

var everything = labels.Everything()

const workers = 64 // emptying a namespace may wait long for the storage of kinds that have just come: new ones must not wait behind

func newControllers(client kubernetes.Interface, dynamic dynamic.Interface, factory informers.SharedInformerFactory, events record.EventRecorder, roots string) *controllers {
	c := &controllers{client: client, dynamic: dynamic, informers: factory, events: events, roots: roots}
	limits := workqueue.NewTypedItemExponentialFailureRateLimiter[task](20*time.Millisecond, 5*time.Second)
	c.queue = workqueue.NewTypedRateLimitingQueue(limits)
	c.byKind = map[string]func(context.Context, task) error{
		"Namespace": c.namespace, "Deployment": c.deployment, "ReplicaSet": c.replicaSet, "StatefulSet": c.statefulSet,
		"DaemonSet": c.daemonSet, "Job": c.job, "Service": newSlices(c).service, "Owner": c.owner,
	}
	c.watch()
	return c
}

// watch turns changes into tasks.
func (c *controllers) watch() {
	app, bat := c.informers.Apps().V1(), c.informers.Batch().V1()
	for kind, informer := range map[string]cache.SharedIndexInformer{
		"Namespace": c.informers.Core().V1().Namespaces().Informer(), "Deployment": app.Deployments().Informer(),
		"ReplicaSet": app.ReplicaSets().Informer(), "StatefulSet": app.StatefulSets().Informer(),
		"DaemonSet": app.DaemonSets().Informer(), "Job": bat.Jobs().Informer(),
		"Service": c.informers.Core().V1().Services().Informer(), "Pod": c.informers.Core().V1().Pods().Informer(),
		"EndpointSlice": c.informers.Discovery().V1().EndpointSlices().Informer(), "Node": c.informers.Core().V1().Nodes().Informer(),
	} {
		changed := func(o any) { c.changed(kind, o.(metav1.Object)) }
		_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    changed,
			UpdateFunc: func(_, o any) { changed(o) },
			DeleteFunc: func(o any) {
				if unknown, ok := o.(cache.DeletedFinalStateUnknown); ok {
					o = unknown.Obj
				}
				changed(o)
				c.queue.Add(task{"Owner", o.(metav1.Object).GetNamespace(), string(o.(metav1.Object).GetUID())})
			},
		})
	}
}

func (c *controllers) changed(kind string, o metav1.Object) {
	if _, ok := c.byKind[kind]; ok {
		c.queue.Add(task{kind, o.GetNamespace(), o.GetName()})
	}
	if owner := metav1.GetControllerOf(o); owner != nil {
		if _, ok := c.byKind[owner.Kind]; ok {
			c.queue.Add(task{owner.Kind, o.GetNamespace(), owner.Name})
		}
	}
	switch o := o.(type) {
	case *corev1.Pod:
		c.servicesOf(o.Namespace)
	case *corev1.Node:
		c.servicesOf("")
		all, _ := c.informers.Apps().V1().DaemonSets().Lister().List(everything)
		for _, d := range all {
			c.queue.Add(task{"DaemonSet", d.Namespace, d.Name})
		}
	}
}

// servicesOf queues all Services of a namespace (of all, when empty): a pod's old labels are not known any more.
func (c *controllers) servicesOf(ns string) {
	all, _ := c.informers.Core().V1().Services().Lister().Services(ns).List(everything)
	for _, s := range all {
		c.queue.Add(task{"Service", s.Namespace, s.Name})
	}
}

func (c *controllers) run(ctx context.Context) {
	c.informers.WaitForCacheSync(ctx.Done())
	for range workers {
		go func() {
			for c.next(ctx) {
			}
		}()
	}
	<-ctx.Done()
	c.queue.ShutDown()
}

func (c *controllers) next(ctx context.Context) bool {
	t, over := c.queue.Get()
	if over {
		return false
	}
	defer c.queue.Done(t)
	err := c.byKind[t.kind](ctx, t)
	if err == nil {
		c.queue.Forget(t)
		return true
	}
	if !errors.IsConflict(err) && !errors.IsNotFound(err) {
		klog.V(2).InfoS("will be tried again", "kind", t.kind, "object", klog.KRef(t.ns, t.name), "error", err)
	}
	c.queue.AddRateLimited(t)
	return true
}

func ignoreExisting(err error) error {
	if errors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

func ignoreMissing(err error) error {
	if errors.IsNotFound(err) {
		return nil
	}
	return err
}

func pointers[T any](items []T) []*T {
	all := make([]*T, len(items))
	for i := range items {
		all[i] = &items[i]
	}
	return all
}
