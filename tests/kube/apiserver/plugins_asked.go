package main

import (
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
)

// asked is one request as the pod security library wants to see it.
type asked struct{ a admission.Attributes }

func (x asked) GetName() string                          { return x.a.GetName() }
func (x asked) GetNamespace() string                     { return x.a.GetNamespace() }
func (x asked) GetResource() schema.GroupVersionResource { return x.a.GetResource() }
func (x asked) GetKind() schema.GroupVersionKind         { return x.a.GetKind() }
func (x asked) GetSubresource() string                   { return x.a.GetSubresource() }
func (x asked) GetOperation() admissionv1.Operation      { return admissionv1.Operation(x.a.GetOperation()) }
func (x asked) GetObject() (runtime.Object, error)       { return x.a.GetObject(), nil }
func (x asked) GetOldObject() (runtime.Object, error)    { return x.a.GetOldObject(), nil }
func (x asked) GetUserName() string                      { return x.a.GetUserInfo().GetName() }
