package main

import (
	"context"
	"reflect"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const revisionAnnotation = "deployment.kubernetes.io/revision"

// rollout is a Deployment with its ReplicaSets: the one of its present template, and older ones.
type rollout struct {
	d       *appsv1.Deployment
	current *appsv1.ReplicaSet
	old     []*appsv1.ReplicaSet
}

func (c *controllers) deployment(ctx context.Context, t task) error {
	d, err := c.client.AppsV1().Deployments(t.ns).Get(ctx, t.name, metav1.GetOptions{})
	if err != nil || d.DeletionTimestamp != nil {
		return ignoreMissing(err)
	}
	r, err := c.rolloutOf(ctx, d)
	if err != nil {
		return err
	}
	if !d.Spec.Paused {
		if err := c.advance(ctx, r); err != nil {
			return err
		}
	}
	return c.deploymentStatus(ctx, r)
}

func (c *controllers) rolloutOf(ctx context.Context, d *appsv1.Deployment) (*rollout, error) {
	all, err := c.client.AppsV1().ReplicaSets(d.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	r, hash, revision := &rollout{d: d}, hashOf(&d.Spec.Template), 0
	for _, s := range pointers(all.Items) {
		if !metav1.IsControlledBy(s, d) || s.DeletionTimestamp != nil {
			continue
		}
		if n, _ := strconv.Atoi(s.Annotations[revisionAnnotation]); n > revision {
			revision = n
		}
		if s.Labels[appsv1.DefaultDeploymentUniqueLabelKey] == hash {
			r.current = s
		} else {
			r.old = append(r.old, s)
		}
	}
	if r.current == nil && !d.Spec.Paused {
		r.current, err = c.client.AppsV1().ReplicaSets(d.Namespace).Create(ctx, newReplicaSet(d, hash, revision+1), metav1.CreateOptions{})
	}
	return r, err
}

func newReplicaSet(d *appsv1.Deployment, hash string, revision int) *appsv1.ReplicaSet {
	none, selector, template := int32(0), d.Spec.Selector.DeepCopy(), d.Spec.Template.DeepCopy()
	selector.MatchLabels = with(selector.MatchLabels, appsv1.DefaultDeploymentUniqueLabelKey, hash)
	template.Labels = with(template.Labels, appsv1.DefaultDeploymentUniqueLabelKey, hash)
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: d.Name + "-" + hash, Labels: template.Labels, Annotations: map[string]string{revisionAnnotation: strconv.Itoa(revision)},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(d, apps.WithKind("Deployment"))}},
		Spec: appsv1.ReplicaSetSpec{Replicas: &none, MinReadySeconds: d.Spec.MinReadySeconds, Selector: selector, Template: *template},
	}
}

// advance scales the new set up and the old ones down, as far as the strategy allows at this moment.
func (c *controllers) advance(ctx context.Context, r *rollout) error {
	wanted, oldPods := *r.d.Spec.Replicas, int32(0)
	available := r.current.Status.AvailableReplicas
	for _, s := range r.old {
		oldPods += max(*s.Spec.Replicas, s.Status.Replicas)
		available += s.Status.AvailableReplicas
	}
	surge, unavailable := bounds(r.d)
	target := wanted
	if r.d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
		if oldPods > 0 {
			target = min(*r.current.Spec.Replicas, wanted)
		}
		unavailable = wanted
	} else if oldPods > 0 {
		target = min(wanted, max(wanted+surge-oldPods, *r.current.Spec.Replicas))
	}
	if err := c.scale(ctx, r.current, target); err != nil {
		return err
	}
	spare := max(available-(wanted-unavailable), 0)
	for _, s := range r.old {
		lame := max(*s.Spec.Replicas-s.Status.AvailableReplicas, 0)
		drop := min(*s.Spec.Replicas, lame+spare)
		spare -= max(drop-lame, 0)
		if err := c.scale(ctx, s, *s.Spec.Replicas-drop); err != nil {
			return err
		}
	}
	return nil
}

func bounds(d *appsv1.Deployment) (surge, unavailable int32) {
	rolling := d.Spec.Strategy.RollingUpdate
	if rolling == nil {
		return 0, *d.Spec.Replicas
	}
	s, _ := intstr.GetScaledValueFromIntOrPercent(rolling.MaxSurge, int(*d.Spec.Replicas), true)
	u, _ := intstr.GetScaledValueFromIntOrPercent(rolling.MaxUnavailable, int(*d.Spec.Replicas), false)
	if s == 0 && u == 0 {
		u = 1
	}
	return int32(s), int32(u)
}

func (c *controllers) scale(ctx context.Context, s *appsv1.ReplicaSet, replicas int32) error {
	if *s.Spec.Replicas == replicas {
		return nil
	}
	s.Spec.Replicas = &replicas
	_, err := c.client.AppsV1().ReplicaSets(s.Namespace).Update(ctx, s, metav1.UpdateOptions{})
	return err
}

func (c *controllers) deploymentStatus(ctx context.Context, r *rollout) error {
	was, now := r.d.Status, appsv1.DeploymentStatus{ObservedGeneration: r.d.Generation, Conditions: r.d.Status.Conditions}
	for _, s := range append([]*appsv1.ReplicaSet{r.current}, r.old...) {
		if s == nil {
			continue
		}
		now.Replicas += s.Status.Replicas
		now.ReadyReplicas += s.Status.ReadyReplicas
		now.AvailableReplicas += s.Status.AvailableReplicas
	}
	var failure *appsv1.ReplicaSetCondition
	if r.current != nil {
		now.UpdatedReplicas = r.current.Status.Replicas
		failure = failureOf(r.current)
	}
	wanted := *r.d.Spec.Replicas
	_, unavailable := bounds(r.d)
	now.UnavailableReplicas = max(wanted-now.AvailableReplicas, 0)
	isDone := now.UpdatedReplicas == wanted && now.Replicas == wanted && now.AvailableReplicas == wanted
	setCondition(&now, appsv1.DeploymentAvailable, now.AvailableReplicas >= wanted-unavailable, "MinimumReplicasAvailable", "MinimumReplicasUnavailable", "")
	reason := "ReplicaSetUpdated"
	if isDone {
		reason = "NewReplicaSetAvailable"
	}
	late := c.isLate(r.d, &now, isDone)
	setCondition(&now, appsv1.DeploymentProgressing, !late, reason, "ProgressDeadlineExceeded", "")
	if failure != nil {
		setCondition(&now, appsv1.DeploymentReplicaFailure, true, failure.Reason, "", failure.Message)
	} else {
		dropCondition(&now, appsv1.DeploymentReplicaFailure)
	}
	if reflect.DeepEqual(was, now) {
		return nil
	}
	r.d.Status = now
	_, err := c.client.AppsV1().Deployments(r.d.Namespace).UpdateStatus(ctx, r.d, metav1.UpdateOptions{})
	return err
}

// isLate: nothing has come of it for longer than the deadline.
func (c *controllers) isLate(d *appsv1.Deployment, now *appsv1.DeploymentStatus, isDone bool) bool {
	if isDone || d.Spec.ProgressDeadlineSeconds == nil {
		return false
	}
	limit := time.Duration(*d.Spec.ProgressDeadlineSeconds) * time.Second
	for _, k := range now.Conditions {
		if k.Type == appsv1.DeploymentProgressing && k.Reason != "NewReplicaSetAvailable" {
			if left := limit - time.Since(k.LastUpdateTime.Time); left > 0 {
				c.queue.AddAfter(task{"Deployment", d.Namespace, d.Name}, left)
				return d.Status.UpdatedReplicas == now.UpdatedReplicas && k.Status == corev1.ConditionFalse
			}
			return true
		}
	}
	return false
}

func setCondition(s *appsv1.DeploymentStatus, kind appsv1.DeploymentConditionType, is bool, yes, no, message string) {
	status, reason := corev1.ConditionTrue, yes
	if !is {
		status, reason = corev1.ConditionFalse, no
	}
	next := appsv1.DeploymentCondition{Type: kind, Status: status, Reason: reason, Message: message, LastUpdateTime: metav1.Now().Rfc3339Copy(), LastTransitionTime: metav1.Now().Rfc3339Copy()}
	s.Conditions = append([]appsv1.DeploymentCondition{}, s.Conditions...)
	for i := range s.Conditions {
		k := &s.Conditions[i]
		if k.Type != kind {
			continue
		}
		if k.Status == status && k.Reason == reason && k.Message == message {
			return
		}
		if k.Status == status {
			next.LastTransitionTime = k.LastTransitionTime
		}
		*k = next
		return
	}
	s.Conditions = append(s.Conditions, next)
}

func dropCondition(s *appsv1.DeploymentStatus, kind appsv1.DeploymentConditionType) {
	var left []appsv1.DeploymentCondition
	for _, k := range s.Conditions {
		if k.Type != kind {
			left = append(left, k)
		}
	}
	s.Conditions = left
}
