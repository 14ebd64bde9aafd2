import JSON

/// The default observation, for a manifest without gates or observations of predictions whose runtime speaks the Open Inference
/// Protocol: the first value of each answer. A large shift between the revisions is reported; nothing acts on it.
///
/// `traffic: {observe: []}` switches it off, and so does any observation in the manifest.
enum DefaultPredictionGate {
    /// The rate is enough for a verdict within minutes, and costs little beside the traffic.
    static let observation = PredictionObservation(
        name: PredictionObservation.defaultName,
        path: JSONPath(steps: [.member("outputs"), .element(0), .member("data"), .element(0)]),
        buckets: .automatic, mostPerSecond: 50)

    /// The shift is twice the default tolerance, because a new version is trained to predict a little differently.
    static let gate = GateSpec(
        name: "predictions",
        kind: .distribution(
            DistributionGate(observe: observation.name, maxShift: 0.10, passShift: 0.20, buckets: observation.buckets)),
        warnOnly: true)
}

extension GateSpec {
    /// The gate was added by default; no manifest asked for it.
    package var isDefaultWatch: Bool { self == DefaultPredictionGate.gate }
}

extension RolloutSpec {
    /// Both revisions answer at the same time, and no other gate has this gate's name.
    var canWatchByDefault: Bool {
        switch strategy {
        case .canary, .ab, .shadow: !gates.contains { $0.name == DefaultPredictionGate.gate.name }
        case .blueGreen, .recreate: false
        }
    }
}
