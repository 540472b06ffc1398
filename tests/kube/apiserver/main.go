// Command apiserver is a Kubernetes API for tests, made of Kubernetes' published library modules; README.md says what
// is real in it and what is stood in for.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/grpclog"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/klog/v2"
)

type options struct {
	dir, runner string
	port        int
	address     net.IP
	advertise   string
	orphan      bool
	token       string
}

func parse() (*options, error) {
	o := &options{}
	address := flag.String("address", "127.0.0.1", "listen there")
	flag.IntVar(&o.port, "port", 0, "listen there; 0: any that is free")
	flag.StringVar(&o.advertise, "advertise", "", "address at which pods reach the server (default: --address)")
	flag.StringVar(&o.dir, "dir", "", "keep everything there: storage, certificate, keys, kubeconfig")
	flag.StringVar(&o.runner, "runner", "", "the program osm, whose `local` verbs serve logs, exec and port-forward of pods")
	flag.BoolVar(&o.orphan, "orphan", false, "live on when the parent ends")
	flag.Parse()
	if o.address = net.ParseIP(*address); o.address == nil || o.dir == "" || flag.NArg() > 0 {
		return nil, errors.New("usage: apiserver --dir DIR [--address IP] [--port N] [--advertise IP] [--runner OSM] [--orphan]")
	}
	return o, os.MkdirAll(o.dir, 0o700)
}

func (o *options) tokenFile() string { return filepath.Join(o.dir, "tokens.csv") }

func (o *options) advertised() net.IP {
	if ip := net.ParseIP(o.advertise); ip != nil {
		return ip
	}
	return o.address
}

// makeToken makes the administrator's token, the same again after a restart.
func (o *options) makeToken() error {
	path := filepath.Join(o.dir, "admin.token")
	text, err := os.ReadFile(path)
	if err != nil {
		text = []byte(rand.Text())
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		return err
	}
	o.token = string(text)
	return os.WriteFile(o.tokenFile(), fmt.Appendf(nil, "%s,admin,admin,system:masters\n", text), 0o600)
}

func (o *options) writeKubeconfig(roots []byte) (string, error) {
	host := o.address.String()
	if o.address.IsUnspecified() {
		host = "127.0.0.1"
	}
	c := clientcmdapi.NewConfig()
	c.Clusters["test"] = &clientcmdapi.Cluster{Server: fmt.Sprintf("https://%s", net.JoinHostPort(host, fmt.Sprint(o.port))), CertificateAuthorityData: roots}
	c.AuthInfos["admin"] = &clientcmdapi.AuthInfo{Token: o.token}
	c.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "admin"}
	c.CurrentContext = "test"
	path := filepath.Join(o.dir, "kubeconfig")
	return path, clientcmd.WriteToFile(*c, path)
}

// quiet leaves of the libraries' logs what is wrong.
func quiet() {
	klog.SetSlogLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
}

func run() error {
	o, err := parse()
	if err != nil {
		return err
	}
	if !o.orphan {
		if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGTERM), 0, 0, 0); err != nil {
			return err
		}
	}
	debug.SetGCPercent(200)
	quiet()
	if err := o.makeToken(); err != nil {
		return err
	}
	etcd, err := startEtcd(o.dir)
	if err != nil {
		return err
	}
	defer etcd.Close()
	w, server, err := newServer(o, etcd.url)
	if err != nil {
		return err
	}
	roots, err := os.ReadFile(filepath.Join(o.dir, "apiserver.crt"))
	if err != nil {
		return err
	}
	kubeconfig, err := o.writeKubeconfig(roots)
	if err != nil {
		return err
	}
	if err := server.AddPostStartHook("objects-of-every-cluster", func(c genericapiserver.PostStartHookContext) error {
		return w.begin(c, o, string(roots))
	}); err != nil {
		return err
	}
	ctx := genericapiserver.SetupSignalContext()
	go announce(ctx, w.config.LoopbackClientConfig, kubeconfig)
	return server.PrepareRun().RunWithContext(ctx)
}

// announce prints the kubeconfig's path when the server is ready.
func announce(ctx context.Context, config *rest.Config, kubeconfig string) {
	client, err := rest.HTTPClientFor(config)
	for err == nil && ctx.Err() == nil {
		answer, err := client.Get(config.Host + "/readyz")
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == 200 {
				fmt.Println(kubeconfig)
				return
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "apiserver:", err)
		os.Exit(1)
	}
}
