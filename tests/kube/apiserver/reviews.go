package main

import (
	"context"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
)

// review is a resource that only answers: POST gives back the object with its status.
type review[T runtime.Object] struct {
	empty      func() T
	singular   string
	namespaced bool
	answer     func(context.Context, T)
}

func (r *review[T]) New() runtime.Object     { return r.empty() }
func (r *review[T]) Destroy()                {}
func (r *review[T]) NamespaceScoped() bool   { return r.namespaced }
func (r *review[T]) GetSingularName() string { return r.singular }

func (r *review[T]) Create(ctx context.Context, o runtime.Object, check rest.ValidateObjectFunc, _ *metav1.CreateOptions) (runtime.Object, error) {
	if err := check(ctx, o); err != nil {
		return nil, err
	}
	r.answer(ctx, o.(T))
	return o, nil
}

func tokenReviews(tokens authenticator.Token) rest.Storage {
	return &review[*authenticationv1.TokenReview]{func() *authenticationv1.TokenReview { return &authenticationv1.TokenReview{} }, "tokenreview", false,
		func(ctx context.Context, o *authenticationv1.TokenReview) {
			asked := authenticator.Audiences(o.Spec.Audiences)
			if len(asked) == 0 {
				asked = authenticator.Audiences{issuer}
			}
			found, ok, err := tokens.AuthenticateToken(authenticator.WithAudiences(ctx, asked), o.Spec.Token)
			o.Status = authenticationv1.TokenReviewStatus{Authenticated: ok}
			if err != nil {
				o.Status.Error = err.Error()
			}
			if !ok {
				return
			}
			o.Status.Audiences = found.Audiences
			o.Status.User = authenticationv1.UserInfo{Username: found.User.GetName(), UID: found.User.GetUID(), Groups: found.User.GetGroups(),
				Extra: map[string]authenticationv1.ExtraValue{}}
			for k, v := range found.User.GetExtra() {
				o.Status.User.Extra[k] = v
			}
		}}
}

func attributesFor(who user.Info, r *authorizationv1.ResourceAttributes, n *authorizationv1.NonResourceAttributes) authorizer.Attributes {
	if r == nil {
		a := authorizer.AttributesRecord{User: who}
		if n != nil {
			a.Verb, a.Path = n.Verb, n.Path
		}
		return a
	}
	return authorizer.AttributesRecord{User: who, Verb: r.Verb, Namespace: r.Namespace, APIGroup: r.Group, APIVersion: r.Version,
		Resource: r.Resource, Subresource: r.Subresource, Name: r.Name, ResourceRequest: true}
}

func decide(ctx context.Context, az authorizer.Authorizer, a authorizer.Attributes) authorizationv1.SubjectAccessReviewStatus {
	decision, reason, err := az.Authorize(ctx, a)
	status := authorizationv1.SubjectAccessReviewStatus{Allowed: decision == authorizer.DecisionAllow, Reason: reason}
	if err != nil {
		status.EvaluationError = err.Error()
	}
	return status
}

func subject(spec *authorizationv1.SubjectAccessReviewSpec) user.Info {
	extra := map[string][]string{}
	for k, v := range spec.Extra {
		extra[k] = v
	}
	return &user.DefaultInfo{Name: spec.User, UID: spec.UID, Groups: spec.Groups, Extra: extra}
}

func accessReviews(az authorizer.Authorizer) map[string]rest.Storage {
	return map[string]rest.Storage{
		"subjectaccessreviews": &review[*authorizationv1.SubjectAccessReview]{func() *authorizationv1.SubjectAccessReview { return &authorizationv1.SubjectAccessReview{} },
			"subjectaccessreview", false, func(ctx context.Context, o *authorizationv1.SubjectAccessReview) {
				o.Status = decide(ctx, az, attributesFor(subject(&o.Spec), o.Spec.ResourceAttributes, o.Spec.NonResourceAttributes))
			}},
		"localsubjectaccessreviews": &review[*authorizationv1.LocalSubjectAccessReview]{func() *authorizationv1.LocalSubjectAccessReview { return &authorizationv1.LocalSubjectAccessReview{} },
			"localsubjectaccessreview", true, func(ctx context.Context, o *authorizationv1.LocalSubjectAccessReview) {
				o.Status = decide(ctx, az, attributesFor(subject(&o.Spec), o.Spec.ResourceAttributes, o.Spec.NonResourceAttributes))
			}},
		"selfsubjectaccessreviews": &review[*authorizationv1.SelfSubjectAccessReview]{func() *authorizationv1.SelfSubjectAccessReview { return &authorizationv1.SelfSubjectAccessReview{} },
			"selfsubjectaccessreview", false, func(ctx context.Context, o *authorizationv1.SelfSubjectAccessReview) {
				who, _ := request.UserFrom(ctx)
				o.Status = decide(ctx, az, attributesFor(who, o.Spec.ResourceAttributes, o.Spec.NonResourceAttributes))
			}},
	}
}
