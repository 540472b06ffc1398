package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"
)

const kubernetesAddress = "10.96.0.1" // the first of serviceRange, as everywhere

// begin makes what every cluster has, and starts the controllers.
func (w *wiring) begin(hook context.Context, o *options, roots string) error {
	there, err := w.client.CoreV1().Services("").List(hook, metav1.ListOptions{})
	if err != nil {
		return err
	}
	w.addresses.seed(there.Items)
	for _, name := range []string{"default", "kube-system", "kube-public", "kube-node-lease"} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if _, err := w.client.CoreV1().Namespaces().Create(hook, ns, metav1.CreateOptions{}); ignoreExisting(err) != nil {
			return err
		}
	}
	if err := makeRoles(hook, w.client); err != nil {
		return err
	}
	cidr := &networkingv1.ServiceCIDR{ObjectMeta: metav1.ObjectMeta{Name: "kubernetes"}, Spec: networkingv1.ServiceCIDRSpec{CIDRs: []string{serviceRange.String()}}}
	if _, err := w.client.NetworkingV1().ServiceCIDRs().Create(hook, cidr, metav1.CreateOptions{}); ignoreExisting(err) != nil {
		return err
	}
	if err := w.makeService(hook, o); err != nil {
		return err
	}
	c := newControllers(w.client, w.dynamic, w.config.SharedInformerFactory, w.recorder(hook), roots)
	w.config.SharedInformerFactory.Start(hook.Done())
	go c.run(hook)
	return nil
}

func (w *wiring) recorder(ctx context.Context) record.EventRecorder {
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	broadcaster.StartRecordingToSink(&typedcore.EventSinkImpl{Interface: w.client.CoreV1().Events("")})
	return broadcaster.NewRecorder(clientscheme.Scheme, corev1.EventSource{Component: "apiserver"})
}

// makeService gives pods the server as Service `kubernetes`.
func (w *wiring) makeService(ctx context.Context, o *options) error {
	name, https, port, tcp := "kubernetes", "https", int32(o.port), corev1.ProtocolTCP
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.ServiceSpec{ClusterIP: kubernetesAddress,
		Ports: []corev1.ServicePort{{Name: https, Port: 443}}}}
	if _, err := w.client.CoreV1().Services("default").Create(ctx, s, metav1.CreateOptions{}); err != nil {
		if _, getErr := w.client.CoreV1().Services("default").Get(ctx, name, metav1.GetOptions{}); getErr != nil {
			return err
		}
	}
	slices := w.client.DiscoveryV1().EndpointSlices("default")
	if err := slices.Delete(ctx, name, metav1.DeleteOptions{}); ignoreMissing(err) != nil {
		return err
	}
	slice := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: name}},
		AddressType: discoveryv1.AddressTypeIPv4, Endpoints: []discoveryv1.Endpoint{{Addresses: []string{o.advertised().String()}}},
		Ports: []discoveryv1.EndpointPort{{Name: &https, Port: &port, Protocol: &tcp}}}
	_, err := slices.Create(ctx, slice, metav1.CreateOptions{})
	return err
}
