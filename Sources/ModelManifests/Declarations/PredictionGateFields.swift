import JSON

/// The fields of gates on predictions, of observations and of prediction profiles.
enum PredictionGateFields {
    static let distribution = Shape<DistributionGate>.object(
        DistributionGate(observe: PredictionObservation.defaultName),
        fields: [
            Field("observe", .shortName, observeSummary) { $0.observe = $1 },
            Field("maxShift", .number(0...1), "The share of predictions that may move to other values. Default: 0.05.")
            {
                $0.maxShift = $1
            },
            Field(
                "passShift", .number(0...1, isOpen: true),
                "A passing verdict excludes that a bucket's share differs by more than this. Default: 0.10."
            ) {
                $0.passShift = $1
            },
            minSamples { $0.minSamples = $1 },
        ],
        check: { gate, node, reading in
            // The default must stay above maxShift, or no candidate could pass.
            if node["passShift"] == nil { gate.passShift = min(1, max(gate.passShift, 2 * gate.maxShift)) }
            if gate.maxShift >= gate.passShift {
                reading.report(
                    "must be above maxShift (\(gate.maxShift)): otherwise no candidate could pass", field: "passShift",
                    of: node)
            }
        }
    ).checkedByServer(
        ServerRule(
            "!has(self.passShift) || self.passShift > (has(self.maxShift) ? self.maxShift : 0.05)",
            "passShift must be above maxShift: otherwise no candidate could pass"))

    static let drift = Shape<WrittenGateKind>.object(
        WrittenGateKind(kind: .drift(DriftGate(observe: PredictionObservation.defaultName))),
        fields: [
            Field("observe", .shortName, observeSummary) { gate, name in
                change(&gate) { $0.observe = name }
            },
            Field("distance", .choice(of: "distance"), "psi or jensenShannon. Default: psi.") { gate, distance in
                change(&gate) { $0.distance = distance }
            },
            Field(
                "max", .number(0...100, isOpen: true),
                "A larger distance fails. Default: 0.2, or 0.1 for jensenShannon."
            ) {
                gate, max in
                change(&gate) { $0.max = max }
            },
            Field(
                "profile", .dnsLabel,
                "A PredictionProfile of the namespace to compare with. Default: stable's predictions."
            ) {
                $0.profile = $1
            },
            Field(
                "minSamples", .wholeNumber(50...1_000_000_000),
                "With fewer samples of the candidate the gate decides nothing. Default: 200."
            ) {
                gate, count in
                change(&gate) { $0.minSamples = count }
            },
        ],
        check: { gate, node, _ in
            guard node["max"] == nil, case .drift(let drift) = gate.kind, drift.distance == .jensenShannon else {
                return
            }
            change(&gate) { $0.max = 0.1 }
        })

    private static let observeSummary =
        "The name of an entry of traffic.observe. Default: '\(PredictionObservation.defaultName)', the entry without a name."

    private static func change(_ gate: inout WrittenGateKind, _ body: (inout DriftGate) -> Void) {
        guard case .drift(var drift) = gate.kind else { return }
        body(&drift)
        gate.kind = .drift(drift)
    }

    static let agreement = Shape<AgreementGate>.object(
        AgreementGate(metric: .agreement(min: 0.99)),
        fields: [
            Field("min", .number(0...1), "The smallest share of pairs that must agree.", isRequired: true) {
                $0.metric = .agreement(min: $1)
            }
        ] + pairFields)

    static let distance = Shape<AgreementGate>.object(
        AgreementGate(metric: .distance(max: 0.01)),
        fields: [
            Field("max", .number(0...1), "The largest mean distance, as a share of shadow.range.", isRequired: true) {
                $0.metric = .distance(max: $1)
            }
        ] + pairFields)

    private static let pairFields: [Field<AgreementGate>] = [
        Field(
            "passMargin", .number(0...1, isOpen: true),
            "A passing verdict excludes a value this far beyond the bound. Default: 0.01."
        ) {
            $0.passMargin = $1
        },
        minSamples { $0.minSamples = $1 },
    ]

    private static func minSamples<Gate>(_ set: @escaping @Sendable (inout Gate, Int) -> Void) -> Field<Gate> {
        Field(
            "minSamples", .wholeNumber(0...1_000_000_000),
            "The gate cannot pass before the candidate has this many samples.", set: set)
    }

    // MARK: - Observations and profiles

    /// `spec` of a PredictionProfile.
    static let profile = Shape<PredictionProfile>.object(
        PredictionProfile(buckets: .edges([]), counts: []),
        fields: bucketFields { $0.buckets = $1 } + [
            Field(
                "counts", .list(.wholeNumber(0...1_000_000_000_000), count: 2...PredictionBuckets.countLimit),
                "The number of values in each bucket; all other values come last.", isRequired: true
            ) { $0.counts = $1 }
        ],
        rules: [.exactlyOne(["buckets", "classes"])],
        check: { profile, node, reading in
            if profile.buckets.count != profile.counts.count, !profile.counts.isEmpty {
                reading.report(
                    "has \(profile.counts.count) entries for \(profile.buckets.count) buckets, including the one for all other values",
                    field: "counts", of: node, suggestion: "create the profile with 'mlctl profile'")
            }
            if profile.counts.allSatisfy({ $0 == 0 }), !profile.counts.isEmpty {
                reading.report("are all 0: the profile is empty", field: "counts", of: node)
            }
        })

    /// `traffic.observe`: a list, or a single observation.
    static let observations = Shape<[PredictionObservation]>.listOrOne(of: observation, count: 0...8).map {
        observations, node, reading in
        reading.reportRepeated(observations.map(\.name), in: node, noun: "observations are named")
        return observations
    }

    private static let observation = Shape<PredictionObservation>.object(
        PredictionObservation(
            name: PredictionObservation.defaultName, path: JSONPath(steps: []), buckets: .automatic),
        fields: [
            Field("name", .shortName, "The name that gates refer to. Default: \(PredictionObservation.defaultName).") {
                $0.name = $1
            },
            Field("of", .choice(of: "subject"), "answer or request. Default: answer.") { $0.subject = $1 },
            Field("path", path, "The place of the value in the JSON, such as outputs[0].data[0].", isRequired: true) {
                $0.path = $1
            },
            Field("sample", .number(0.000_001...1), "The share of requests that are observed. Default: all.") {
                $0.sample = $1
            },
        ] + bucketFields { $0.buckets = $1 },
        rules: [.atMostOne(["buckets", "classes"])])

    static let path = Shape<String>.text().map { text, node, reading -> JSONPath? in
        if let path = JSONPath(text) { return path }
        reading.report("'\(text.shortened)' is not a path", at: node.place, suggestion: "such as outputs[0].data[0]")
        return nil
    }

    private static func bucketFields<Object>(
        set: @escaping @Sendable (inout Object, PredictionBuckets) -> Void
    ) -> [Field<Object>] {
        let most = PredictionBuckets.countLimit - 1
        return [
            Field("buckets", edges, "Upper edges of the buckets of numbers, ascending.") {
                set(&$0, .edges($1))
            },
            Field("classes", .list(.text(), count: 1...most), "Labels. All other values share one more bucket.") {
                set(&$0, .classes($1))
            },
        ]
    }

    private static let edges = Shape<[Double]>.list(
        .number(-Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude),
        count: 1...(PredictionBuckets.countLimit - 1)
    ).map { edges, node, reading -> [Double]? in
        guard zip(edges, edges.dropFirst()).allSatisfy({ $0 < $1 }) else {
            reading.report("must be ascending", at: node.place, suggestion: "such as [0.1, 0.25, 0.5, 0.75, 0.9]")
            return nil
        }
        return edges
    }
}
