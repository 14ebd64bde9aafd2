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
                "canary: step by step; blueGreen: all at once after its gates; ab: a test; shadow: on copied requests; recreate."
            ) {
                $0.spec.strategy = $1
            },
            Field(
                "capacity", .choice(of: "capacity"),
                "surge: the candidate runs beside stable; drainThenLoad: stable stops first, for machines without spare room."
            ) {
                $0.spec.capacity = $1
            },
            Field("preview", preview, "A port to try the candidate before it gets traffic.", countsWhenEmpty: true) {
                $0.spec.preview = $1
            },
            Field(
                "keepFor", .duration(.seconds(1)...GoDuration.longest),
                "blueGreen: how long the old revision stays warm after the switch. Default: 10m."
            ) { $0.keepFor = $1 },
            Field("ab", test, "ab: the share, the goal and the end of the test.") { $0.test = $1 },
            Field("shadow", shadow, "shadow: how the candidate's answers are compared with stable's.") {
                $0.spec.shadow = $1
            },
            Field(
                "steps", steps, "The steps of the rollout. The last is setWeight: 100."
            ) {
                $0.steps = $1
            },
            Field("gates", .list(GateFields.gate, count: 0...32), "Gates that are evaluated on every step.") {
                $0.gates = $1
            },
            Field(
                "slices", SliceFields.slices,
                "Parts of the traffic that comparing gates also evaluate on their own, at the same false rollback rate."
            ) { $0.spec.slices = $1 },
            Field(
                "falseRollbackRate", .number(0...1, isOpen: true),
                "How often a good candidate may be rolled back, over all comparing gates together. Default: 0.01."
            ) { $0.spec.falseRollbackRate = $1 },
            Field("missedRegressionRate", .number(0...1, isOpen: true), "How often a pass may be wrong. Default: 0.05.")
            {
                $0.spec.missedRegressionRate = $1
            },
            Field(
                "progressDeadline", .duration(.seconds(1)...GoDuration.longest),
                "The time for the whole rollout, without pauses and approvals. Default: 30m."
            ) {
                $0.spec.progressDeadline = $1
            },
            Field(
                "onInsufficient", .choice(of: "action"),
                "What happens when the deadline passes without enough data. Default: pause."
            ) {
                $0.spec.onInsufficient = $1
            },
            Field("onFailure", .choice(of: "action"), "What happens when a gate fails. Default: rollback.") {
                $0.spec.onFailure = $1
            },
            Field(
                "unavailableAfter", .duration(.seconds(1)...GoDuration.longest),
                "A candidate fails when it is unavailable for this long within two minutes, or within twice this time. Default: 30s."
            ) { $0.spec.unavailableAfter = $1 },
            Field(
                "selfCheckShare", .number(0...1),
                "The share of rollouts in which stable is also compared with itself, to count false alarms. Default: 0.25."
            ) { $0.spec.selfCheckShare = $1 },
            Field("probation", probation, "Keeps the old revision warm after the promotion.") {
                $0.spec.probation = $1
            },
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
                    "is empty, but a rollout must end with setWeight: 100", at: node.place,
                    suggestion: "write [{setWeight: 100}], or leave steps out to use the default steps")
                return nil
            }, canonical: list.canonical, schema: list.schema)
    }()

    private static let step = Shape<WrittenStep>.object(
        WrittenStep(),
        fields: [
            Field("setWeight", .wholeNumber(0...100), "The candidate's share of the traffic, in percent.") {
                $0.action = .setWeight($1)
            },
            Field(
                "mirror", .wholeNumber(0...100), "The share of the traffic that is copied to the candidate, in percent."
            ) {
                $0.action = .mirror($1)
            },
            Field(
                "pause", pause, "Waits for this time. Without a duration it waits for mlctl promote.",
                countsWhenEmpty: true
            ) {
                $0.action = .pause($1)
            },
            Field("gate", GateFields.stepGate, "Waits until the gate passes.") {
                $0.gate = $1
                $0.action = $1.name.map { .gate($0) }
            },
            Field("approval", approval, "Waits for mlctl promote.", countsWhenEmpty: true) { step, _ in
                step.action = .approval
            },
            Field("advance", .choice(of: "advance"), "evidence: leave the step as soon as all gates pass.") {
                $0.advance = $1
            },
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
            Field("port", .wholeNumber(1...65_535), "Its port on this machine. Default: a free port, which is kept.") {
                $0.port = $1
            }
        ])

    private static let test = Shape<WrittenTest>.object(
        WrittenTest(),
        fields: [
            Field("share", .wholeNumber(1...99), "The candidate's share of the users, in percent. Default: 50.") {
                $0.share = $1
            },
            Field("goal", CompareFields.goal, "The quantity that decides which revision is better.", isRequired: true) {
                $0.goal = $1
            },
            Field(
                "horizon", .duration(.seconds(1)...GoDuration.longest),
                "When the test ends without a winner. Default: 336h."
            ) {
                $0.horizon = $1
            },
            Field("onInconclusive", .choice(of: "action"), "What happens when there is no winner. Default: pause.") {
                $0.onInconclusive = $1
            },
        ])

    private static let shadow = Shape<ShadowComparison>.object(
        ShadowComparison(),
        fields: [
            Field(
                "path", PredictionGateFields.path,
                "The part of the answers that is compared. Default: the whole answer."
            ) {
                $0.path = $1
            },
            Field("tolerance", .number(0...1e12), "Numbers agree if they differ by at most this. Default: 0.") {
                $0.tolerance = $1
            },
            Field("range", .number(0...1e12, isOpen: true), "The largest distance of two numbers. Default: 1.") {
                $0.range = $1
            },
            Field(
                "maxBody", bodySize,
                "Requests with a larger body are not copied; larger answers are not compared. Default: 1Mi."
            ) { $0.maxBodyBytes = $1 },
        ])

    private static let bodySize = Shape<Quantity>.quantity.map { quantity, node, reading -> Int? in
        if let bytes = quantity.whole(), (1024...ShadowComparison.largestMaxBodyBytes).contains(bytes) { return bytes }
        reading.report("must be a whole number of bytes from 1Ki to 16Mi", at: node.place)
        return nil
    }.checkedByServer(
        ServerRule(
            "!quantity(string(self)).isLessThan(quantity('1Ki')) && !quantity(string(self)).isGreaterThan(quantity('16Mi'))",
            "must be a whole number of bytes from 1Ki to 16Mi"))

    private static let probation = Shape<Probation>.object(
        Probation(duration: .zero),
        fields: [
            Field(
                "duration", .duration(.seconds(1)...GoDuration.longest), "How long the probation lasts.",
                isRequired: true
            ) {
                $0.duration = $1
            },
            Field(
                "holdback", .wholeNumber(0...99),
                "The share of the traffic that stays with the old revision, in percent. Default: 0."
            ) {
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
                    suggestion: "weights must rise from step to step; only a rollback lowers them")
            } else if weight == 100 {
                report("setWeight: 100 is given twice", step: index, of: steps, &reading)
            }
            weight = max(weight, next)
        }
        switch last.action {
        case .setWeight(100)?, nil: break
        case .setWeight? where !rises && weight == 100: break
        case _ where weight == 100:
            report(
                "comes after setWeight: 100, where the rollout ends", step: steps.count - 1, of: steps, &reading,
                suggestion: "use probation: {duration: …} to keep evaluating after the promotion")
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
                    "gate '\(name)' is warnOnly, so a step cannot wait for it", within: path, at: gate.place,
                    suggestion: "remove the step, or remove warnOnly from the gate")
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
            first.map { "the first on line \($0.line)" } ?? "the first is a default gate"
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
