package main

import (
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
)

var (
	scheme = runtime.NewScheme()
	codecs = serializer.NewCodecFactory(scheme)
)

// answers are kinds that are answered at once and stored nowhere; the storage asks for them all the same.
var answers = map[schema.GroupVersion][]runtime.Object{
	authenticationv1.SchemeGroupVersion: {&authenticationv1.TokenReview{}, &authenticationv1.TokenRequest{}},
	authorizationv1.SchemeGroupVersion: {&authorizationv1.SubjectAccessReview{}, &authorizationv1.SelfSubjectAccessReview{},
		&authorizationv1.LocalSubjectAccessReview{}},
	autoscalingv1.SchemeGroupVersion: {&autoscalingv1.Scale{}},
	policyv1.SchemeGroupVersion:      {&policyv1.Eviction{}},
	corev1.SchemeGroupVersion:        {&corev1.Binding{}},
}

func buildScheme() error {
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme,
		discoveryv1.AddToScheme, coordinationv1.AddToScheme, policyv1.AddToScheme, autoscalingv1.AddToScheme,
		autoscalingv2.AddToScheme, networkingv1.AddToScheme, rbacv1.AddToScheme, admissionregistrationv1.AddToScheme,
		authenticationv1.AddToScheme, authorizationv1.AddToScheme} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	for _, k := range kinds {
		hub(k.version.Group, k.object, k.list)
		if err := scheme.SetVersionPriority(k.version); err != nil {
			return err
		}
		if err := scheme.AddFieldLabelConversionFunc(k.gvk(), fieldLabel); err != nil {
			return err
		}
	}
	for version, objects := range answers {
		hub(version.Group, objects...)
	}
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	addDefaults(scheme)
	return addEvents(scheme)
}

// hub registers a type under the version that the generic storage converts to: here it is the same type, so that
// Kubernetes' unpublished internal types are not needed.
func hub(group string, objects ...runtime.Object) {
	scheme.AddKnownTypes(schema.GroupVersion{Group: group, Version: runtime.APIVersionInternal}, objects...)
}

// Field selectors: name and namespace everywhere, the rest where an object has it.
func fieldLabel(label, value string) (string, string, error) {
	switch label {
	case "metadata.name", "metadata.namespace", "spec.nodeName", "status.phase", "spec.serviceAccountName",
		"involvedObject.name", "involvedObject.namespace", "involvedObject.kind", "involvedObject.uid", "reason", "type":
		return label, value, nil
	}
	return "", "", fmt.Errorf("field label not supported: %s", label)
}

func attributes(o runtime.Object) (labels.Set, fields.Set, error) {
	m, err := meta.Accessor(o)
	if err != nil {
		return nil, nil, err
	}
	f := fields.Set{"metadata.name": m.GetName(), "metadata.namespace": m.GetNamespace()}
	switch o := o.(type) {
	case *corev1.Pod:
		f["spec.nodeName"], f["status.phase"] = o.Spec.NodeName, string(o.Status.Phase)
		f["spec.serviceAccountName"] = o.Spec.ServiceAccountName
	case *corev1.Namespace:
		f["status.phase"] = string(o.Status.Phase)
	case *corev1.Event:
		f["involvedObject.name"], f["involvedObject.namespace"] = o.InvolvedObject.Name, o.InvolvedObject.Namespace
		f["involvedObject.kind"], f["involvedObject.uid"] = o.InvolvedObject.Kind, string(o.InvolvedObject.UID)
		f["reason"], f["type"] = o.Reason, o.Type
	}
	return m.GetLabels(), f, nil
}
