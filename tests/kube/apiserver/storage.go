package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
)

// objects is the generic store under the short names that kubectl asks discovery for.
type objects struct {
	*genericregistry.Store
	short []string
}

func (o objects) ShortNames() []string { return o.short }

func newStore(k kind, options generic.RESTOptionsGetter) (*genericregistry.Store, error) {
	resource := k.version.WithResource(k.plural).GroupResource()
	s := newStrategy(k)
	store := &genericregistry.Store{
		NewFunc:     k.newObject,
		NewListFunc: k.newList,
		PredicateFunc: func(l labels.Selector, f fields.Selector) storage.SelectionPredicate {
			return storage.SelectionPredicate{Label: l, Field: f, GetAttrs: attributes}
		},
		DefaultQualifiedResource:  resource,
		SingularQualifiedResource: schema.GroupResource{Group: resource.Group, Resource: k.singular},
		CreateStrategy:            s,
		UpdateStrategy:            s,
		DeleteStrategy:            s,
		TableConvertor:            rest.NewDefaultTableConvertor(resource),
	}
	switch k.plural {
	case "pods":
		store.DeleteStrategy = podStrategy{s}
	case "namespaces":
		store.ShouldDeleteDuringUpdate = func(_ context.Context, _ string, o, _ runtime.Object) bool {
			return len(o.(*corev1.Namespace).Spec.Finalizers) == 0
		}
	case "leases", "events", "endpointslices":
		store.UpdateStrategy = createOnUpdate{s}
	}
	return store, store.CompleteWithOptions(&generic.StoreOptions{RESTOptions: options, AttrFunc: attributes})
}

// createOnUpdate is for kinds that a PUT may create.
type createOnUpdate struct{ strategy }

func (createOnUpdate) AllowCreateOnUpdate() bool { return true }

// storages gives what is served below one resource: itself and its subresources.
func (w *wiring) storages(k kind) (map[string]rest.Storage, error) {
	store, err := newStore(k, w.config.RESTOptionsGetter)
	if err != nil {
		return nil, err
	}
	served := map[string]rest.Storage{k.plural: objects{store, k.short}}
	if k.hasStatus {
		served[k.plural+"/status"] = partOf(store, k, "Status")
	}
	switch k.plural {
	case "pods":
		served["pods/binding"] = &binding{store}
		served["pods/eviction"] = &eviction{store}
		served["pods/ephemeralcontainers"] = partOf(store, k, "EphemeralContainers")
		for name, connect := range w.streams.subresources() {
			served["pods/"+name] = connect
		}
	case "namespaces":
		served["namespaces"] = &namespaces{objects{store, k.short}}
		served["namespaces/finalize"] = partOf(store, k, "Finalizers")
	case "services":
		served["services"] = &services{objects{store, k.short}, w.addresses}
	case "serviceaccounts":
		served["serviceaccounts/token"] = &tokenRequests{w.tokens}
	case "deployments", "replicasets", "statefulsets":
		served[k.plural+"/scale"] = &scales{store}
	}
	return served, nil
}

// part is a subresource that writes one part of the same object.
type part struct{ store *genericregistry.Store }

func partOf(store *genericregistry.Store, k kind, name string) *part {
	copied := *store
	s := newStrategy(k)
	s.part = name
	copied.UpdateStrategy = s
	return &part{&copied}
}

func (p *part) New() runtime.Object { return p.store.New() }
func (p *part) Destroy()            {}

func (p *part) Get(ctx context.Context, name string, o *metav1.GetOptions) (runtime.Object, error) {
	return p.store.Get(ctx, name, o)
}

func (p *part) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, create rest.ValidateObjectFunc,
	update rest.ValidateObjectUpdateFunc, _ bool, o *metav1.UpdateOptions) (runtime.Object, bool, error) {
	return p.store.Update(ctx, name, info, create, update, false, o)
}

func (p *part) ConvertToTable(ctx context.Context, o, options runtime.Object) (*metav1.Table, error) {
	return p.store.ConvertToTable(ctx, o, options)
}
