/// How a model is served, written as Kubernetes users write a container.
package struct Runtime: Hashable, Codable, Sendable {
    /// The ServingRuntime that it comes from, if any.
    package var name: String?
    package var image: String?
    package var command: [String]
    package var args: [String]
    package var env: [EnvironmentVariable]
    /// Named ports. On one machine each is a free port; an empty list means one port, `http`.
    package var ports: [ContainerPort]
    package var probes: Probes
    /// Requests that are sent to a new instance before it gets traffic: a file in the model's folder, one JSON object per line.
    package var warmup: Warmup?
    /// How long a stopping instance may take to finish its work before it is killed.
    package var terminationGracePeriod: Duration
    /// The server's own metrics page; nil where it has none.
    package var metrics: RuntimeMetrics?
    /// Used in a cluster only; nil means mlctl's defaults.
    package var pod: PodSettings?
    /// Used on one machine only, by a controller that runs as root; nil means the controller's user.
    package var runAs: RunAs?

    package init(
        name: String? = nil, image: String? = nil, command: [String], args: [String] = [],
        env: [EnvironmentVariable] = [], ports: [ContainerPort] = [], probes: Probes = Probes(),
        warmup: Warmup? = nil, terminationGracePeriod: Duration = .seconds(30), metrics: RuntimeMetrics? = nil,
        pod: PodSettings? = nil
    ) {
        self.name = name
        self.image = image
        self.command = command
        self.args = args
        self.env = env
        self.ports = ports
        self.probes = probes
        self.warmup = warmup
        self.terminationGracePeriod = terminationGracePeriod
        self.metrics = metrics
        self.pod = pod
    }
}

/// Another user of this machine, who runs the server.
package struct RunAs: Hashable, Codable, Sendable {
    /// A name or a number.
    package var user: String

    package init(user: String) { self.user = user }
}

/// `{name, value}` or `{name, valueFrom: {secret: NAME}}`.
package struct EnvironmentVariable: Hashable, Codable, Sendable {
    package enum Value: Hashable, Codable, Sendable {
        case literal(String)
        /// The name of a secret that the operator has allowed. Only the reference enters the revision.
        case secret(String)
    }

    package var name: String
    package var value: Value

    package init(name: String, value: Value) {
        self.name = name
        self.value = value
    }
}

package struct ContainerPort: Hashable, Codable, Sendable {
    /// What a server speaks at a port.
    package enum Language: String, CaseIterable, Codable, Sendable {
        case http
        /// HTTP/2 without TLS, as gRPC servers speak it.
        case h2c
        case https, h2
    }

    package var name: String
    /// The port's number in a cluster. On one machine a free port is used, given as `PORT` and `PORT_<NAME>`.
    package var containerPort: Int?
    /// `protocol`; nil means http.
    package var language: Language?

    package init(name: String, containerPort: Int? = nil, language: Language? = nil) {
        self.name = name
        self.containerPort = containerPort
        self.language = language
    }
}

extension Runtime {
    /// The name of the port that gRPC calls go to: the one with `protocol: h2c`.
    package var rpcPortName: String? { ports.first { $0.language == .h2c }?.name }
}

package struct Probes: Hashable, Codable, Sendable {
    package var startup: Probe?
    package var readiness: Probe?
    package var liveness: Probe?

    package init(startup: Probe? = nil, readiness: Probe? = nil, liveness: Probe? = nil) {
        self.startup = startup
        self.readiness = readiness
        self.liveness = liveness
    }
}

/// The defaults are those of Kubernetes: every ten seconds, one second to answer, three failures in a row.
package struct Probe: Hashable, Codable, Sendable {
    package enum Check: Hashable, Codable, Sendable {
        /// GET `path`; 200 to 399 is success.
        case httpGet(path: String, port: String?)
        /// A connection is opened and closed.
        case tcpSocket(port: String?)
    }

    package var check: Check
    package var period: Duration
    package var timeout: Duration
    package var initialDelay: Duration
    package var failureThreshold: Int
    package var successThreshold: Int

    package init(
        check: Check, period: Duration = .seconds(10), timeout: Duration = .seconds(1),
        initialDelay: Duration = .zero, failureThreshold: Int = 3, successThreshold: Int = 1
    ) {
        self.check = check
        self.period = period
        self.timeout = timeout
        self.initialDelay = initialDelay
        self.failureThreshold = failureThreshold
        self.successThreshold = successThreshold
    }
}

extension Probe {
    /// The time that a server has to start where its runtime sets none.
    package static let longestStart = Duration.seconds(600)

    /// The failures in a row that fill `longestStart`.
    static func failuresOfLongestStart(period: Duration) -> Int {
        let leastFailures = 3
        return max(leastFailures, Int((longestStart / max(period, .milliseconds(10))).rounded(.up)))
    }
}

/// Warm-up requests: `{file: warmup.jsonl, path: /v2/models/m/infer}`. Each line is a body, or `{path, body}`.
package struct Warmup: Hashable, Codable, Sendable {
    package var file: String
    package var path: String?
    package var timeout: Duration

    package init(file: String, path: String? = nil, timeout: Duration = .seconds(60)) {
        self.file = file
        self.path = path
        self.timeout = timeout
    }
}

/// A server's own metrics, in the Prometheus text format.
package struct RuntimeMetrics: Hashable, Codable, Sendable {
    /// Which metric names the server uses for requests, errors and latencies.
    package enum Dialect: String, CaseIterable, Codable, Sendable { case mlserver, bentoml, vllm, mlctl, other }

    package var path: String
    /// A port's name; nil means `PORT`.
    package var port: String?
    package var dialect: Dialect

    package init(path: String = "/metrics", port: String? = nil, dialect: Dialect = .other) {
        self.path = path
        self.port = port
        self.dialect = dialect
    }
}

/// Requests and limits, in base units: CPU in thousandths of a core, memory in bytes.
package struct Resources: Hashable, Codable, Sendable {
    package var cpuLimitMillicores: Int?
    package var memoryLimitBytes: Int64?
    /// Limits of other resources, such as `nvidia.com/gpu`, in whole numbers.
    package var extended: [String: Int]
    /// What a scheduler reserves; used in a cluster only. Nil means the limits.
    package var requests: ResourceAmounts?

    package init(
        cpuLimitMillicores: Int? = nil, memoryLimitBytes: Int64? = nil, extended: [String: Int] = [:],
        requests: ResourceAmounts? = nil
    ) {
        self.cpuLimitMillicores = cpuLimitMillicores
        self.memoryLimitBytes = memoryLimitBytes
        self.extended = extended
        self.requests = requests
    }

    /// The most that an instance may use.
    package var limits: ResourceAmounts {
        ResourceAmounts(cpuMillicores: cpuLimitMillicores, memoryBytes: memoryLimitBytes, extended: extended)
    }
}

/// An amount of each resource.
package struct ResourceAmounts: Hashable, Codable, Sendable {
    package var cpuMillicores: Int?
    package var memoryBytes: Int64?
    /// Other resources in whole numbers: devices are counted, `ephemeral-storage` and huge pages are in bytes.
    package var extended: [String: Int]

    package init(cpuMillicores: Int? = nil, memoryBytes: Int64? = nil, extended: [String: Int] = [:]) {
        self.cpuMillicores = cpuMillicores
        self.memoryBytes = memoryBytes
        self.extended = extended
    }
}
