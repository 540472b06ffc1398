package main

import (
	"fmt"
	"net"
	"net/http"
	"time"

	noop "go.opentelemetry.io/otel/trace/noop"
	eventsv1 "k8s.io/api/events/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	crdserver "k8s.io/apiextensions-apiserver/pkg/apiserver"
	crdoptions "k8s.io/apiextensions-apiserver/pkg/cmd/server/options"
	crdopenapi "k8s.io/apiextensions-apiserver/pkg/generated/openapi"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	webhookinit "k8s.io/apiserver/pkg/admission/plugin/webhook/initializer"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/anonymous"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	requestunion "k8s.io/apiserver/pkg/authentication/request/union"
	"k8s.io/apiserver/pkg/authentication/token/tokenfile"
	tokenunion "k8s.io/apiserver/pkg/authentication/token/union"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/authorization/union"
	discoveryendpoint "k8s.io/apiserver/pkg/endpoints/discovery/aggregated"
	openapinamer "k8s.io/apiserver/pkg/endpoints/openapi"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/apiserver/pkg/util/openapi"
	"k8s.io/apiserver/pkg/util/proxy"
	"k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/component-base/compatibility"
	aggregator "k8s.io/kube-aggregator/pkg/apiserver"
	"k8s.io/kube-openapi/pkg/common"

	"apiserver/models"
)

const kubernetesVersion = "1.34"

// wiring is the server while it is put together.
type wiring struct {
	config    *genericapiserver.RecommendedConfig
	etcd      *genericoptions.EtcdOptions
	client    kubernetes.Interface
	dynamic   dynamic.Interface
	resolver  webhook.ServiceResolver
	auth      webhook.AuthenticationInfoResolverWrapper
	tokens    *tokens
	known     authenticator.Token
	addresses *addresses
	streams   *streams
}

// newServer gives a server that is ready to run; storage answers at etcdURL.
func newServer(o *options, etcdURL string) (*wiring, *genericapiserver.GenericAPIServer, error) {
	w := &wiring{addresses: newAddresses(), streams: &streams{}}
	get := func() kubernetes.Interface { return w.client }
	w.streams.client = get
	steps := []func() error{
		buildScheme,
		func() error { return w.storage(etcdURL) },
		func() error { return w.serving(o) },
		func() error { return w.authentication(o) },
		w.clients,
		w.authorization,
		func() error { return w.admission(get) },
		func() (err error) {
			if o.runner != "" {
				w.streams.node, err = startRunner(o.runner)
			}
			return err
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, nil, err
		}
	}
	server, err := w.assemble()
	return w, server, err
}

func (w *wiring) storage(etcdURL string) error {
	var versions schema.GroupVersions
	for _, k := range kinds {
		versions = append(versions, k.version)
	}
	protobuf, _ := runtime.SerializerInfoForMediaType(codecs.SupportedMediaTypes(), runtime.ContentTypeProtobuf)
	codec := codecs.CodecForVersions(protobuf.Serializer, codecs.UniversalDeserializer(), versions, runtime.InternalGroupVersioner)
	w.etcd = genericoptions.NewEtcdOptions(storagebackend.NewDefaultConfig("/registry", codec))
	w.etcd.StorageConfig.Transport.ServerList = []string{etcdURL}
	w.config = genericapiserver.NewRecommendedConfig(codecs)
	w.config.EffectiveVersion = compatibility.NewEffectiveVersionFromString(kubernetesVersion, "", "")
	w.config.FeatureGate = utilfeature.DefaultFeatureGate
	w.config.AggregatedDiscoveryGroupManager = discoveryendpoint.NewResourceManager("apis")
	return w.etcd.ApplyTo(&w.config.Config)
}

func (w *wiring) serving(o *options) error {
	s := genericoptions.NewSecureServingOptions().WithLoopback()
	s.BindAddress, s.BindPort = o.address, o.port
	listener, err := net.Listen("tcp", net.JoinHostPort(o.address.String(), fmt.Sprint(o.port)))
	if err != nil {
		return err
	}
	s.Listener, o.port = listener, listener.Addr().(*net.TCPAddr).Port
	s.BindPort = o.port
	s.ServerCert.CertDirectory, s.ServerCert.PairName = o.dir, "apiserver"
	names := []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}
	ips := []net.IP{net.ParseIP("127.0.0.1"), o.advertised(), net.ParseIP(kubernetesAddress)}
	if err := s.MaybeDefaultWithSelfSignedCerts("localhost", names, ips); err != nil {
		return err
	}
	schemes := schemesOf()
	definitions := openapi.GetOpenAPIDefinitionsWithoutDisabledFeatures(func(ref common.ReferenceCallback) map[string]common.OpenAPIDefinition {
		all := crdopenapi.GetOpenAPIDefinitions(ref)
		for name, d := range models.GetOpenAPIDefinitions(ref) {
			all[name] = d
		}
		return all
	})
	namer := openapinamer.NewDefinitionNamer(schemes...)
	w.config.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(definitions, namer)
	w.config.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(definitions, namer)
	w.config.LongRunningFunc = func(r *http.Request, i *request.RequestInfo) bool {
		return i.Verb == "watch" || i.Subresource == "log" || i.Subresource == "exec" || i.Subresource == "portforward"
	}
	return s.ApplyTo(&w.config.SecureServing, &w.config.LoopbackClientConfig)
}

func schemesOf() []*runtime.Scheme {
	return []*runtime.Scheme{scheme, crdserver.Scheme, clientscheme.Scheme}
}

// authentication: the administrator's token, tokens of service accounts, or nobody.
func (w *wiring) authentication(o *options) error {
	file, err := tokenfile.NewCSV(o.tokenFile())
	if err != nil {
		return err
	}
	w.tokens, err = newTokens(o.dir + "/service-account.key")
	if err != nil {
		return err
	}
	w.known = tokenunion.New(authenticator.WrapAudienceAgnosticToken(authenticator.Audiences{issuer}, file), w.tokens)
	known := group.NewAuthenticatedGroupAdder(bearertoken.New(w.known))
	w.config.Authentication.APIAudiences = authenticator.Audiences{issuer}
	w.config.Authentication.Authenticator = requestunion.New(known, anonymous.NewAuthenticator(nil))
	return nil
}

func (w *wiring) clients() (err error) {
	loopback := w.config.LoopbackClientConfig
	loopback.QPS, loopback.Burst = -1, -1
	untyped := *loopback
	typed := *loopback
	typed.ContentType = runtime.ContentTypeProtobuf
	w.config.ClientConfig = loopback
	if w.client, err = kubernetes.NewForConfig(&typed); err != nil {
		return err
	}
	w.tokens.client = w.client
	w.config.SharedInformerFactory = informers.NewSharedInformerFactory(w.client, 10*time.Minute)
	w.dynamic, err = dynamic.NewForConfig(&untyped)
	return err
}

func (w *wiring) authorization() error {
	i := w.config.SharedInformerFactory.Rbac().V1()
	w.config.Authorization.Authorizer = union.New(authorizerfactory.NewPrivilegedGroups(user.SystemPrivilegedGroup),
		&rules{i.Roles().Lister(), i.RoleBindings().Lister(), i.ClusterRoles().Lister(), i.ClusterRoleBindings().Lister()})
	return nil
}

// admission: webhooks are called at the endpoints of their Service, as a server without service routing does it.
func (w *wiring) admission(get func() kubernetes.Interface) error {
	i := w.config.SharedInformerFactory
	endpoints, err := proxy.NewEndpointSliceIndexerGetter(i.Discovery().V1().EndpointSlices())
	if err != nil {
		return err
	}
	w.resolver = aggregator.NewEndpointServiceResolver(i.Core().V1().Services().Lister(), endpoints)
	w.auth = webhook.NewDefaultAuthenticationInfoResolverWrapper(nil, nil, w.config.LoopbackClientConfig, noop.NewTracerProvider())
	o := genericoptions.NewAdmissionOptions()
	registerPlugins(o.Plugins, get)
	o.RecommendedPluginOrder = append([]string{"NamespaceLifecycle", serviceAccountPlugin, podSecurityPlugin}, o.RecommendedPluginOrder[1:]...)
	return o.ApplyTo(&w.config.Config, i, w.client, w.dynamic, utilfeature.DefaultFeatureGate,
		[]admission.PluginInitializer{webhookinit.NewPluginInitializer(w.auth, w.resolver)}...)
}

// assemble puts our kinds in front of the server of custom resources.
func (w *wiring) assemble() (*genericapiserver.GenericAPIServer, error) {
	custom, err := w.customResources()
	if err != nil {
		return nil, err
	}
	server, err := w.config.Complete().New("apiserver", custom)
	if err != nil {
		return nil, err
	}
	groups, order := map[string]*genericapiserver.APIGroupInfo{}, []string{}
	add := func(v schema.GroupVersion, served map[string]rest.Storage) {
		g := groups[v.Group]
		if g == nil {
			info := genericapiserver.NewDefaultAPIGroupInfo(v.Group, scheme, metav1.ParameterCodec, codecs)
			g = &info
			g.VersionedResourcesStorageMap = map[string]map[string]rest.Storage{}
			g.PrioritizedVersions = nil
			groups[v.Group], order = g, append(order, v.Group)
		}
		if g.VersionedResourcesStorageMap[v.Version] == nil {
			g.VersionedResourcesStorageMap[v.Version] = map[string]rest.Storage{}
			g.PrioritizedVersions = append(g.PrioritizedVersions, v)
		}
		for name, s := range served {
			g.VersionedResourcesStorageMap[v.Version][name] = s
		}
	}
	for _, k := range kinds {
		served, err := w.storages(k)
		if err != nil {
			return nil, err
		}
		add(k.version, served)
		if k.plural == "events" {
			add(eventsv1.SchemeGroupVersion, served)
		}
	}
	add(schema.GroupVersion{Group: "authentication.k8s.io", Version: "v1"}, map[string]rest.Storage{"tokenreviews": tokenReviews(w.known)})
	add(schema.GroupVersion{Group: "authorization.k8s.io", Version: "v1"}, accessReviews(w.config.Authorization.Authorizer))
	for _, name := range order {
		if name == "" {
			err = server.InstallLegacyAPIGroup(genericapiserver.DefaultLegacyAPIPrefix, groups[name])
		} else {
			err = server.InstallAPIGroup(groups[name])
		}
		if err != nil {
			return nil, fmt.Errorf("group %q: %w", name, err)
		}
	}
	return server, nil
}

func (w *wiring) customResources() (*genericapiserver.GenericAPIServer, error) {
	config := *w.config
	config.PostStartHooks = map[string]genericapiserver.PostStartHookConfigEntry{}
	config.RESTOptionsGetter = nil
	etcd := *w.etcd
	etcd.StorageConfig.Codec = crdserver.Codecs.LegacyCodec(v1beta1.SchemeGroupVersion, apiextensionsv1.SchemeGroupVersion)
	etcd.StorageConfig.EncodeVersioner = runtime.NewMultiGroupVersioner(apiextensionsv1.SchemeGroupVersion, schema.GroupKind{Group: v1beta1.GroupName})
	etcd.SkipHealthEndpoints = true
	if err := etcd.ApplyTo(&config.Config); err != nil {
		return nil, err
	}
	config.MergedResourceConfig = crdserver.DefaultAPIResourceConfigSource()
	c := &crdserver.Config{GenericConfig: &config, ExtraConfig: crdserver.ExtraConfig{
		CRDRESTOptionsGetter: crdoptions.NewCRDRESTOptionsGetter(etcd, nil, config.StorageObjectCountTracker),
		MasterCount:          1, ServiceResolver: w.resolver, AuthResolverWrapper: w.auth}}
	server, err := c.Complete().New(genericapiserver.NewEmptyDelegate())
	if err != nil {
		return nil, err
	}
	return server.GenericAPIServer, nil
}
