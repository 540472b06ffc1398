package main

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/httpstream/wsstream"
	utilproxy "k8s.io/apimachinery/pkg/util/proxy"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/util/proxy"
	"k8s.io/client-go/kubernetes"
)

// streams serves logs, exec and port-forward of pods: Kubernetes' own handlers pass the request on to the node's end
// of it, which here is in this process and calls the runner (see runner.go).
type streams struct {
	client func() kubernetes.Interface
	node   *url.URL
}

func (s *streams) subresources() map[string]rest.Storage {
	get := []string{http.MethodGet}
	both := []string{http.MethodGet, http.MethodPost}
	return map[string]rest.Storage{
		"log":         &connection{s, "log", get},
		"exec":        &connection{s, "exec", both},
		"portforward": &connection{s, "portforward", both},
	}
}

type connection struct {
	*streams
	what    string
	methods []string
}

func (c *connection) New() runtime.Object                               { return &corev1.Pod{} }
func (c *connection) Destroy()                                          {}
func (c *connection) ConnectMethods() []string                          { return c.methods }
func (c *connection) NewConnectOptions() (runtime.Object, bool, string) { return nil, false, "" }

func (c *connection) Connect(ctx context.Context, name string, _ runtime.Object, responder rest.Responder) (http.Handler, error) {
	ns, _ := request.NamespaceFrom(ctx)
	pod, err := c.client().CoreV1().Pods(ns).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	if pod.Spec.NodeName == "" {
		return nil, errors.NewBadRequest("pod " + name + " does not have a host assigned")
	}
	if c.node == nil {
		return nil, errors.NewServiceUnavailable("this server has no runner; it was started without --runner")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		container := r.URL.Query().Get("container")
		if container == "" {
			container = mainContainer(pod)
		}
		query := r.URL.Query()
		query.Set("container", container)
		if ports := query["ports"]; len(ports) > 0 { // the node's name for them
			query.Set(corev1.PortHeader, strings.Join(ports, ","))
		}
		to := c.node.JoinPath(c.what, ns, name)
		to.RawQuery = query.Encode()
		c.handler(to, r, responder).ServeHTTP(w, r)
	}), nil
}

func mainContainer(p *corev1.Pod) string {
	if name := p.Annotations["kubectl.kubernetes.io/default-container"]; name != "" {
		return name
	}
	return p.Spec.Containers[0].Name
}

func (c *connection) handler(to *url.URL, r *http.Request, responder rest.Responder) http.Handler {
	onward := utilproxy.NewUpgradeAwareHandler(to, http.DefaultTransport, false, c.what != "log", utilproxy.NewErrorResponder(responder))
	switch c.what {
	case "exec":
		o := execOptions(r.URL.Query())
		translated := proxy.NewStreamTranslatorHandler(to, http.DefaultTransport, 0, proxy.Options{Stdin: o.Stdin, Stdout: o.Stdout, Stderr: o.Stderr, Tty: o.TTY})
		return proxy.NewTranslatingHandler(onward, translated, wsstream.IsWebSocketRequestWithStreamCloseProtocol)
	case "portforward":
		return proxy.NewTranslatingHandler(onward, proxy.NewTunnelingHandler(onward), wsstream.IsWebSocketRequestWithTunnelingProtocol)
	}
	return onward
}

func asks(q url.Values, name string) bool {
	is, _ := strconv.ParseBool(q.Get(name))
	return is
}
