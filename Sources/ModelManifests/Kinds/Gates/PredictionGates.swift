/// Candidate and stable predict alike: the share of predictions that moved to another bucket is tested, anytime-valid.
public struct DistributionGate: Hashable, Codable, Sendable {
    /// One of `traffic.observe`.
    public var observe: String
    /// Tolerance: the share of predictions that may have moved (total variation distance).
    public var maxShift: Double
    /// A pass excludes that any bucket's share differs by more than this.
    public var passShift: Double
    public var minSamples: Int
    /// Those of the observation; nil where it is not known.
    public var buckets: PredictionBuckets?

    public init(
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

/// How far the candidate's live predictions (or an input) are from a reference. Carries no promise over looks, but takes
/// the noise of its samples into account.
public struct DriftGate: Hashable, Codable, Sendable {
    public enum Distance: String, CaseIterable, Codable, Sendable {
        /// Population stability index: `Σ (p − q) ln(p / q)`.
        case psi
        /// Jensen–Shannon distance: the square root of the divergence in bits; 0…1.
        case jensenShannon
    }

    public enum Reference: Hashable, Codable, Sendable {
        case stable
        case profile(PredictionProfile)
    }

    /// One of `traffic.observe`.
    public var observe: String
    public var distance: Distance
    public var max: Double
    public var reference: Reference
    public var minSamples: Int
    /// Those of the observation; nil where it is not known, and with a profile, which has the same.
    public var buckets: PredictionBuckets?

    public init(
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

/// Into what predictions are sorted.
public enum PredictionBuckets: Hashable, Codable, Sendable {
    /// Upper edges, ascending: bucket i holds values at or under edge i and over the one before; one more holds the rest.
    case edges([Double])
    /// Labels; one more bucket holds every other.
    case classes([String])
    /// Nothing is known of the values: see `AutomaticBuckets`.
    case automatic

    /// More would neither fit into a gate's evidence nor be read by people.
    public static let countLimit = 32

    /// The one for the rest included.
    public var count: Int {
        switch self {
        case .edges(let edges): edges.count + 1
        case .classes(let classes): classes.count + 1
        case .automatic: AutomaticBuckets.count
        }
    }

    /// The option of `mlctl profile` that sorts into the same: `--buckets 0.1,0.5`.
    var profileOption: String {
        switch self {
        case .edges(let edges): "--buckets \(edges.map(\.shortText).joined(separator: ","))"
        case .classes(let classes): "--classes '\(classes.joined(separator: ","))'"
        case .automatic: "--bins 10, with the same buckets in traffic.observe"
        }
    }

    /// What is in one of them, for people: `score ≤ 0.1`.
    ///
    /// - Parameters:
    ///   - index: 0 to `count` − 1.
    ///   - name: the value's, as the observation calls it.
    public func label(_ index: Int, of name: String) -> String {
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
    /// All its digits, whole numbers without a point: 0.1, 25.
    var shortText: String { Int(exactly: self).map(String.init) ?? "\(self)" }
}

extension GateSpec.Kind {
    /// With the buckets of what it looks at, if that is one of `observations`.
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

/// A distribution that was recorded before: of the training data, of last month.
public struct PredictionProfile: Hashable, Codable, Sendable {
    public var buckets: PredictionBuckets
    /// Of each bucket, the one for the rest last.
    public var counts: [Int]

    public init(buckets: PredictionBuckets, counts: [Int]) {
        self.buckets = buckets
        self.counts = counts
    }
}

/// Shadow: the candidate's answers against stable's to the very same requests.
public struct AgreementGate: Hashable, Codable, Sendable {
    public enum Metric: Hashable, Codable, Sendable {
        /// The share of pairs that agree is at least this.
        case agreement(min: Double)
        /// The mean distance of paired numbers, as a share of `shadow.range`, is at most this.
        case distance(max: Double)
    }

    public var metric: Metric
    /// A pass excludes that the share (or the mean distance) is beyond its bound by more than this.
    public var passMargin: Double
    public var minSamples: Int

    public init(metric: Metric, passMargin: Double = 0.01, minSamples: Int = 0) {
        self.metric = metric
        self.passMargin = passMargin
        self.minSamples = minSamples
    }
}
