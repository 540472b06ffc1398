package main

import (
	"context"
	"reflect"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func jobIs(j *batchv1.Job, kind batchv1.JobConditionType) bool {
	for _, k := range j.Status.Conditions {
		if k.Type == kind && k.Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}

func (c *controllers) job(ctx context.Context, t task) error {
	j, err := c.client.BatchV1().Jobs(t.ns).Get(ctx, t.name, metav1.GetOptions{})
	if err != nil || j.DeletionTimestamp != nil || jobIs(j, batchv1.JobComplete) || jobIs(j, batchv1.JobFailed) {
		return ignoreMissing(err)
	}
	all, err := c.podsOf(ctx, j)
	if err != nil {
		return err
	}
	in := func(phase corev1.PodPhase) func(*corev1.Pod) bool {
		return func(p *corev1.Pod) bool { return p.Status.Phase == phase }
	}
	active, succeeded, failed := all.that(isActive), count(all.that(in(corev1.PodSucceeded))), count(all.that(in(corev1.PodFailed)))
	wanted := *j.Spec.Parallelism
	if j.Spec.Completions != nil {
		wanted = min(wanted, *j.Spec.Completions-succeeded)
	} else if succeeded > 0 {
		wanted = count(active)
	}
	isLost := failed > *j.Spec.BackoffLimit
	isDone := j.Spec.Completions != nil && succeeded >= *j.Spec.Completions || j.Spec.Completions == nil && succeeded > 0 && len(active) == 0
	if isLost {
		err = c.deletePods(ctx, active)
	}
	isSuspended := j.Spec.Suspend != nil && *j.Spec.Suspend
	for n := count(active); n < wanted && err == nil && !isLost && !isDone && !isSuspended; n++ {
		p := podFrom(j, batch.WithKind("Job"), &j.Spec.Template, "")
		p.Labels = with(p.Labels, batchv1.JobNameLabel, j.Name)
		p.Labels = with(p.Labels, "job-name", j.Name)
		err = c.createPod(ctx, p)
	}
	if err != nil {
		return err
	}
	return c.jobStatus(ctx, j, batchv1.JobStatus{Active: count(active), Succeeded: succeeded, Failed: failed}, isDone, isLost)
}

func (c *controllers) jobStatus(ctx context.Context, j *batchv1.Job, now batchv1.JobStatus, isDone, isLost bool) error {
	now.StartTime, now.Conditions, now.CompletionTime = j.Status.StartTime, j.Status.Conditions, j.Status.CompletionTime
	moment := metav1.Now().Rfc3339Copy()
	if now.StartTime == nil {
		now.StartTime = &moment
	}
	end := func(kind batchv1.JobConditionType, reason string) {
		now.Conditions = append(now.Conditions, batchv1.JobCondition{Type: kind, Status: corev1.ConditionTrue, Reason: reason, LastTransitionTime: moment, LastProbeTime: moment})
	}
	if isLost {
		end(batchv1.JobFailed, "BackoffLimitExceeded")
	} else if isDone {
		now.CompletionTime = &moment
		end(batchv1.JobComplete, "CompletionsReached")
	}
	if reflect.DeepEqual(now, j.Status) {
		return nil
	}
	j.Status = now
	_, err := c.client.BatchV1().Jobs(j.Namespace).UpdateStatus(ctx, j, metav1.UpdateOptions{})
	return err
}
