/// Compares the predictions of candidate and stable: an anytime-valid test of the share of predictions that moved to another
/// bucket.
package struct DistributionGate: Hashable, Codable, Sendable {
    /// The name of an entry of `traffic.observe`.
    package var observe: String
    /// Tolerance: the share of predictions that may move (total variation distance).
    package var maxShift: Double
    /// A pass excludes that any bucket's share differs by more than this.
    package var passShift: Double
    package var minSamples: Int
    /// The buckets of the observation; nil where they are unknown.
    package var buckets: PredictionBuckets?

    package init(
        observe: String, maxShift: Double = 0.05, passShift: Double = 0.10, minSamples: Int = 0,
        buckets: PredictionBuckets? = nil
    ) {
        self.observe = observe
        self.maxShift = maxShift
        self.passShift = passShift
        self.minSamples = minSamples
        self.buckets = buckets
    }
}

/// Measures how far the candidate's live predictions (or inputs) are from a reference. It promises no error rate over repeated
/// evaluations, but takes the noise of its samples into account.
package struct DriftGate: Hashable, Codable, Sendable {
    package enum Distance: String, CaseIterable, Codable, Sendable {
        /// Population stability index: `Σ (p − q) ln(p / q)`.
        case psi
        /// Jensen–Shannon distance: the square root of the divergence in bits; 0…1.
        case jensenShannon
    }

    package enum Reference: Hashable, Codable, Sendable {
        case stable
        case profile(PredictionProfile)
    }

    /// The name of an entry of `traffic.observe`.
    package var observe: String
    package var distance: Distance
    package var max: Double
    package var reference: Reference
    package var minSamples: Int
    /// The buckets of the observation; nil where they are unknown, and with a profile, which has its own.
    package var buckets: PredictionBuckets?

    package init(
        observe: String, distance: Distance = .psi, max: Double = 0.2, reference: Reference = .stable,
        minSamples: Int = 200, buckets: PredictionBuckets? = nil
    ) {
        self.observe = observe
        self.distance = distance
        self.max = max
        self.reference = reference
        self.minSamples = minSamples
        self.buckets = buckets
    }
}

/// The buckets that predictions are sorted into.
package enum PredictionBuckets: Hashable, Codable, Sendable {
    /// Upper edges, ascending: bucket i holds values above edge i - 1 and up to edge i. One more bucket holds all larger values.
    case edges([Double])
    /// Labels. All other values share one more bucket.
    case classes([String])
    /// Buckets for values that nobody described: see `AutomaticBuckets`.
    case automatic

    /// More buckets would not fit into a gate's evidence, and people could not read them.
    package static let countLimit = 32

    /// The number of buckets, including the one for all other values.
    package var count: Int {
        switch self {
        case .edges(let edges): edges.count + 1
        case .classes(let classes): classes.count + 1
        case .automatic: AutomaticBuckets.count
        }
    }

    /// The option of `mlctl profile` that gives the same buckets: `--buckets 0.1,0.5`.
    var profileOption: String {
        switch self {
        case .edges(let edges): "--buckets \(edges.map(\.shortText).joined(separator: ","))"
        case .classes(let classes): "--classes '\(classes.joined(separator: ","))'"
        case .automatic: "--bins 10, with the same buckets in traffic.observe"
        }
    }

    /// A bucket's content, for people: `score ≤ 0.1`.
    ///
    /// - Parameters:
    ///   - index: 0 to `count` − 1.
    ///   - name: the name of the observation.
    package func label(_ index: Int, of name: String) -> String {
        switch self {
        case .edges(let edges):
            if index == 0 { return "\(name) ≤ \(edges[0].shortText)" }
            if index == edges.count { return "\(name) > \(edges[index - 1].shortText)" }
            return "\(edges[index - 1].shortText) < \(name) ≤ \(edges[index].shortText)"
        case .classes(let classes):
            return index < classes.count ? "\(name) '\(classes[index])'" : "\(name) of another class"
        case .automatic: return AutomaticBuckets.label(index, of: name)
        }
    }
}

extension Double {
    /// The shortest decimal form; whole numbers have no point: 0.1, 25.
    var shortText: String { Int(exactly: self).map(String.init) ?? "\(self)" }
}

extension GateSpec.Kind {
    /// The gate with the buckets of its observation, if that is one of `observations`.
    func looking(at observations: [PredictionObservation]) -> GateSpec.Kind {
        func buckets(_ name: String) -> PredictionBuckets? { observations.first { $0.name == name }?.buckets }
        switch self {
        case .distribution(var gate):
            gate.buckets = buckets(gate.observe)
            return .distribution(gate)
        case .drift(var gate) where gate.reference == .stable:
            gate.buckets = buckets(gate.observe)
            return .drift(gate)
        default: return self
        }
    }
}

/// A distribution recorded earlier, such as that of the training data or of last month.
package struct PredictionProfile: Hashable, Codable, Sendable {
    package var buckets: PredictionBuckets
    /// The count of each bucket; the bucket for all other values comes last.
    package var counts: [Int]

    package init(buckets: PredictionBuckets, counts: [Int]) {
        self.buckets = buckets
        self.counts = counts
    }
}

/// With a shadow: compares the answers of candidate and stable to the same requests.
package struct AgreementGate: Hashable, Codable, Sendable {
    package enum Metric: Hashable, Codable, Sendable {
        /// The share of pairs that agree must be at least this.
        case agreement(min: Double)
        /// The mean distance of paired numbers, as a share of `shadow.range`, must be at most this.
        case distance(max: Double)
    }

    package var metric: Metric
    /// A pass excludes that the share (or the mean distance) is beyond its bound by more than this.
    package var passMargin: Double
    package var minSamples: Int

    package init(metric: Metric, passMargin: Double = 0.01, minSamples: Int = 0) {
        self.metric = metric
        self.passMargin = passMargin
        self.minSamples = minSamples
    }
}
