package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	remotecommandconsts "k8s.io/apimachinery/pkg/util/remotecommand"
	client "k8s.io/client-go/tools/remotecommand"
	"k8s.io/kubelet/pkg/cri/streaming/portforward"
	"k8s.io/kubelet/pkg/cri/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

// runner is the node's end of logs, exec and port-forward: the streaming library of Kubernetes' own node, in front of
// `RUNNER local logs|exec|port-forward`.
type runner struct{ program string }

const idle = 4 * time.Hour

// startRunner listens on loopback below a path that only this process knows.
func startRunner(program string) (*url.URL, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	secret := rand.Text()
	r := &runner{program}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /"+secret+"/log/{ns}/{pod}", r.log)
	mux.HandleFunc("/"+secret+"/exec/{ns}/{pod}", r.exec)
	mux.HandleFunc("/"+secret+"/portforward/{ns}/{pod}", r.forward)
	go func() { _ = http.Serve(listener, mux) }()
	return &url.URL{Scheme: "http", Host: listener.Addr().String(), Path: "/" + secret}, nil
}

func (r *runner) command(ctx context.Context, verb, pod string, more ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, r.program, append([]string{"local", verb, pod}, more...)...)
	cmd.WaitDelay = time.Second
	return cmd
}

func podOf(req *http.Request) string { return req.PathValue("ns") + "/" + req.PathValue("pod") }

func (r *runner) log(w http.ResponseWriter, req *http.Request) {
	q := req.URL.Query()
	var complaint bytes.Buffer
	cmd := r.command(req.Context(), "logs", podOf(req), "-c", q.Get("container"))
	cmd.Stderr = &complaint
	w.Header().Set("Content-Type", "text/plain")
	lines, err := strconv.Atoi(q.Get("tailLines"))
	switch {
	case asks(q, "follow"):
		cmd.Args = append(cmd.Args, "-f")
		cmd.Stdout = flushing{w, http.NewResponseController(w)}
		err = cmd.Run()
	case err == nil:
		var text []byte
		text, err = cmd.Output()
		_, _ = w.Write(lastLines(text, lines))
	default:
		cmd.Stdout = w
		err = cmd.Run()
	}
	if err != nil && complaint.Len() > 0 {
		http.Error(w, complaint.String(), http.StatusBadRequest)
	}
}

type flushing struct {
	io.Writer
	controller *http.ResponseController
}

func (f flushing) Write(b []byte) (int, error) {
	n, err := f.Writer.Write(b)
	_ = f.controller.Flush()
	return n, err
}

func lastLines(text []byte, n int) []byte {
	at := len(text)
	for seen := 0; at > 0; at-- {
		if text[at-1] == '\n' && at != len(text) {
			if seen++; seen == n {
				break
			}
		}
	}
	if n == 0 {
		at = len(text)
	}
	return text[at:]
}

func execOptions(q url.Values) *remotecommand.Options {
	o := &remotecommand.Options{Stdin: asks(q, "stdin"), Stdout: asks(q, "stdout"), Stderr: asks(q, "stderr"), TTY: asks(q, "tty")}
	if o.TTY {
		o.Stderr = false
	}
	return o
}

func (r *runner) exec(w http.ResponseWriter, req *http.Request) {
	q := req.URL.Query()
	remotecommand.ServeExec(w, req, r, podOf(req), "", q.Get("container"), q["command"], execOptions(q), idle, time.Minute,
		remotecommandconsts.SupportedStreamingProtocols)
}

// ExecInContainer runs the command without a terminal, whatever was asked.
func (r *runner) ExecInContainer(ctx context.Context, pod string, _ types.UID, container string, words []string, in io.Reader, out, errors io.WriteCloser,
	_ bool, _ <-chan client.TerminalSize, _ time.Duration) error {
	cmd := r.command(ctx, "exec", pod, append([]string{"-c", container, "--"}, words...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, errors
	if out == nil {
		cmd.Stdout = nil
	}
	if errors == nil {
		cmd.Stderr = cmd.Stdout
	}
	err := cmd.Run()
	if ended, ok := err.(*exec.ExitError); ok && ended.Exited() {
		return utilexec.CodeExitError{Err: err, Code: ended.ExitCode()}
	}
	return err
}

func (r *runner) forward(w http.ResponseWriter, req *http.Request) {
	options, err := portforward.NewV4Options(req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	portforward.ServePortForward(w, req, r, podOf(req), "", options, idle, time.Minute, portforward.SupportedProtocols)
}

// PortForward lets the runner listen, connects there and carries the bytes.
func (r *runner) PortForward(ctx context.Context, pod string, _ types.UID, port int32, stream io.ReadWriteCloser) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	cmd := r.command(ctx, "port-forward", pod, fmt.Sprintf("0:%d", port))
	cmd.Stderr = os.Stderr
	said, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { stop(); _ = cmd.Wait() }()
	line, _ := bufio.NewReader(said).ReadString('\n')
	address, _, _ := strings.Cut(line, " ")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return fmt.Errorf("the runner does not forward to port %d: %w", port, err)
	}
	defer conn.Close()
	go func() {
		_, _ = io.Copy(conn, stream)
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	_, err = io.Copy(stream, conn)
	return err
}
