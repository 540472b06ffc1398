package main

import (
	"context"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/kubernetes"
	rbaclisters "k8s.io/client-go/listers/rbac/v1"
	"k8s.io/component-helpers/auth/rbac/validation"
)

// rules authorizes by roles and bindings. How a rule compares with a request is decided by Kubernetes' own comparison.
type rules struct {
	roles           rbaclisters.RoleLister
	bindings        rbaclisters.RoleBindingLister
	clusterRoles    rbaclisters.ClusterRoleLister
	clusterBindings rbaclisters.ClusterRoleBindingLister
}

func (r *rules) Authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	asked := []rbacv1.PolicyRule{ruleOf(a)}
	granted, err := r.grantedTo(a.GetUser(), a.GetNamespace())
	if ok, _ := validation.Covers(granted, asked); ok {
		return authorizer.DecisionAllow, "", nil
	}
	return authorizer.DecisionNoOpinion, "", err
}

// ruleOf is the smallest rule that would grant the request.
func ruleOf(a authorizer.Attributes) rbacv1.PolicyRule {
	rule := rbacv1.PolicyRule{Verbs: []string{a.GetVerb()}}
	if !a.IsResourceRequest() {
		rule.NonResourceURLs = []string{a.GetPath()}
		return rule
	}
	resource := a.GetResource()
	if a.GetSubresource() != "" {
		resource += "/" + a.GetSubresource()
	}
	rule.APIGroups, rule.Resources = []string{a.GetAPIGroup()}, []string{resource}
	if a.GetName() != "" {
		rule.ResourceNames = []string{a.GetName()}
	}
	return rule
}

func (r *rules) grantedTo(who user.Info, ns string) ([]rbacv1.PolicyRule, error) {
	var granted []rbacv1.PolicyRule
	all, err := r.clusterBindings.List(everything)
	if err != nil {
		return nil, err
	}
	for _, b := range all {
		if isAmong(b.Subjects, who, "") {
			granted = append(granted, r.rulesOf(b.RoleRef, "")...)
		}
	}
	if ns == "" {
		return granted, nil
	}
	own, err := r.bindings.RoleBindings(ns).List(everything)
	for _, b := range own {
		if isAmong(b.Subjects, who, ns) {
			granted = append(granted, r.rulesOf(b.RoleRef, ns)...)
		}
	}
	return granted, err
}

// rulesOf follows a reference; a role that is not there grants nothing.
func (r *rules) rulesOf(ref rbacv1.RoleRef, ns string) []rbacv1.PolicyRule {
	if ref.Kind == "ClusterRole" {
		if role, err := r.clusterRoles.Get(ref.Name); err == nil {
			return role.Rules
		}
		return nil
	}
	if role, err := r.roles.Roles(ns).Get(ref.Name); err == nil {
		return role.Rules
	}
	return nil
}

func isAmong(subjects []rbacv1.Subject, who user.Info, ns string) bool {
	for _, s := range subjects {
		switch s.Kind {
		case rbacv1.UserKind:
			if s.Name == who.GetName() {
				return true
			}
		case rbacv1.GroupKind:
			for _, g := range who.GetGroups() {
				if s.Name == g {
					return true
				}
			}
		case rbacv1.ServiceAccountKind:
			from := s.Namespace
			if from == "" {
				from = ns
			}
			if from != "" && serviceaccount.MatchesUsername(from, s.Name, who.GetName()) {
				return true
			}
		}
	}
	return false
}

// makeRoles makes the roles that every cluster has and these tests meet.
func makeRoles(ctx context.Context, client kubernetes.Interface) error {
	discovery := []string{"/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/livez/*", "/openapi", "/openapi/*", "/readyz", "/readyz/*", "/version", "/version/"}
	for _, r := range []struct {
		name  string
		group string
		rules []rbacv1.PolicyRule
	}{
		{"cluster-admin", user.SystemPrivilegedGroup, []rbacv1.PolicyRule{
			{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}, {Verbs: []string{"*"}, NonResourceURLs: []string{"*"}}}},
		{"system:discovery", user.AllAuthenticated, []rbacv1.PolicyRule{{Verbs: []string{"get"}, NonResourceURLs: discovery}}},
		{"system:public-info-viewer", user.AllUnauthenticated, []rbacv1.PolicyRule{{Verbs: []string{"get"}, NonResourceURLs: []string{"/healthz", "/livez", "/readyz", "/version", "/version/"}}}},
		{"system:basic-user", user.AllAuthenticated, []rbacv1.PolicyRule{{Verbs: []string{"create"}, APIGroups: []string{"authorization.k8s.io"}, Resources: []string{"selfsubjectaccessreviews"}}}},
		{"system:auth-delegator", "", []rbacv1.PolicyRule{
			{Verbs: []string{"create"}, APIGroups: []string{"authentication.k8s.io"}, Resources: []string{"tokenreviews"}},
			{Verbs: []string{"create"}, APIGroups: []string{"authorization.k8s.io"}, Resources: []string{"subjectaccessreviews"}}}},
	} {
		role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: r.name}, Rules: r.rules}
		if _, err := client.RbacV1().ClusterRoles().Create(ctx, role, metav1.CreateOptions{}); ignoreExisting(err) != nil {
			return fmt.Errorf("ClusterRole %s: %w", r.name, err)
		}
		if r.group == "" {
			continue
		}
		binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: r.name},
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: r.name},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: r.group}}}
		if _, err := client.RbacV1().ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{}); ignoreExisting(err) != nil {
			return fmt.Errorf("ClusterRoleBinding %s: %w", r.name, err)
		}
	}
	return nil
}
