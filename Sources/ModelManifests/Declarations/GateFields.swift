/// A gate as written: with its own definition, from a template, or only the name of a gate that is defined elsewhere.
struct WrittenGate: Sendable {
    var givenName: String?
    var template: String?
    var kind: WrittenGateKind?
    var warnOnly = false
    var place = SourcePlace(line: 1, column: 1)
    /// The path of its field, for problems that are found only when references are resolved.
    var path: [PathElement] = []

    var name: String? { givenName ?? template }
    /// The gate defines what it judges, and does not only name another gate.
    var isDefinition: Bool { kind != nil || template != nil }
}

/// What a gate judges, as written. A drift gate may still only name its profile.
struct WrittenGateKind: Hashable, Sendable {
    var kind: GateSpec.Kind
    var profile: String?

    /// - Returns: nil where the named profile does not exist.
    func resolved(profile: (String) -> PredictionProfile?) -> GateSpec.Kind? {
        guard let name = self.profile, case .drift(var gate) = kind else { return kind }
        guard let found = profile(name) else { return nil }
        gate.reference = .profile(found)
        return .drift(gate)
    }
}

/// The fields of gates.
enum GateFields {
    /// The fields that define what a gate judges.
    static let kinds = [
        "compare", "threshold", "distribution", "drift", "agreement", "distance", "check", "contract", "outcome",
    ]

    /// One entry of `rollout.gates`.
    static let gate = Shape<WrittenGate>.object(
        WrittenGate(), fields: fields, rules: [.exactlyOne(kinds + ["template"])],
        check: { gate, node, reading in
            placed(&gate, node, reading)
            if gate.name == nil, gate.kind != nil, node["name"] == nil {
                reading.report("is missing", field: "name", of: node, suggestion: "give the gate a name")
            }
        }
    ).checkedByServer(ServerRule("has(self.name) || has(self.template)", "name is missing"))

    /// A step's `gate`.
    static let stepGate = Shape<WrittenGate>.object(
        WrittenGate(), fields: fields,
        rules: [.atMostOne(kinds + ["template"]), .atLeastOne(["name", "template"])],
        check: { gate, node, reading in
            placed(&gate, node, reading)
            if case .check(var check)? = gate.kind?.kind {
                check.isOfStep = true
                gate.kind?.kind = .check(check)
            }
            if gate.warnOnly {
                reading.report(
                    "cannot be true here, because a step waits for its gate", field: "warnOnly", of: node,
                    suggestion: "remove the step and add the gate to rollout.gates")
            }
        }
    ).checkedByServer(ServerRule("!has(self.warnOnly) || !self.warnOnly", "a step's gate cannot be warnOnly"))

    /// `spec` of a GateTemplate.
    static let template = Shape<WrittenGateKind?>.object(
        nil, fields: kindFields { $0 = $1 }, rules: [.exactlyOne(kinds)])

    private static func placed(_ gate: inout WrittenGate, _ node: SourceNode, _ reading: DocumentReading) {
        gate.place = node.place
        gate.path = reading.path
    }

    private static let fields: [Field<WrittenGate>] =
        [
            Field("name", .shortName, "The gate's name in the status.") { $0.givenName = $1 },
            Field("template", .dnsLabel, "A GateTemplate of the namespace.") { $0.template = $1 },
            Field("warnOnly", .boolean, "The gate is evaluated and reported, but nothing acts on it. Default: false.") {
                $0.warnOnly = $1
            },
        ] + kindFields { $0.kind = $1 }

    private static func kindFields<Object>(
        set: @escaping @Sendable (inout Object, WrittenGateKind) -> Void
    ) -> [Field<Object>] {
        func field<Gate>(
            _ name: String, _ shape: Shape<Gate>, _ summary: String, countsWhenEmpty: Bool = false,
            _ kind: @escaping @Sendable (Gate) -> GateSpec.Kind
        ) -> Field<Object> {
            Field(name, shape, summary, countsWhenEmpty: countsWhenEmpty) {
                set(&$0, WrittenGateKind(kind: kind($1)))
            }
        }
        return [
            field(
                "compare", CompareFields.shape,
                "Compares the candidate with the stable revision that runs at the same time."
            ) {
                $0.kind
            },
            field("threshold", ThresholdFields.shape, "Compares one measured value with fixed bounds.") {
                .threshold($0)
            },
            field(
                "distribution", PredictionGateFields.distribution,
                "Compares the distributions of predictions of candidate and stable."
            ) { .distribution($0) },
            Field("drift", PredictionGateFields.drift, "Measures how far live predictions are from a reference.") {
                set(&$0, $1)
            },
            field("agreement", PredictionGateFields.agreement, "With a shadow: the share of answer pairs that agree.") {
                .agreement($0)
            },
            field("distance", PredictionGateFields.distance, "With a shadow: the mean distance of paired numbers.") {
                .agreement($0)
            },
            field(
                "check", CheckFields.shape, "A command that decides, before the candidate gets traffic or at its step."
            ) { .check($0) },
            field(
                "contract", CheckFields.contract, "Checks that the candidate accepts the same inputs as stable.",
                countsWhenEmpty: true
            ) { .contract($0) },
            field("outcome", CompareFields.outcome, "Compares outcomes that are reported later (ground truth).") {
                .compare($0)
            },
        ]
    }
}
