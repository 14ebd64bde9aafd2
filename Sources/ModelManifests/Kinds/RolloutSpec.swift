/// How a new revision takes over from the one that serves.
package struct RolloutSpec: Hashable, Codable, Sendable {
    package enum Strategy: String, CaseIterable, Codable, Sendable {
        case canary, blueGreen, ab, shadow, recreate

        /// Users' requests, or copies of them, go to both revisions while the candidate is evaluated.
        package var splitsRequests: Bool {
            switch self {
            case .canary, .ab, .shadow: true
            case .blueGreen, .recreate: false
            }
        }
    }
    package enum Capacity: String, CaseIterable, Codable, Sendable { case surge, drainThenLoad }
    /// What happens when the deadline comes without enough data.
    package enum InsufficientAction: String, CaseIterable, Codable, Sendable { case pause, rollback, promote }
    package enum FailureAction: String, CaseIterable, Codable, Sendable { case rollback, pause }

    package var strategy: Strategy
    package var capacity: Capacity
    package var steps: [RolloutStep]
    /// Evaluated on every step.
    package var gates: [GateSpec]
    /// For all comparing gates and all evaluations of one rollout together.
    package var falseRollbackRate: Double
    /// The probability that a pass is wrong.
    package var missedRegressionRate: Double
    package var progressDeadline: Duration
    package var onInsufficient: InsufficientAction
    package var onFailure: FailureAction
    package var probation: Probation?
    /// Where the candidate can be tried before it gets traffic; nil means nowhere.
    package var preview: Preview?
    package var shadow: ShadowComparison
    /// A candidate that is unavailable for this long within `unavailabilityWindow` has failed.
    package var unavailableAfter: Duration
    /// Parts of the traffic that comparing gates of requests also evaluate on their own.
    package var slices: [TrafficSlice]
    /// The share of rollouts in which stable is also compared with itself, to count false alarms.
    package var selfCheckShare: Double

    package init(
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

    /// A record that an older controller wrote has no limit on unavailability and no self-check share, so it gets the defaults.
    /// It has no slices either.
    package init(from decoder: any Decoder) throws {
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

    package static let defaultUnavailableAfter: Duration = .seconds(30)
    package static let defaultSelfCheckShare = 0.25

    /// The period over which unavailable time is added up.
    package var unavailabilityWindow: Duration { max(.seconds(120), unavailableAfter * 2) }

    /// The default steps: little traffic first, then a quarter for a minute, and evidence before all traffic.
    package static let defaultSteps: [RolloutStep] = [
        RolloutStep(.setWeight(5)), RolloutStep(.pause(.seconds(60)), advance: .evidence),
        RolloutStep(.setWeight(25)), RolloutStep(.pause(.seconds(60)), advance: .evidence),
        RolloutStep(.setWeight(50)), RolloutStep(.setWeight(100)),
    ]

    /// How long the old revision of a blue-green switch stays warm.
    package static let defaultKeepFor: Duration = .seconds(600)

    /// - Parameter gates: the rollout's gates, where both revisions answer recorded requests; otherwise empty.
    static func defaultSteps(
        of strategy: Strategy, judgedOnRecordedRequests gates: [GateSpec], share: Int?
    ) -> [RolloutStep] {
        switch strategy {
        case .canary: defaultSteps
        case .recreate: [RolloutStep(.setWeight(100))]
        case .blueGreen:
            // After the switch there is no stable revision to compare with.
            gates.filter { $0.comparesRequests && !$0.warnOnly }.map { RolloutStep(.gate($0.name)) }
                + [RolloutStep(.setWeight(100))]
        case .ab:
            [RolloutStep(.setWeight(share ?? 50)), RolloutStep(.gate(GoalGate.name)), RolloutStep(.setWeight(100))]
        case .shadow: [RolloutStep(.mirror(100), advance: .evidence), RolloutStep(.setWeight(100))]
        }
    }

    /// A strategy that gives traffic to only one revision has nothing to compare by default.
    static func defaultGates(of strategy: Strategy, hasSyntheticTraffic: Bool) -> [GateSpec] {
        switch strategy {
        case .canary, .ab, .shadow: defaultGates
        case .blueGreen: hasSyntheticTraffic ? defaultGates : []
        case .recreate: []
        }
    }

    package static let defaultGates: [GateSpec] = [
        GateSpec(name: "errors", kind: .compare(CompareGate(metric: .errors))),
        GateSpec(name: "rejected", kind: .compare(CompareGate(metric: .rejected))),
        GateSpec(name: "slow", kind: .compare(CompareGate(metric: .slow))),
    ]
}

/// One line of the rollout.
package struct RolloutStep: Hashable, Codable, Sendable {
    package enum Action: Hashable, Codable, Sendable {
        /// The candidate's share of the traffic, in percent.
        case setWeight(Int)
        /// The share of the traffic that is copied to the candidate, in percent. Its answers are compared and discarded.
        case mirror(Int)
        /// Waits for this time; without a duration, for `mlctl promote`.
        case pause(Duration?)
        /// Waits until the gate of this name passes.
        case gate(String)
        /// Waits for `mlctl promote`.
        case approval
    }
    package enum Advance: String, CaseIterable, Codable, Sendable {
        /// The step ends when its action is done.
        case done
        /// The step ends as soon as all gates pass.
        case evidence
    }

    package var action: Action
    package var advance: Advance

    package init(_ action: Action, advance: Advance = .done) {
        self.action = action
        self.advance = advance
    }
}

/// Keeps the old revision warm after the promotion, with a share of the traffic if wanted.
package struct Probation: Hashable, Codable, Sendable {
    package var duration: Duration
    /// The percentage of the traffic that stays with the old revision.
    package var holdback: Int

    package init(duration: Duration, holdback: Int = 0) {
        self.duration = duration
        self.holdback = holdback
    }
}

/// A loopback port at which the candidate answers before it gets traffic.
package struct Preview: Hashable, Codable, Sendable {
    /// Nil lets mlctl choose one and keep it.
    package var port: Int?

    package init(port: Int? = nil) { self.port = port }
}
