package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/client-go/kubernetes"
)

// issuer is the tokens' issuer and the audience of the API server itself.
const issuer = "https://kubernetes.default.svc.cluster.local"

const leeway = 60 * time.Second // a deleted pod's token is good for so long, as on a real server

// tokens signs and checks the JSON web tokens of service accounts (ES256).
type tokens struct {
	key    *ecdsa.PrivateKey
	client kubernetes.Interface
}

type reference struct {
	Name string `json:"name"`
	UID  string `json:"uid"`
}

type claims struct {
	Audience   []string `json:"aud"`
	Expires    int64    `json:"exp"`
	IssuedAt   int64    `json:"iat"`
	Issuer     string   `json:"iss"`
	ID         string   `json:"jti"`
	NotBefore  int64    `json:"nbf"`
	Subject    string   `json:"sub"`
	Kubernetes struct {
		Namespace string     `json:"namespace"`
		Node      *reference `json:"node,omitempty"`
		Pod       *reference `json:"pod,omitempty"`
		Secret    *reference `json:"secret,omitempty"`
		Account   reference  `json:"serviceaccount"`
	} `json:"kubernetes.io"`
}

// newTokens reads the key from the file, or makes it.
func newTokens(path string) (*tokens, error) {
	text, err := os.ReadFile(path)
	if block, _ := pem.Decode(text); err == nil && block != nil {
		key, err := x509.ParseECPrivateKey(block.Bytes)
		return &tokens{key: key}, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return &tokens{key: key}, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}

var encoding = base64.RawURLEncoding

func (t *tokens) sign(c claims) (string, error) {
	body, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	text := encoding.EncodeToString([]byte(`{"alg":"ES256","typ":"JWT"}`)) + "." + encoding.EncodeToString(body)
	digest := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, t.key, digest[:])
	if err != nil {
		return "", err
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return text + "." + encoding.EncodeToString(signature[:]), nil
}

// parse gives the claims of a token of ours; nil when it is none.
func (t *tokens) parse(token string) *claims {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	signature, err := encoding.DecodeString(parts[2])
	body, err2 := encoding.DecodeString(parts[1])
	if err != nil || err2 != nil || len(signature) != 64 {
		return nil
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	c := &claims{}
	if !ecdsa.Verify(&t.key.PublicKey, digest[:], r, s) || json.NewDecoder(bytes.NewReader(body)).Decode(c) != nil {
		return nil
	}
	return c
}

// AuthenticateToken accepts a token that is ours, in time, for one of the asked audiences, and whose account and pod live.
func (t *tokens) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	c := t.parse(token)
	if c == nil || c.Issuer != issuer {
		return nil, false, nil
	}
	asked, has := authenticator.AudiencesFrom(ctx)
	if !has {
		asked = authenticator.Audiences{issuer}
	}
	fitting := authenticator.Audiences(c.Audience).Intersect(asked)
	if len(fitting) == 0 {
		return nil, false, fmt.Errorf("token audiences %q is invalid for the target audiences %q", c.Audience, []string(asked))
	}
	if now := time.Now().Unix(); now > c.Expires || now < c.NotBefore {
		return nil, false, fmt.Errorf("service account token has expired")
	}
	if err := t.isAlive(ctx, c); err != nil {
		return nil, false, err
	}
	k := c.Kubernetes
	info := serviceaccount.ServiceAccountInfo{Namespace: k.Namespace, Name: k.Account.Name, UID: k.Account.UID, CredentialID: "JTI=" + c.ID}
	if k.Pod != nil {
		info.PodName, info.PodUID = k.Pod.Name, k.Pod.UID
	}
	if k.Node != nil {
		info.NodeName, info.NodeUID = k.Node.Name, k.Node.UID
	}
	return &authenticator.Response{User: info.UserInfo(), Audiences: fitting}, true, nil
}

func (t *tokens) isAlive(ctx context.Context, c *claims) error {
	k, gone := c.Kubernetes, fmt.Errorf("service account token has been invalidated")
	account, err := t.client.CoreV1().ServiceAccounts(k.Namespace).Get(ctx, k.Account.Name, metav1.GetOptions{})
	if err != nil || string(account.UID) != k.Account.UID {
		return gone
	}
	if k.Pod == nil {
		return nil
	}
	pod, err := t.client.CoreV1().Pods(k.Namespace).Get(ctx, k.Pod.Name, metav1.GetOptions{})
	if err != nil || string(pod.UID) != k.Pod.UID || (pod.DeletionTimestamp != nil && time.Since(pod.DeletionTimestamp.Time) > leeway) {
		return gone
	}
	return nil
}

// tokenRequests is serviceaccounts/token.
type tokenRequests struct{ tokens *tokens }

func (r *tokenRequests) New() runtime.Object { return &authenticationv1.TokenRequest{} }
func (r *tokenRequests) Destroy()            {}

func (r *tokenRequests) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return authenticationv1.SchemeGroupVersion.WithKind("TokenRequest")
}

func (r *tokenRequests) Create(ctx context.Context, name string, o runtime.Object, check rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	if err := check(ctx, o); err != nil {
		return nil, err
	}
	asked := o.(*authenticationv1.TokenRequest)
	ns, _ := request.NamespaceFrom(ctx)
	c, err := r.tokens.claimsFor(ctx, ns, name, &asked.Spec)
	if err != nil {
		return nil, err
	}
	asked.Name, asked.Namespace = name, ns
	asked.Spec.Audiences = c.Audience
	asked.Status.ExpirationTimestamp = metav1.Unix(c.Expires, 0)
	asked.Status.Token, err = r.tokens.sign(*c)
	return asked, err
}

func (t *tokens) claimsFor(ctx context.Context, ns, name string, spec *authenticationv1.TokenRequestSpec) (*claims, error) {
	account, err := t.client.CoreV1().ServiceAccounts(ns).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	life := int64(3600)
	if spec.ExpirationSeconds != nil {
		life = *spec.ExpirationSeconds
	}
	if life < 600 {
		return nil, errors.NewBadRequest("spec.expirationSeconds: may not specify a duration less than 10 minutes")
	}
	now := time.Now().Unix()
	c := &claims{Audience: slices.Clone(spec.Audiences), Issuer: issuer, ID: string(uuid.NewUUID()), IssuedAt: now, NotBefore: now,
		Expires: now + life, Subject: serviceaccount.MakeUsername(ns, name)}
	if len(c.Audience) == 0 {
		c.Audience = []string{issuer}
	}
	c.Kubernetes.Namespace, c.Kubernetes.Account = ns, reference{name, string(account.UID)}
	return c, t.bind(ctx, c, spec.BoundObjectRef)
}

// bind ties the claims to a pod, and to its node.
func (t *tokens) bind(ctx context.Context, c *claims, to *authenticationv1.BoundObjectReference) error {
	if to == nil {
		return nil
	}
	if to.Kind != "Pod" {
		return errors.NewBadRequest("this server binds tokens to pods only, not to a " + to.Kind)
	}
	k := &c.Kubernetes
	pod, err := t.client.CoreV1().Pods(k.Namespace).Get(ctx, to.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if to.UID != "" && to.UID != pod.UID {
		return errors.NewConflict(core.WithResource("pods").GroupResource(), to.Name,
			fmt.Errorf("the UID in the bound object reference (%s) does not match the UID in record", to.UID))
	}
	if pod.Spec.ServiceAccountName != k.Account.Name {
		return errors.NewBadRequest("cannot bind token for serviceaccount " + k.Account.Name + " to pod running with different serviceaccount name")
	}
	k.Pod = &reference{pod.Name, string(pod.UID)}
	if node, err := t.client.CoreV1().Nodes().Get(ctx, pod.Spec.NodeName, metav1.GetOptions{}); err == nil && pod.Spec.NodeName != "" {
		k.Node = &reference{node.Name, string(node.UID)}
	}
	return nil
}
