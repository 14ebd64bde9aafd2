import JSON

/// What is watched where a manifest says nothing of predictions and its runtime speaks the Open Inference Protocol: the
/// first value of each answer. A large shift between the revisions is told, and nothing acts on it.
///
/// `traffic: {observe: []}` switches it off, and so does any observation of the manifest's own.
enum DefaultWatch {
    /// Enough for a verdict within minutes, and little to copy and read beside the traffic.
    static let observation = PredictionObservation(
        name: PredictionObservation.defaultName,
        path: JSONPath(steps: [.member("outputs"), .element(0), .member("data"), .element(0)]),
        buckets: .automatic, mostPerSecond: 50)

    /// Twice what is tolerated by default: a new version is trained to predict a little differently.
    static let gate = GateSpec(
        name: "predictions",
        kind: .distribution(
            DistributionGate(observe: observation.name, maxShift: 0.10, passShift: 0.20, buckets: observation.buckets)),
        warnOnly: true)
}

extension GateSpec {
    /// It is there by default, and not because somebody wants it.
    public var isDefaultWatch: Bool { self == DefaultWatch.gate }
}

extension RolloutSpec {
    /// Both revisions answer at the same time, and nothing has the gate's name.
    var canWatchByDefault: Bool {
        switch strategy {
        case .canary, .ab, .shadow: !gates.contains { $0.name == DefaultWatch.gate.name }
        case .blueGreen, .recreate: false
        }
    }
}
