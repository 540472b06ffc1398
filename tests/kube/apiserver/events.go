package main

import (
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
)

// Events are one kind under two groups: stored as core/v1, also served as events.k8s.io/v1.

func addEvents(s *runtime.Scheme) error {
	if err := eventsv1.AddToScheme(s); err != nil {
		return err
	}
	hub(eventsv1.GroupName, &corev1.Event{}, &corev1.EventList{})
	for _, add := range []error{
		s.AddConversionFunc((*eventsv1.Event)(nil), (*corev1.Event)(nil), func(a, b any, _ conversion.Scope) error {
			toCore(a.(*eventsv1.Event), b.(*corev1.Event))
			return nil
		}),
		s.AddConversionFunc((*corev1.Event)(nil), (*eventsv1.Event)(nil), func(a, b any, _ conversion.Scope) error {
			fromCore(a.(*corev1.Event), b.(*eventsv1.Event))
			return nil
		}),
		s.AddConversionFunc((*corev1.EventList)(nil), (*eventsv1.EventList)(nil), func(a, b any, _ conversion.Scope) error {
			from, to := a.(*corev1.EventList), b.(*eventsv1.EventList)
			to.ListMeta, to.Items = from.ListMeta, make([]eventsv1.Event, len(from.Items))
			for i := range from.Items {
				fromCore(&from.Items[i], &to.Items[i])
			}
			return nil
		}),
	} {
		if add != nil {
			return add
		}
	}
	return nil
}

func toCore(a *eventsv1.Event, b *corev1.Event) {
	*b = corev1.Event{ObjectMeta: a.ObjectMeta, InvolvedObject: a.Regarding, Reason: a.Reason, Message: a.Note, Source: a.DeprecatedSource,
		FirstTimestamp: a.DeprecatedFirstTimestamp, LastTimestamp: a.DeprecatedLastTimestamp, Count: a.DeprecatedCount, Type: a.Type,
		EventTime: a.EventTime, Action: a.Action, Related: a.Related, ReportingController: a.ReportingController, ReportingInstance: a.ReportingInstance}
	if a.Series != nil {
		b.Series = &corev1.EventSeries{Count: a.Series.Count, LastObservedTime: a.Series.LastObservedTime}
	}
}

func fromCore(a *corev1.Event, b *eventsv1.Event) {
	*b = eventsv1.Event{ObjectMeta: a.ObjectMeta, Regarding: a.InvolvedObject, Reason: a.Reason, Note: a.Message, DeprecatedSource: a.Source,
		DeprecatedFirstTimestamp: a.FirstTimestamp, DeprecatedLastTimestamp: a.LastTimestamp, DeprecatedCount: a.Count, Type: a.Type,
		EventTime: a.EventTime, Action: a.Action, Related: a.Related, ReportingController: a.ReportingController, ReportingInstance: a.ReportingInstance}
	if a.Series != nil {
		b.Series = &eventsv1.EventSeries{Count: a.Series.Count, LastObservedTime: a.Series.LastObservedTime}
	}
}
