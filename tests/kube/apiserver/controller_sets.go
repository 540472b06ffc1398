package main

import (
	"context"
	"fmt"
	"reflect"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func failureOf(s *appsv1.ReplicaSet) *appsv1.ReplicaSetCondition {
	for i := range s.Status.Conditions {
		if s.Status.Conditions[i].Type == appsv1.ReplicaSetReplicaFailure {
			return &s.Status.Conditions[i]
		}
	}
	return nil
}

func (c *controllers) replicaSet(ctx context.Context, t task) error {
	s, err := c.client.AppsV1().ReplicaSets(t.ns).Get(ctx, t.name, metav1.GetOptions{})
	if err != nil || s.DeletionTimestamp != nil {
		return ignoreMissing(err)
	}
	all, err := c.podsOf(ctx, s)
	if err != nil {
		return err
	}
	active := all.that(isActive)
	var failed error
	for n := count(active); n < *s.Spec.Replicas && failed == nil; n++ {
		failed = c.createPod(ctx, podFrom(s, apps.WithKind("ReplicaSet"), &s.Spec.Template, ""))
	}
	if more := count(active) - *s.Spec.Replicas; more > 0 {
		failed = c.deletePods(ctx, active.dispensableFirst()[:more])
	}
	if failed != nil {
		c.events.Event(s, corev1.EventTypeWarning, "FailedCreate", "Error creating: "+failed.Error())
	}
	if err := c.replicaSetStatus(ctx, s, active, failed); err != nil {
		return err
	}
	return failed
}

func (c *controllers) replicaSetStatus(ctx context.Context, s *appsv1.ReplicaSet, active pods, failed error) error {
	now := appsv1.ReplicaSetStatus{ObservedGeneration: s.Generation, Replicas: count(active), ReadyReplicas: count(active.that(isReady)), FullyLabeledReplicas: count(active)}
	var again time.Duration
	now.AvailableReplicas, again = active.available(s.Spec.MinReadySeconds)
	if again > 0 {
		c.queue.AddAfter(task{"ReplicaSet", s.Namespace, s.Name}, again)
	}
	if failed != nil {
		now.Conditions = []appsv1.ReplicaSetCondition{{Type: appsv1.ReplicaSetReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: failed.Error(), LastTransitionTime: metav1.Now().Rfc3339Copy()}}
		if was := failureOf(s); was != nil && was.Message == failed.Error() {
			now.Conditions[0].LastTransitionTime = was.LastTransitionTime
		}
	}
	if reflect.DeepEqual(now, s.Status) {
		return nil
	}
	s.Status = now
	_, err := c.client.AppsV1().ReplicaSets(s.Namespace).UpdateStatus(ctx, s, metav1.UpdateOptions{})
	return err
}

func (c *controllers) statefulSet(ctx context.Context, t task) error {
	s, err := c.client.AppsV1().StatefulSets(t.ns).Get(ctx, t.name, metav1.GetOptions{})
	if err != nil || s.DeletionTimestamp != nil {
		return ignoreMissing(err)
	}
	all, err := c.podsOf(ctx, s)
	if err != nil {
		return err
	}
	byName, revision := map[string]*corev1.Pod{}, s.Name+"-"+hashOf(&s.Spec.Template)
	for _, p := range all {
		byName[p.Name] = p
	}
	if err := c.statefulStep(ctx, s, byName, revision); err != nil {
		return err
	}
	return c.statefulStatus(ctx, s, all, revision)
}

// statefulStep fills gaps in order, then removes what is too much, then what is of an old template; ordered sets wait
// for each pod before they go on.
func (c *controllers) statefulStep(ctx context.Context, s *appsv1.StatefulSet, byName map[string]*corev1.Pod, revision string) error {
	ordered := s.Spec.PodManagementPolicy == appsv1.OrderedReadyPodManagement
	first := int32(0)
	if s.Spec.Ordinals != nil {
		first = s.Spec.Ordinals.Start
	}
	wanted := map[string]bool{}
	for n := first; n < first+*s.Spec.Replicas; n++ {
		name := fmt.Sprintf("%s-%d", s.Name, n)
		wanted[name] = true
		p := byName[name]
		if p == nil {
			if err := c.createStateful(ctx, s, n, revision); ignoreExisting(err) != nil {
				return err
			}
		} else if isFinished(p) {
			return c.deletePods(ctx, pods{p})
		}
		if ordered && (p == nil || !isReady(p)) {
			return nil
		}
	}
	for name, p := range byName {
		if wanted[name] {
			continue
		}
		if err := c.deletePods(ctx, pods{p}); err != nil || ordered {
			return err
		}
	}
	if s.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType {
		return nil
	}
	return c.replaceOld(ctx, s, byName, first, revision)
}

func (c *controllers) replaceOld(ctx context.Context, s *appsv1.StatefulSet, byName map[string]*corev1.Pod, first int32, revision string) error {
	from := first
	if r := s.Spec.UpdateStrategy.RollingUpdate; r != nil && r.Partition != nil {
		from = max(from, *r.Partition)
	}
	for n := first + *s.Spec.Replicas - 1; n >= from; n-- {
		p := byName[fmt.Sprintf("%s-%d", s.Name, n)]
		if p == nil || isLeaving(p) {
			return nil
		}
		if p.Labels[appsv1.ControllerRevisionHashLabelKey] != revision {
			return c.deletePods(ctx, pods{p})
		}
		if !isReady(p) {
			return nil
		}
	}
	return nil
}

func (c *controllers) createStateful(ctx context.Context, s *appsv1.StatefulSet, ordinal int32, revision string) error {
	name := fmt.Sprintf("%s-%d", s.Name, ordinal)
	p := podFrom(s, apps.WithKind("StatefulSet"), &s.Spec.Template, name)
	p.Labels = with(p.Labels, appsv1.ControllerRevisionHashLabelKey, revision)
	p.Labels = with(p.Labels, appsv1.StatefulSetPodNameLabel, name)
	p.Labels = with(p.Labels, appsv1.PodIndexLabel, fmt.Sprint(ordinal))
	p.Spec.Hostname, p.Spec.Subdomain = name, s.Spec.ServiceName
	for _, template := range s.Spec.VolumeClaimTemplates {
		claim := template.DeepCopy()
		claim.Name, claim.Namespace = template.Name+"-"+name, s.Namespace
		if _, err := c.client.CoreV1().PersistentVolumeClaims(s.Namespace).Create(ctx, claim, metav1.CreateOptions{}); ignoreExisting(err) != nil {
			return err
		}
		p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: template.Name, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim.Name}}})
	}
	return c.createPod(ctx, p)
}

func (c *controllers) statefulStatus(ctx context.Context, s *appsv1.StatefulSet, all pods, revision string) error {
	active := all.that(isActive)
	updated := count(active.that(func(p *corev1.Pod) bool { return p.Labels[appsv1.ControllerRevisionHashLabelKey] == revision }))
	collisions := int32(0)
	now := appsv1.StatefulSetStatus{ObservedGeneration: s.Generation, Replicas: count(active), ReadyReplicas: count(active.that(isReady)),
		UpdatedReplicas: updated, UpdateRevision: revision, CurrentRevision: s.Status.CurrentRevision, CollisionCount: &collisions}
	now.AvailableReplicas, _ = active.available(s.Spec.MinReadySeconds)
	if now.CurrentRevision == "" || updated == *s.Spec.Replicas && now.ReadyReplicas == updated {
		now.CurrentRevision = revision
	}
	now.CurrentReplicas = count(active.that(func(p *corev1.Pod) bool {
		return p.Labels[appsv1.ControllerRevisionHashLabelKey] == now.CurrentRevision
	}))
	if reflect.DeepEqual(now, s.Status) {
		return nil
	}
	s.Status = now
	_, err := c.client.AppsV1().StatefulSets(s.Namespace).UpdateStatus(ctx, s, metav1.UpdateOptions{})
	return err
}

// daemonSet puts one pod on every node.
func (c *controllers) daemonSet(ctx context.Context, t task) error {
	s, err := c.client.AppsV1().DaemonSets(t.ns).Get(ctx, t.name, metav1.GetOptions{})
	if err != nil || s.DeletionTimestamp != nil {
		return ignoreMissing(err)
	}
	all, err := c.podsOf(ctx, s)
	if err != nil {
		return err
	}
	nodes, err := c.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	hash, byNode := hashOf(&s.Spec.Template), map[string]*corev1.Pod{}
	for _, p := range all {
		byNode[p.Spec.NodeName] = p
	}
	for _, n := range nodes.Items {
		p := byNode[n.Name]
		if p == nil {
			p = podFrom(s, apps.WithKind("DaemonSet"), &s.Spec.Template, "")
			p.Labels = with(p.Labels, appsv1.ControllerRevisionHashLabelKey, hash)
			p.Spec.NodeName = n.Name
			err = c.createPod(ctx, p)
		} else if isFinished(p) || p.Labels[appsv1.ControllerRevisionHashLabelKey] != hash && s.Spec.UpdateStrategy.Type != appsv1.OnDeleteDaemonSetStrategyType {
			err = c.deletePods(ctx, pods{p})
		}
		if err != nil && !errors.IsAlreadyExists(err) {
			return err
		}
	}
	return c.daemonStatus(ctx, s, all.that(isActive), int32(len(nodes.Items)), hash)
}

func (c *controllers) daemonStatus(ctx context.Context, s *appsv1.DaemonSet, active pods, wanted int32, hash string) error {
	now := appsv1.DaemonSetStatus{ObservedGeneration: s.Generation, DesiredNumberScheduled: wanted, CurrentNumberScheduled: count(active), NumberReady: count(active.that(isReady))}
	now.NumberAvailable, _ = active.available(s.Spec.MinReadySeconds)
	now.NumberUnavailable = max(wanted-now.NumberAvailable, 0)
	now.UpdatedNumberScheduled = count(active.that(func(p *corev1.Pod) bool { return p.Labels[appsv1.ControllerRevisionHashLabelKey] == hash }))
	if reflect.DeepEqual(now, s.Status) {
		return nil
	}
	s.Status = now
	_, err := c.client.AppsV1().DaemonSets(s.Namespace).UpdateStatus(ctx, s, metav1.UpdateOptions{})
	return err
}
