package main

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var emptySelector = metav1.LabelSelector{}

func defaultWebhook(failure **admissionregistrationv1.FailurePolicyType, match **admissionregistrationv1.MatchPolicyType,
	timeout **int32, client *admissionregistrationv1.WebhookClientConfig, rules []admissionregistrationv1.RuleWithOperations) {
	set(failure, admissionregistrationv1.Fail)
	set(match, admissionregistrationv1.Equivalent)
	set(timeout, 10)
	if client.Service != nil {
		set(&client.Service.Port, 443)
	}
	for i := range rules {
		set(&rules[i].Scope, admissionregistrationv1.AllScopes)
	}
}

func defaultMatch(m *admissionregistrationv1.MatchResources) {
	set(&m.MatchPolicy, admissionregistrationv1.Equivalent)
	set(&m.NamespaceSelector, emptySelector)
	set(&m.ObjectSelector, emptySelector)
	for _, rules := range [][]admissionregistrationv1.NamedRuleWithOperations{m.ResourceRules, m.ExcludeResourceRules} {
		for i := range rules {
			set(&rules[i].Scope, admissionregistrationv1.AllScopes)
		}
	}
}
