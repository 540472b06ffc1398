package main

import (
	"context"
	"fmt"
	"net/netip"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"
)

// serviceRange is that of the local platform, which is the node of these tests.
var serviceRange = netip.MustParsePrefix("10.96.0.0/12")

// addresses knows which Service addresses are taken.
type addresses struct {
	mutex sync.Mutex
	taken map[netip.Addr]bool
	last  netip.Addr
}

func newAddresses() *addresses {
	return &addresses{taken: map[netip.Addr]bool{}, last: serviceRange.Addr()}
}

// take takes the wanted address, or the next free one when wanted is empty.
func (a *addresses) take(wanted string) (string, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if wanted != "" {
		ip, err := netip.ParseAddr(wanted)
		if err != nil || !serviceRange.Contains(ip) {
			return "", fmt.Errorf("spec.clusterIPs: Invalid value: %q: must be an address of %s", wanted, serviceRange)
		}
		if a.taken[ip] {
			return "", fmt.Errorf("spec.clusterIPs: Invalid value: %q: provided IP is already allocated", wanted)
		}
		a.taken[ip] = true
		return wanted, nil
	}
	for ip := a.last.Next(); serviceRange.Contains(ip); ip = ip.Next() {
		if !a.taken[ip] {
			a.taken[ip], a.last = true, ip
			return ip.String(), nil
		}
	}
	return "", fmt.Errorf("no address of %s is free", serviceRange)
}

func (a *addresses) release(ip string) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if parsed, err := netip.ParseAddr(ip); err == nil {
		delete(a.taken, parsed)
	}
}

// services gives every Service that wants one an address for its life.
type services struct {
	objects
	addresses *addresses
}

func wantsAddress(s *corev1.Service) bool {
	return s.Spec.Type != corev1.ServiceTypeExternalName && s.Spec.ClusterIP != corev1.ClusterIPNone
}

func (s *services) Create(ctx context.Context, o runtime.Object, check rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	service := o.(*corev1.Service)
	if service.Spec.ClusterIP == "" && len(service.Spec.ClusterIPs) > 0 {
		service.Spec.ClusterIP = service.Spec.ClusterIPs[0]
	}
	isNew := wantsAddress(service)
	if isNew {
		ip, err := s.addresses.take(service.Spec.ClusterIP)
		if err != nil {
			return nil, errors.NewBadRequest(err.Error())
		}
		service.Spec.ClusterIP = ip
	}
	complete(service)
	created, err := s.Store.Create(ctx, o, check, options)
	if isNew && (err != nil || len(options.DryRun) > 0) {
		s.addresses.release(service.Spec.ClusterIP)
	}
	return created, err
}

func complete(s *corev1.Service) {
	if s.Spec.Type == corev1.ServiceTypeExternalName {
		return
	}
	single := corev1.IPFamilyPolicySingleStack
	s.Spec.ClusterIPs, s.Spec.IPFamilies, s.Spec.IPFamilyPolicy = []string{s.Spec.ClusterIP}, []corev1.IPFamily{corev1.IPv4Protocol}, &single
	within := corev1.ServiceInternalTrafficPolicyCluster
	s.Spec.InternalTrafficPolicy = &within
}

func (s *services) Delete(ctx context.Context, name string, check rest.ValidateObjectFunc, options *metav1.DeleteOptions) (runtime.Object, bool, error) {
	found, err := s.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, false, err
	}
	o, gone, err := s.Store.Delete(ctx, name, check, options)
	if err == nil && gone && len(options.DryRun) == 0 {
		s.addresses.release(found.(*corev1.Service).Spec.ClusterIP)
	}
	return o, gone, err
}

// DeleteCollection would bypass Delete.
func (s *services) DeleteCollection() {}

// keepAddress: an update that does not name the address means the old one.
func keepAddress(s, old *corev1.Service) {
	if s.Spec.ClusterIP == "" && wantsAddress(s) {
		s.Spec.ClusterIP = old.Spec.ClusterIP
	}
	if wantsAddress(s) || s.Spec.ClusterIP == corev1.ClusterIPNone {
		complete(s)
	}
}

// seed takes the addresses of Services from before a restart.
func (a *addresses) seed(services []corev1.Service) {
	for i := range services {
		if ip := services[i].Spec.ClusterIP; wantsAddress(&services[i]) && ip != "" {
			_, _ = a.take(ip)
		}
	}
}
