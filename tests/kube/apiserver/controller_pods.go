package main

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"sort"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/rand"
)

// What the workload controllers have in common: the pods that belong to an object, and how one is made of a template.

// pods of one owner, the oldest first.
type pods []*corev1.Pod

func (c *controllers) podsOf(ctx context.Context, owner metav1.Object) (pods, error) {
	all, err := c.client.CoreV1().Pods(owner.GetNamespace()).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	var own pods
	for _, p := range pointers(all.Items) {
		if metav1.IsControlledBy(p, owner) {
			own = append(own, p)
		}
	}
	sort.SliceStable(own, func(i, j int) bool { return own[i].CreationTimestamp.Before(&own[j].CreationTimestamp) })
	return own, nil
}

func (all pods) that(fits func(*corev1.Pod) bool) pods {
	var some pods
	for _, p := range all {
		if fits(p) {
			some = append(some, p)
		}
	}
	return some
}

func isFinished(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}
func isLeaving(p *corev1.Pod) bool { return p.DeletionTimestamp != nil }
func isActive(p *corev1.Pod) bool  { return !isLeaving(p) && !isFinished(p) }

func isReady(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue && isActive(p)
		}
	}
	return false
}

// isAvailable: ready for so many seconds; otherwise also when it may be.
func isAvailable(p *corev1.Pod, seconds int32) (bool, time.Duration) {
	if !isReady(p) {
		return false, 0
	}
	for _, c := range p.Status.Conditions {
		if left := time.Until(c.LastTransitionTime.Add(time.Duration(seconds) * time.Second)); c.Type == corev1.PodReady && left > 0 {
			return false, left
		}
	}
	return true, 0
}

func (all pods) available(seconds int32) (n int32, again time.Duration) {
	for _, p := range all {
		ok, left := isAvailable(p, seconds)
		if ok {
			n++
		}
		again = max(again, left)
	}
	return n, again
}

func count(p pods) int32 { return int32(len(p)) }

// hashOf names a template in labels.
func hashOf(template *corev1.PodTemplateSpec) string {
	text, _ := json.Marshal(template)
	h := fnv.New32a()
	_, _ = h.Write(text)
	return rand.SafeEncodeString(fmt.Sprint(h.Sum32()))
}

// podFrom is the template as a pod of that owner; name empty: one that begins with the owner's.
func podFrom(owner metav1.Object, kind schema.GroupVersionKind, template *corev1.PodTemplateSpec, name string) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: *template.ObjectMeta.DeepCopy(), Spec: *template.Spec.DeepCopy()}
	p.Name, p.Namespace = name, owner.GetNamespace()
	if name == "" {
		p.GenerateName = owner.GetName() + "-"
	}
	p.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(owner, kind)}
	return p
}

func (c *controllers) createPod(ctx context.Context, p *corev1.Pod) error {
	_, err := c.client.CoreV1().Pods(p.Namespace).Create(ctx, p, metav1.CreateOptions{})
	return err
}

func (c *controllers) deletePods(ctx context.Context, all pods) error {
	for _, p := range all {
		if isLeaving(p) {
			continue
		}
		if err := c.client.CoreV1().Pods(p.Namespace).Delete(ctx, p.Name, *metav1.NewPreconditionDeleteOptions(string(p.UID))); ignoreMissing(err) != nil {
			return err
		}
	}
	return nil
}

// dispensableFirst puts the pods that are missed least in front.
func (all pods) dispensableFirst() pods {
	sorted := append(pods{}, all...)
	sort.SliceStable(sorted, func(i, j int) bool {
		if isReady(sorted[i]) != isReady(sorted[j]) {
			return !isReady(sorted[i])
		}
		return sorted[j].CreationTimestamp.Before(&sorted[i].CreationTimestamp)
	})
	return sorted
}
