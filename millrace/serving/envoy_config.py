"""Envoy's configuration, written from plain values: where the versions' servers listen, and who gets which.

Three documents in Envoy's JSON (https://www.envoyproxy.io/docs/envoy/latest/api-v3/api). The bootstrap is read once;
the clusters (one for each protocol of a version's server) and the routes are files that Envoy follows while it runs, so
a version comes and goes without a restart. The weights stand in the routes, for an Envoy that starts, and under keys of
its runtime, by which a running one is told new ones in one step.

A user stays with a version: the hash of a header, modulo the weights' sum, falls into the versions' shares in their
order. The candidate is the last, so its share grows at one end: who was in its 10 % is in its 50 %, too.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

# Weights are parts of this; Envoy takes any sum, and one sum keeps each user's place among the shares.
WHOLE = 10_000
VERSION_HEADER = "x-model-version"
REQUEST_ID_HEADER = "x-request-id"
CLIENTS = "clients"
"""The name of the listener that clients reach."""
METRICS_PATH = "/metrics"

_LOOPBACK = "127.0.0.1"
_TYPES = "type.googleapis.com/envoy"
_ROUTES_NAME = "versions"
_ADMINISTRATION = "administration"
_PROTOCOLS = ("rest", "grpc")
# What a client may call. A server's ReloadConfig is not among them: it changes what is served, and names any folder.
_CALLED = (
    "/tensorflow.serving.PredictionService/",
    "/tensorflow.serving.ModelService/GetModelStatus",
    "/grpc.health.v1.Health/",
    "/grpc.reflection.",
)
# A mirror must not take what the champion's answers need: what a slow one cannot take is dropped.
_MIRROR_CONNECTIONS = 16
_MIRROR_REQUESTS = 64


@dataclass(frozen=True)
class Upstream:
    """Where a version's server listens on the loopback interface.

    Args:
        version: the version's number.
        rest: the port of REST.
        grpc: the port of gRPC.
    """

    version: int
    rest: int
    grpc: int


@dataclass(frozen=True)
class Traffic:
    """Who gets which version.

    Args:
        weights: parts of `WHOLE` by version, which they sum up to; the champion first, the candidate last.
        mirrored: whole percent of the requests that a version also gets, by version; its answers go nowhere.
    """

    weights: Mapping[int, int]
    mirrored: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Listener:
    """What the gateway shows to clients, and where it keeps its files.

    Args:
        host: the address to listen at.
        port: for REST and gRPC; 0 lets the system choose.
        user_header: the header by whose hash a user stays with a version, in lower case.
        timeout_seconds: how long a server may take for an answer.
        folder: an existing folder for the clusters, the routes and the access log.
        admin: the path of the admin interface's socket, 107 characters at most, in a folder that only this user enters.
        metrics_port: of the loopback interface, where Prometheus reads Envoy's figures; None for nowhere.
    """

    host: str
    port: int
    user_header: str
    timeout_seconds: float
    folder: Path
    admin: Path
    metrics_port: Optional[int] = None

    @property
    def clusters_file(self) -> Path:
        """The file of the clusters that a running Envoy follows."""
        return self.folder / "clusters.json"

    @property
    def routes_file(self) -> Path:
        """The file of the routes that a running Envoy follows."""
        return self.folder / "routes.json"

    @property
    def access_log(self) -> Path:
        """A line of JSON for each request that was answered."""
        return self.folder / "access.log"


def bootstrap(listener: Listener) -> dict[str, Any]:
    """What Envoy is started with.

    Args:
        listener: what clients see.

    Returns:
        A `envoy.config.bootstrap.v3.Bootstrap` as JSON has it.
    """
    return {
        "node": {"id": "millrace", "cluster": "millrace"},
        # A socket of the file system and no port: whoever can talk to it may change what is served.
        "admin": {"address": {"pipe": {"path": str(listener.admin), "mode": 0o600}}},
        # What an administrator sets comes after what the files say, and is gone with the process.
        "layered_runtime": {"layers": [{"name": "static", "static_layer": {}}, {"name": "admin", "admin_layer": {}}]},
        "dynamic_resources": {"cds_config": _followed(listener.clusters_file)},
        "static_resources": _static_resources(listener),
    }


def clusters(upstreams: Sequence[Upstream], edition: str) -> dict[str, Any]:
    """The file of the clusters.

    Args:
        upstreams: the servers that there are.
        edition: a name for this content, which Envoy shows once it has taken it.

    Returns:
        A `envoy.service.discovery.v3.DiscoveryResponse` as JSON has it.
    """
    resources = [
        _cluster(upstream, protocol, mirror)
        for upstream in upstreams
        for protocol in _PROTOCOLS
        for mirror in (False, True)
    ]
    return {"version_info": edition, "resources": resources}


def routes(traffic: Traffic, listener: Listener, edition: str) -> dict[str, Any]:
    """The file of the routes.

    Args:
        traffic: who gets which version.
        listener: what clients see.
        edition: as for `clusters`.

    Returns:
        A `envoy.service.discovery.v3.DiscoveryResponse` as JSON has it.
    """
    host = {
        "name": "all",
        "domains": ["*"],
        "routes": [
            *({"match": {"prefix": path, "grpc": {}}, "route": _route(traffic, listener, "grpc")} for path in _CALLED),
            _refusal({"prefix": "/", "grpc": {}}, 403, "the gateway passes no such call on"),
            *(_of_version(version, listener) for version in traffic.weights),
            {"match": _matching("labels/champion([:/].*)?"), "route": _route(traffic, listener, "rest")},
            _refusal(
                _matching("(versions|labels)/.*"),
                404,
                f"the gateway serves the versions {', '.join(map(str, traffic.weights))} and the label champion",
            ),
            {"match": {"prefix": "/"}, "route": _route(traffic, listener, "rest")},
        ],
    }
    resource = {
        "@type": f"{_TYPES}.config.route.v3.RouteConfiguration",
        "name": _ROUTES_NAME,
        "virtual_hosts": [host],
    }
    return {"version_info": edition, "resources": [resource]}


def runtime(traffic: Traffic) -> dict[str, int]:
    """The same shares as keys of Envoy's runtime, for one that runs.

    Args:
        traffic: who gets which version; the versions are those of the routes.

    Returns:
        The value of each key.
    """
    weights = {
        f"weight.{_name(version, protocol)}": weight
        for version, weight in traffic.weights.items()
        for protocol in _PROTOCOLS
    }
    return weights | {f"mirror.{version}": percent for version, percent in traffic.mirrored.items()}


def version_of(cluster: str) -> int:
    """The version that a cluster's name in the access log stands for.

    Args:
        cluster: such as `17-rest`.

    Raises:
        ValueError: no version's cluster has such a name; of a request that was sent to none.
    """
    return int(cluster.partition("-")[0])


def _name(version: int, protocol: str, mirror: bool = False) -> str:
    return f"{version}-{protocol}{'-mirror' if mirror else ''}"


def _followed(file: Path) -> dict[str, Any]:
    # Envoy notices that a file was renamed into its place, which is how whole files are written here.
    return {"path_config_source": {"path": str(file)}, "resource_api_version": "V3"}


def _static_resources(listener: Listener) -> dict[str, Any]:
    if listener.metrics_port is None:
        return {"listeners": [_listener(listener)]}
    endpoint = {"endpoint": {"address": {"pipe": {"path": str(listener.admin)}}}}
    administration = {
        "name": _ADMINISTRATION,
        "type": "STATIC",
        "load_assignment": {"cluster_name": _ADMINISTRATION, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    return {"listeners": [_listener(listener), _metrics_listener(listener.metrics_port)], "clusters": [administration]}


def _metrics_listener(port: int) -> dict[str, Any]:
    """Shows Envoy's figures, and nothing else of the administration, whose other paths change what is served."""
    shown = {"path": METRICS_PATH, "headers": [{"name": ":method", "string_match": {"exact": "GET"}}]}
    to_figures = {"cluster": _ADMINISTRATION, "prefix_rewrite": "/stats/prometheus"}
    nothing = _refusal({"prefix": "/"}, 404, f"there is {METRICS_PATH} here, and nothing else")
    host = {"name": "all", "domains": ["*"], "routes": [{"match": shown, "route": to_figures}, nothing]}
    manager = {"stat_prefix": "metrics", "route_config": {"name": "metrics", "virtual_hosts": [host]}}
    return _listening("metrics", _LOOPBACK, port, manager)


def _listener(listener: Listener) -> dict[str, Any]:
    manager = {
        "stat_prefix": "gateway",
        "codec_type": "AUTO",
        "rds": {"route_config_name": _ROUTES_NAME, "config_source": _followed(listener.routes_file)},
        # The id joins an answer, its line in the logs and its label: a client's own is kept as it is.
        "preserve_external_request_id": True,
        "always_set_request_id_in_response": True,
        "request_id_extension": {
            "typed_config": {
                "@type": f"{_TYPES}.extensions.request_id.uuid.v3.UuidRequestIdConfig",
                "pack_trace_reason": False,
            }
        },
        "access_log": [_access_log(listener)],
    }
    return _listening(CLIENTS, listener.host, listener.port, manager)


def _listening(name: str, host: str, port: int, manager: dict[str, Any]) -> dict[str, Any]:
    """A listener whose requests go where the manager's routes say."""
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{_TYPES}.extensions.filters.http.router.v3.Router"},
    }
    typed = {
        "@type": f"{_TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        **manager,
        "http_filters": [router],
    }
    return {
        "name": name,
        "address": {"socket_address": {"address": host, "port_value": port}},
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": typed}]}
        ],
    }


def _access_log(listener: Listener) -> dict[str, Any]:
    line = {
        "time": "%START_TIME(%s.%3f)%",
        "id": f"%REQ({REQUEST_ID_HEADER})%",
        "cluster": "%UPSTREAM_CLUSTER%",
        "path": "%PATH(NQ)%",
        "code": "%RESPONSE_CODE%",
        "grpc": "%GRPC_STATUS_NUMBER%",
        "ms": "%DURATION%",
        "flags": "%RESPONSE_FLAGS%",
    }
    return {
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": f"{_TYPES}.extensions.access_loggers.file.v3.FileAccessLog",
            "path": str(listener.access_log),
            "log_format": {"json_format": line},
        },
    }


def _matching(what: str) -> dict[str, Any]:
    """The paths of REST that go on with something after the model's name."""
    return {"safe_regex": {"regex": f"(?i)/v1/models/[^/:]+/{what}"}}


def _refusal(match: dict[str, Any], status: int, message: str) -> dict[str, Any]:
    """Answered by Envoy itself: no version was asked, so none is charged with it."""
    body = {"inline_string": json.dumps({"error": message})}
    return {"match": match, "direct_response": {"status": status, "body": body}}


def _of_version(version: int, listener: Listener) -> dict[str, Any]:
    """Who names a version gets that one, whatever its share is."""
    route = _route(Traffic({version: WHOLE}), listener, "rest")
    # The shares of users are not those of who names a version.
    route["weighted_clusters"]["runtime_key_prefix"] = "named"
    return {"match": _matching(f"versions/0*{version}([:/].*)?"), "route": route}


def _route(traffic: Traffic, listener: Listener, protocol: str) -> dict[str, Any]:
    shares = [
        {
            "name": _name(version, protocol),
            "weight": weight,
            "response_headers_to_add": [
                {
                    "header": {"key": VERSION_HEADER, "value": str(version)},
                    "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                }
            ],
        }
        for version, weight in traffic.weights.items()
    ]
    return {
        "weighted_clusters": {"clusters": shares, "runtime_key_prefix": "weight", "use_hash_policy": True},
        # Without the header there is no hash, and each request is drawn by itself.
        "hash_policy": [{"header": {"header_name": listener.user_header}}],
        "request_mirror_policies": [
            {
                "cluster": _name(version, protocol, mirror=True),
                "runtime_fraction": {"default_value": {"numerator": percent}, "runtime_key": f"mirror.{version}"},
            }
            for version, percent in traffic.mirrored.items()
        ],
        "timeout": f"{listener.timeout_seconds:.3f}s",
        # Nothing was sent yet, so nothing is asked twice.
        "retry_policy": {"retry_on": "connect-failure,refused-stream", "num_retries": 2},
    }


def _cluster(upstream: Upstream, protocol: str, mirror: bool) -> dict[str, Any]:
    port = upstream.rest if protocol == "rest" else upstream.grpc
    endpoint = {"endpoint": {"address": {"socket_address": {"address": _LOOPBACK, "port_value": port}}}}
    name = _name(upstream.version, protocol, mirror)
    cluster: dict[str, Any] = {
        "@type": f"{_TYPES}.config.cluster.v3.Cluster",
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    if mirror:
        most = {
            "max_connections": _MIRROR_CONNECTIONS,
            "max_pending_requests": _MIRROR_REQUESTS,
            "max_requests": _MIRROR_REQUESTS,
        }
        cluster["circuit_breakers"] = {"thresholds": [most]}
    if protocol == "grpc":
        options = {
            "@type": f"{_TYPES}.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
        cluster["typed_extension_protocol_options"] = {
            f"{_TYPES.removeprefix('type.googleapis.com/')}.extensions.upstreams.http.v3.HttpProtocolOptions": options
        }
    return cluster
