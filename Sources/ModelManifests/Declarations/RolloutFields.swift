/// `spec.rollout` as written. Its gates may still be names of templates.
struct WrittenRollout: Sendable {
    /// The fields that need no further resolving.
    var spec = RolloutSpec()
    var keepFor: Duration?
    var test: WrittenTest?
    var steps: [WrittenStep]?
    var gates: [WrittenGate]?

    /// The gates that this rollout defines, in `gates` and in steps. Where `gates` is nil, the default gates are added later.
    var definedGates: [WrittenGate] {
        let inSteps = (steps ?? []).compactMap(\.gate).filter(\.isDefinition)
        guard !inSteps.isEmpty else { return gates ?? [] }
        return (gates ?? []) + inSteps
    }

    /// The rollout with its templates and profiles looked up, and with the strategy's defaults.
    func resolved(kind: (WrittenGate) -> GateSpec.Kind?, hasSyntheticTraffic: Bool) -> RolloutSpec {
        var resolved = spec
        let defined = definedGates.compactMap { gate -> GateSpec? in
            guard let name = gate.name, let kind = kind(gate) else { return nil }
            return GateSpec(name: name, kind: kind, warnOnly: gate.warnOnly)
        }
        let defaults = RolloutSpec.defaultGates(of: spec.strategy, hasSyntheticTraffic: hasSyntheticTraffic)
        resolved.gates = (gates == nil ? defaults : []) + defined
        resolved.steps = RolloutSpec.defaultSteps(
            of: spec.strategy, judgedOnRecordedRequests: hasSyntheticTraffic ? resolved.gates : [], share: test?.share)
        if let steps {
            resolved.steps = steps.compactMap { step in step.action.map { RolloutStep($0, advance: step.advance) } }
        }
        if spec.strategy == .blueGreen {
            resolved.preview = spec.preview ?? Preview()
            resolved.probation = Probation(duration: keepFor ?? RolloutSpec.defaultKeepFor)
        }
        if let test {
            resolved.gates.append(GateSpec(name: GoalGate.name, kind: .goal(test.goal)))
            resolved.progressDeadline = test.horizon
            resolved.onInsufficient = test.onInconclusive
        }
        return resolved
    }
}

/// `rollout.ab` as written.
struct WrittenTest: Sendable {
    var share = 50
    var goal = GoalGate(quantity: CounterRatio(outcome: ""))
    var horizon: Duration = .seconds(14 * 86_400)
    var onInconclusive = RolloutSpec.InsufficientAction.pause
}

/// One step as written.
struct WrittenStep: Sendable {
    /// For a step with a gate this holds the gate's name.
    var action: RolloutStep.Action?
    var advance: RolloutStep.Advance = .done
    var gate: WrittenGate?
    var place = SourcePlace(line: 1, column: 1)
}

/// The fields of `spec.rollout`.
enum RolloutFields {
    static let shape = Shape<WrittenRollout>.object(
        WrittenRollout(),
        fields: [
            Field(
                "strategy", .choice(of: "strategy"),
                "canary: step by step; blueGreen: all at once after its gates; ab: a test; shadow: on copies; recreate."
            ) {
                $0.spec.strategy = $1
            },
            Field(
                "capacity", .choice(of: "capacity"),
                "surge: the candidate runs beside the stable; drainThenLoad: where there is nothing to spare."
            ) {
                $0.spec.capacity = $1
            },
            Field("preview", preview, "Where the candidate can be tried before it has traffic.", countsWhenEmpty: true)
            {
                $0.spec.preview = $1
            },
            Field(
                "keepFor", .duration(.seconds(1)...GoDuration.longest),
                "blueGreen: how long the old revision is kept warm after the switch; 10m."
            ) { $0.keepFor = $1 },
            Field("ab", test, "ab: the share, the goal and the end of the test.") { $0.test = $1 },
            Field("shadow", shadow, "shadow: how its answers are held against stable's.") { $0.spec.shadow = $1 },
            Field(
                "steps", steps, "What is done, one after the other; it ends with setWeight: 100."
            ) {
                $0.steps = $1
            },
            Field("gates", .list(GateFields.gate, count: 0...32), "Watched on every step.") { $0.gates = $1 },
            Field(
                "slices", SliceFields.slices,
                "Parts of the traffic on which each comparing gate of requests is judged too, under the same promise."
            ) { $0.spec.slices = $1 },
            Field(
                "falseRollbackRate", .number(0...1, isOpen: true),
                "How often a good candidate may be rolled back, all comparing gates and looks together; 0.01."
            ) { $0.spec.falseRollbackRate = $1 },
            Field("missedRegressionRate", .number(0...1, isOpen: true), "How often a pass may be wrong; 0.05.") {
                $0.spec.missedRegressionRate = $1
            },
            Field("progressDeadline", .duration(.seconds(1)...GoDuration.longest), "Without pauses and approvals; 30m.")
            {
                $0.spec.progressDeadline = $1
            },
            Field("onInsufficient", .choice(of: "action"), "When the deadline comes without enough data; pause.") {
                $0.spec.onInsufficient = $1
            },
            Field("onFailure", .choice(of: "action"), "When a gate fails; rollback.") { $0.spec.onFailure = $1 },
            Field(
                "unavailableAfter", .duration(.seconds(1)...GoDuration.longest),
                "A candidate that was not available for so long, in any two minutes or twice as long, has failed; 30s."
            ) { $0.spec.unavailableAfter = $1 },
            Field(
                "selfCheckShare", .number(0...1),
                "In this share of its rollouts stable is judged against itself, to count false alarms; 0.25."
            ) { $0.spec.selfCheckShare = $1 },
            Field("probation", probation, "Keeps the old revision warm after promotion.") { $0.spec.probation = $1 },
        ],
        check: { rollout, node, reading in
            RolloutRules.checkWeights(rollout.steps ?? [], node, &reading)
            RolloutRules.checkGateNames(rollout, node, &reading)
        }
    ).checkedByServer(RolloutServerRules.all)

    /// An empty list does not mean the default steps: those are used only where the field is left out.
    private static let steps: Shape<[WrittenStep]> = {
        let list = Shape<[WrittenStep]>.list(step, count: 1...100)
        return Shape(
            read: { node, reading in
                guard case .sequence(let items) = node.content, items.isEmpty else { return list.read(node, &reading) }
                reading.report(
                    "has no step, and a rollout ends with setWeight: 100", at: node.place,
                    suggestion: "write [{setWeight: 100}], or leave steps out for those that are there by default")
                return nil
            }, canonical: list.canonical, schema: list.schema)
    }()

    private static let step = Shape<WrittenStep>.object(
        WrittenStep(),
        fields: [
            Field("setWeight", .wholeNumber(0...100), "The candidate's share of the traffic, in per cent.") {
                $0.action = .setWeight($1)
            },
            Field("mirror", .wholeNumber(0...100), "The share of the traffic that is copied to the candidate.") {
                $0.action = .mirror($1)
            },
            Field("pause", pause, "Ends by the clock; without a duration, by mlctl promote.", countsWhenEmpty: true) {
                $0.action = .pause($1)
            },
            Field("gate", GateFields.stepGate, "Held until the gate passes.") {
                $0.gate = $1
                $0.action = $1.name.map { .gate($0) }
            },
            Field("approval", approval, "Held until mlctl promote.", countsWhenEmpty: true) { step, _ in
                step.action = .approval
            },
            Field("advance", .choice(of: "advance"), "evidence: left as soon as all gates pass.") { $0.advance = $1 },
        ],
        rules: [.exactlyOne(actions)],
        check: { step, node, _ in
            step.place = node.place
            // With two actions it is unclear which one was meant.
            if actions.count(where: { node.entry($0) != nil }) > 1 { step.action = nil }
        })

    private static let actions = ["setWeight", "mirror", "pause", "gate", "approval"]

    private static let pause = Shape<Duration?>.object(
        nil, fields: [Field("duration", .duration(), "How long.") { $0 = $1 }])

    private struct WrittenApproval: Sendable {}

    private static let approval = Shape<WrittenApproval>.object(WrittenApproval(), fields: [])

    private static let preview = Shape<Preview>.object(
        Preview(),
        fields: [
            Field("port", .wholeNumber(1...65_535), "Its local port; chosen and kept where not given.") { $0.port = $1 }
        ])

    private static let test = Shape<WrittenTest>.object(
        WrittenTest(),
        fields: [
            Field("share", .wholeNumber(1...99), "The candidate's share of the users, in per cent; 50.") {
                $0.share = $1
            },
            Field("goal", CompareFields.goal, "What the better revision has more of, or less.", isRequired: true) {
                $0.goal = $1
            },
            Field("horizon", .duration(.seconds(1)...GoDuration.longest), "When the test ends without a winner; 336h.")
            {
                $0.horizon = $1
            },
            Field("onInconclusive", .choice(of: "action"), "What happens then; pause.") { $0.onInconclusive = $1 },
        ])

    private static let shadow = Shape<ShadowComparison>.object(
        ShadowComparison(),
        fields: [
            Field("path", PredictionGateFields.path, "The part of the answers that is compared; all of it.") {
                $0.path = $1
            },
            Field("tolerance", .number(0...1e12), "Numbers that differ by no more agree; 0.") { $0.tolerance = $1 },
            Field("range", .number(0...1e12, isOpen: true), "The largest distance of two numbers; 1.") {
                $0.range = $1
            },
            Field(
                "maxBody", bodySize,
                "Requests with a larger body are not copied, and answers with a larger one not compared; 1Mi."
            ) { $0.maxBodyBytes = $1 },
        ])

    private static let bodySize = Shape<Quantity>.quantity.map { quantity, node, reading -> Int? in
        if let bytes = quantity.whole(), (1024...ShadowComparison.largestMaxBodyBytes).contains(bytes) { return bytes }
        reading.report("must be whole bytes, from 1Ki to 16Mi", at: node.place)
        return nil
    }.checkedByServer(
        ServerRule(
            "!quantity(string(self)).isLessThan(quantity('1Ki')) && !quantity(string(self)).isGreaterThan(quantity('16Mi'))",
            "must be whole bytes, from 1Ki to 16Mi"))

    private static let probation = Shape<Probation>.object(
        Probation(duration: .zero),
        fields: [
            Field("duration", .duration(.seconds(1)...GoDuration.longest), "How long.", isRequired: true) {
                $0.duration = $1
            },
            Field("holdback", .wholeNumber(0...99), "Per cent of the traffic that stays with the old revision; 0.") {
                $0.holdback = $1
            },
        ])
}

/// Rules that relate several fields of a rollout.
enum RolloutRules {
    static func checkWeights(_ steps: [WrittenStep], _ rollout: SourceNode, _ reading: inout DocumentReading) {
        // Steps that could not be read are reported already.
        guard let last = steps.last, case .sequence(let items)? = rollout["steps"]?.content, items.count == steps.count
        else { return }
        var weight = 0
        var rises = true
        for (index, step) in steps.enumerated() {
            guard case .setWeight(let next)? = step.action else { continue }
            rises = rises && next >= weight
            if next < weight {
                report(
                    "setWeight falls from \(weight) to \(next)", step: index, of: steps, &reading,
                    suggestion: "weights rise from step to step; a rollback is what takes traffic away")
            } else if weight == 100 {
                report("setWeight: 100 stands twice", step: index, of: steps, &reading)
            }
            weight = max(weight, next)
        }
        switch last.action {
        case .setWeight(100)?, nil: break
        case .setWeight? where !rises && weight == 100: break
        case _ where weight == 100:
            report(
                "stands after setWeight: 100, where the rollout ends", step: steps.count - 1, of: steps, &reading,
                suggestion: "use probation: {duration: …} to go on watching after promotion")
        default:
            report(
                "the steps end at \(weight) %, not at 100 %", step: steps.count - 1, of: steps, &reading,
                suggestion: "add '- setWeight: 100' at the end")
        }
    }

    static func checkGateNames(_ rollout: WrittenRollout, _ node: SourceNode, _ reading: inout DocumentReading) {
        var seen: [String: SourcePlace?] = [:]
        if rollout.gates == nil {
            for gate in RolloutSpec.defaultGates { seen[gate.name] = .some(nil) }
        }
        for (index, gate) in (rollout.gates ?? []).enumerated() {
            guard let name = gate.name else { continue }
            if let first = seen[name] {
                reading.report(twice(name, first), within: [.field("gates"), .index(index)], at: gate.place)
            } else {
                seen[name] = gate.place
            }
        }
        for (index, step) in (rollout.steps ?? []).enumerated() {
            guard let gate = step.gate, gate.isDefinition, let name = gate.name else { continue }
            if let first = seen[name] {
                reading.report(
                    twice(name, first), within: [.field("steps"), .index(index), .field("gate")], at: gate.place)
            } else {
                seen[name] = gate.place
            }
        }
        for (index, step) in (rollout.steps ?? []).enumerated() {
            guard let gate = step.gate, !gate.isDefinition, let name = gate.name else { continue }
            let path: [PathElement] = [.field("steps"), .index(index), .field("gate"), .field("name")]
            if rollout.gates?.contains(where: { $0.name == name && $0.warnOnly }) == true {
                reading.report(
                    "gate '\(name)' is warnOnly, and a step cannot wait for it", within: path, at: gate.place,
                    suggestion: "take the step out, or warnOnly off the gate")
            }
            guard seen[name] == nil else { continue }
            reading.report(
                "there is no gate '\(name)'", within: path, at: gate.place,
                suggestion: DidYouMean.suggestion(for: name, among: seen.keys.sorted(), noun: "the gates are")
                    ?? "add it to rollout.gates")
        }
    }

    private static func twice(_ name: String, _ first: SourcePlace?) -> String {
        let place =
            first.map { "the first on line \($0.line)" } ?? "the first among the gates that are there by default"
        return "two gates are named '\(name)', \(place)"
    }

    private static func report(
        _ message: String, step index: Int, of steps: [WrittenStep], _ reading: inout DocumentReading,
        suggestion: String? = nil
    ) {
        var path: [PathElement] = [.field("steps"), .index(index)]
        if case .setWeight? = steps[index].action { path.append(.field("setWeight")) }
        reading.report(message, within: path, at: steps[index].place, suggestion: suggestion)
    }
}

extension DocumentReading {
    /// Reports a problem at a path below the current one.
    mutating func report(
        _ message: String, within deeper: [PathElement], at place: SourcePlace, suggestion: String? = nil
    ) {
        for element in deeper { enter(element) }
        report(message, at: place, suggestion: suggestion)
        for _ in deeper { leave() }
    }
}
