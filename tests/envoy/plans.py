"""Plans of a small mesh, as the plan room writes them: server ns1/server, client ns1/client."""
HTTP, GRPC, TCP, TCP_SERVER_FIRST = range(4)
TLS = {"min": "TLSv1_3", "max": "TLSv1_3"}


def spiffe(account):
    ns, sa = account.split("/")
    return f"spiffe://cluster.local/ns/{ns}/sa/{sa}"


def rule(name="ns1/t/g/m", principals=("ns1/client",), **more):
    return {"name": name, "principals": [spiffe(p) for p in principals], "origin": "TrafficTarget ns1/t", **more}


def chain(service="ns1/server", port=8080, protocol=HTTP, **more):
    ns, name = service.split("/")
    return {"name": f"in|{service}|{port}", "port": port, "server_name": f"{name}.{ns}.svc.cluster.local",
            "protocol": protocol, "local_cluster": f"{service}|{port}|local", "service": service,
            "route_config": f"rds-inbound|{service}|{port}" if protocol in (HTTP, GRPC) else "",
            "origin": f"Service {service}", **more}


def ingress(service="ns1/server", port=8080, ranges=(), **more):
    """Callers outside the mesh; without ranges they are known by their names alone."""
    return {"name": f"ingress|{service}|{port}", "port": port, "ranges": list(ranges), "any_address": not ranges,
            "route_config": f"rds-ingress|{service}|{port}", "local_cluster": f"{service}|{port}|local", "service": service,
            "origin": f"IngressBackend {service}", **more}


def inbound(*chains, tls=TLS, ingress=()):
    return {"chains": list(chains), "tls": tls, "ingress": list(ingress)}


def cluster(service="ns1/server", port=80, protocol=HTTP, accounts=("ns1/server",), **more):
    ns, name = service.split("/")
    return {"name": f"{service}|{port}", "sni": f"{name}.{ns}.svc.cluster.local", "protocol": protocol,
            "sans": [spiffe(a) for a in accounts], "origin": f"Service {service}", **more}


def outbound(service="ns1/server", port=80, addresses=("10.96.0.10",), protocol=HTTP, weights=None, tls=TLS, denied=0,
             passthrough=False, **more):
    """One Service port; |weights| {cluster: weight} defaults to its own cluster."""
    weights = {f"{service}|{port}": 1} if weights is None else weights
    weights = [{"cluster": c, "weight": w} for c, w in weights.items()]
    http = protocol in (HTTP, GRPC)
    route = f"rds-outbound|{service}|{port}"
    listeners = [{"name": f"out|{a}|{port}", "address": a, "port": port, "protocol": protocol, "service": service,
                  "route_config": route if http else "", "clusters": [] if http else weights,
                  "denied": 0 if http else denied, "passthrough": passthrough,
                  "origin": f"Service {service}"} for a in addresses]
    routes = [{"name": route, "clusters": weights, "denied": denied, "origin": f"Service {service}"}] if http else []
    return {"listeners": listeners, "routes": routes, "clusters": [cluster(service, port, protocol, **more)], "tls": tls}


def endpoints(assignments):
    """{cluster: [(address, port, pod)]}"""
    return {"assignments": [{"cluster": c, "endpoints": [
        {"address": a, "port": p, "pod": pod, "workload": "Deployment/server"} for a, p, pod in eps]}
        for c, eps in assignments.items()]}


def base(egress=False, closed=("10.244.0.0/16", "10.96.0.0/12")):
    return {"egress": egress, "closed_ranges": list(closed), "tls": TLS}
