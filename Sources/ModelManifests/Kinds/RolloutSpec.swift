/// How a new revision takes over from the one that serves.
public struct RolloutSpec: Hashable, Codable, Sendable {
    public enum Strategy: String, CaseIterable, Codable, Sendable {
        case canary, blueGreen, ab, shadow, recreate

        /// Users' requests, or copies of them, go to both revisions while the candidate is judged.
        public var splitsRequests: Bool {
            switch self {
            case .canary, .ab, .shadow: true
            case .blueGreen, .recreate: false
            }
        }
    }
    public enum Capacity: String, CaseIterable, Codable, Sendable { case surge, drainThenLoad }
    /// What happens when the deadline comes without enough data.
    public enum InsufficientAction: String, CaseIterable, Codable, Sendable { case pause, rollback, promote }
    public enum FailureAction: String, CaseIterable, Codable, Sendable { case rollback, pause }

    public var strategy: Strategy
    public var capacity: Capacity
    public var steps: [RolloutStep]
    /// Watched on every step.
    public var gates: [GateSpec]
    /// Of all comparing gates and all looks of one rollout together.
    public var falseRollbackRate: Double
    /// Of a pass.
    public var missedRegressionRate: Double
    public var progressDeadline: Duration
    public var onInsufficient: InsufficientAction
    public var onFailure: FailureAction
    public var probation: Probation?
    /// Where the candidate can be tried before it has traffic; nil: nowhere.
    public var preview: Preview?
    public var shadow: ShadowComparison
    /// A candidate that was not available for so long in any `unavailabilityWindow` has failed.
    public var unavailableAfter: Duration
    /// Parts of the traffic on which comparing gates of requests are judged too.
    public var slices: [TrafficSlice]
    /// In this share of the rollouts stable is judged against itself, so that false alarms are counted.
    public var selfCheckShare: Double

    public init(
        strategy: Strategy = .canary, capacity: Capacity = .surge, steps: [RolloutStep] = RolloutSpec.defaultSteps,
        gates: [GateSpec] = RolloutSpec.defaultGates, falseRollbackRate: Double = 0.01,
        missedRegressionRate: Double = 0.05, progressDeadline: Duration = .seconds(1800),
        onInsufficient: InsufficientAction = .pause, onFailure: FailureAction = .rollback,
        probation: Probation? = nil, preview: Preview? = nil, shadow: ShadowComparison = ShadowComparison(),
        unavailableAfter: Duration = RolloutSpec.defaultUnavailableAfter, slices: [TrafficSlice] = [],
        selfCheckShare: Double = RolloutSpec.defaultSelfCheckShare
    ) {
        self.slices = slices
        self.selfCheckShare = selfCheckShare
        self.unavailableAfter = unavailableAfter
        self.strategy = strategy
        self.capacity = capacity
        self.steps = steps
        self.gates = gates
        self.falseRollbackRate = falseRollbackRate
        self.missedRegressionRate = missedRegressionRate
        self.progressDeadline = progressDeadline
        self.onInsufficient = onInsufficient
        self.onFailure = onFailure
        self.probation = probation
        self.preview = preview
        self.shadow = shadow
    }

    /// A record that an older controller kept knows no limit on unavailability, and no share of self-checks: it gets the
    /// defaults. Nor does it know slices.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        strategy = try fields.decode(Strategy.self, forKey: .strategy)
        capacity = try fields.decode(Capacity.self, forKey: .capacity)
        steps = try fields.decode([RolloutStep].self, forKey: .steps)
        gates = try fields.decode([GateSpec].self, forKey: .gates)
        falseRollbackRate = try fields.decode(Double.self, forKey: .falseRollbackRate)
        missedRegressionRate = try fields.decode(Double.self, forKey: .missedRegressionRate)
        progressDeadline = try fields.decode(Duration.self, forKey: .progressDeadline)
        onInsufficient = try fields.decode(InsufficientAction.self, forKey: .onInsufficient)
        onFailure = try fields.decode(FailureAction.self, forKey: .onFailure)
        probation = try fields.decodeIfPresent(Probation.self, forKey: .probation)
        preview = try fields.decodeIfPresent(Preview.self, forKey: .preview)
        shadow = try fields.decode(ShadowComparison.self, forKey: .shadow)
        unavailableAfter =
            try fields.decodeIfPresent(Duration.self, forKey: .unavailableAfter) ?? Self.defaultUnavailableAfter
        slices = try fields.decodeIfPresent([TrafficSlice].self, forKey: .slices) ?? []
        selfCheckShare =
            try fields.decodeIfPresent(Double.self, forKey: .selfCheckShare) ?? Self.defaultSelfCheckShare
    }

    public static let defaultUnavailableAfter: Duration = .seconds(30)
    public static let defaultSelfCheckShare = 0.25

    /// The stretch of time in which unavailable moments are added up.
    public var unavailabilityWindow: Duration { max(.seconds(120), unavailableAfter * 2) }

    /// The defaults of a careful person: a look at little traffic, a minute at a quarter, and evidence before all of it.
    public static let defaultSteps: [RolloutStep] = [
        RolloutStep(.setWeight(5)), RolloutStep(.pause(.seconds(60)), advance: .evidence),
        RolloutStep(.setWeight(25)), RolloutStep(.pause(.seconds(60)), advance: .evidence),
        RolloutStep(.setWeight(50)), RolloutStep(.setWeight(100)),
    ]

    /// The old revision of a blue-green switch is kept warm for this long.
    public static let defaultKeepFor: Duration = .seconds(600)

    /// - Parameter gates: the rollout's, where both sides answer recorded requests.
    static func defaultSteps(
        of strategy: Strategy, judgedOnRecordedRequests gates: [GateSpec], share: Int?
    ) -> [RolloutStep] {
        switch strategy {
        case .canary: defaultSteps
        case .recreate: [RolloutStep(.setWeight(100))]
        case .blueGreen:
            // After the switch it would be too late.
            gates.filter { $0.comparesRequests && !$0.warnOnly }.map { RolloutStep(.gate($0.name)) }
                + [RolloutStep(.setWeight(100))]
        case .ab:
            [RolloutStep(.setWeight(share ?? 50)), RolloutStep(.gate(GoalGate.name)), RolloutStep(.setWeight(100))]
        case .shadow: [RolloutStep(.mirror(100), advance: .evidence), RolloutStep(.setWeight(100))]
        }
    }

    /// A strategy that gives only one side traffic has nothing to compare by default.
    static func defaultGates(of strategy: Strategy, hasSyntheticTraffic: Bool) -> [GateSpec] {
        switch strategy {
        case .canary, .ab, .shadow: defaultGates
        case .blueGreen: hasSyntheticTraffic ? defaultGates : []
        case .recreate: []
        }
    }

    public static let defaultGates: [GateSpec] = [
        GateSpec(name: "errors", kind: .compare(CompareGate(metric: .errors))),
        GateSpec(name: "rejected", kind: .compare(CompareGate(metric: .rejected))),
        GateSpec(name: "slow", kind: .compare(CompareGate(metric: .slow))),
    ]
}

/// One line of the rollout.
public struct RolloutStep: Hashable, Codable, Sendable {
    public enum Action: Hashable, Codable, Sendable {
        /// The candidate's share of the traffic, in per cent.
        case setWeight(Int)
        /// The share of the traffic that is copied to the candidate, in per cent; its answers are compared, and discarded.
        case mirror(Int)
        /// Ends by the clock; without a duration, by `mlctl promote`.
        case pause(Duration?)
        /// Held until the gate of this name passes.
        case gate(String)
        /// Held until `mlctl promote`.
        case approval
    }
    public enum Advance: String, CaseIterable, Codable, Sendable {
        /// Left when the action itself is done.
        case done
        /// Left as soon as all gates pass.
        case evidence
    }

    public var action: Action
    public var advance: Advance

    public init(_ action: Action, advance: Advance = .done) {
        self.action = action
        self.advance = advance
    }
}

/// Keeps the old revision warm after promotion, with a share of the traffic if wanted.
public struct Probation: Hashable, Codable, Sendable {
    public var duration: Duration
    /// Per cent of the traffic that stays with the old revision.
    public var holdback: Int

    public init(duration: Duration, holdback: Int = 0) {
        self.duration = duration
        self.holdback = holdback
    }
}

/// A loopback port at which the candidate answers whoever asks it there.
public struct Preview: Hashable, Codable, Sendable {
    /// Nil lets mlctl choose one and keep it.
    public var port: Int?

    public init(port: Int? = nil) { self.port = port }
}
