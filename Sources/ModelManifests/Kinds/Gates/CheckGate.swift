/// A command that decides: offline evaluation on a golden set, validation of data, fairness by slice.
///
/// Exit code 0 passes if every printed metric is within its bounds; any other code fails. A command that cannot be started,
/// or does not end in time, decides nothing.
package struct CheckGate: Hashable, Codable, Sendable {
    /// Runs without a shell, in the candidate's model folder.
    package var command: [String]
    /// The image of the Job that runs the check in a cluster; nil means the runtime's image. On one machine it is not used.
    package var image: String?
    package var env: [EnvironmentVariable]
    package var timeout: Duration
    /// Bounds of metrics by name. The last line of the command's output is a JSON object with the metrics.
    package var metrics: [String: Bounds]
    /// The check belongs to a step and runs there; otherwise it runs before the candidate gets traffic.
    package var isOfStep: Bool

    package struct Bounds: Hashable, Codable, Sendable {
        package var min: Double?
        package var max: Double?

        package init(min: Double? = nil, max: Double? = nil) {
            self.min = min
            self.max = max
        }
    }

    package init(
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

/// Checks that the candidate accepts the same inputs as stable, by the model metadata of the Open Inference Protocol v2.
package struct ContractGate: Hashable, Codable, Sendable {
    /// The path of the metadata; nil means `/v2/models/NAME`.
    package var path: String?

    package init(path: String? = nil) { self.path = path }
}
