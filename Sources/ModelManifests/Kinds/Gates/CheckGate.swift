/// A command that decides: offline evaluation on a golden set, validation of data, fairness by slice.
///
/// Exit code 0 passes where every bound holds of the metrics that it printed; any other code fails. A command that cannot
/// be started, or does not end in time, decides nothing.
public struct CheckGate: Hashable, Codable, Sendable {
    /// Started without a shell, in the candidate's model folder.
    public var command: [String]
    /// Of the Job that runs it in a cluster; nil: the runtime's. On one machine there is none.
    public var image: String?
    public var env: [EnvironmentVariable]
    public var timeout: Duration
    /// Bounds of metrics by name: its last line of output is a JSON object that holds them.
    public var metrics: [String: Bounds]
    /// It stands in a step, and is run there; otherwise before any traffic.
    public var isOfStep: Bool

    public struct Bounds: Hashable, Codable, Sendable {
        public var min: Double?
        public var max: Double?

        public init(min: Double? = nil, max: Double? = nil) {
            self.min = min
            self.max = max
        }
    }

    public init(
        command: [String], image: String? = nil, env: [EnvironmentVariable] = [], timeout: Duration = .seconds(600),
        metrics: [String: Bounds] = [:], isOfStep: Bool = false
    ) {
        self.command = command
        self.image = image
        self.env = env
        self.timeout = timeout
        self.metrics = metrics
        self.isOfStep = isOfStep
    }
}

/// The candidate accepts what stable accepts: model metadata of the Open Inference Protocol v2.
public struct ContractGate: Hashable, Codable, Sendable {
    /// Where the metadata is; `/v2/models/NAME` where not given.
    public var path: String?

    public init(path: String? = nil) { self.path = path }
}
