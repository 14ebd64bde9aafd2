/// The fields of gates on predictions, of observations and of prediction profiles.
enum PredictionGateFields {
    static let distribution = Shape<DistributionGate>.object(
        DistributionGate(observe: PredictionObservation.defaultName),
        fields: [
            Field("observe", .shortName, observeSummary) { $0.observe = $1 },
            Field("maxShift", .number(0...1), "The share of predictions that may have moved; 0.05.") {
                $0.maxShift = $1
            },
            Field(
                "passShift", .number(0...1, isOpen: true),
                "A pass excludes that a bucket's share differs by more than this; 0.10."
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
                    "must be above maxShift (\(gate.maxShift)), or no candidate could ever pass", field: "passShift",
                    of: node)
            }
        }
    ).checkedByServer(
        ServerRule(
            "!has(self.passShift) || self.passShift > (has(self.maxShift) ? self.maxShift : 0.05)",
            "passShift must be above maxShift, or no candidate could ever pass"))

    static let drift = Shape<WrittenGateKind>.object(
        WrittenGateKind(kind: .drift(DriftGate(observe: PredictionObservation.defaultName))),
        fields: [
            Field("observe", .shortName, observeSummary) { gate, name in
                change(&gate) { $0.observe = name }
            },
            Field("distance", .choice(of: "distance"), "psi or jensenShannon; psi.") { gate, distance in
                change(&gate) { $0.distance = distance }
            },
            Field("max", .number(0...100, isOpen: true), "Beyond this it has drifted; 0.2, or 0.1 for jensenShannon.") {
                gate, max in
                change(&gate) { $0.max = max }
            },
            Field("profile", .dnsLabel, "A PredictionProfile of the namespace; against stable where not given.") {
                $0.profile = $1
            },
            Field("minSamples", .wholeNumber(50...1_000_000_000), "Fewer of the candidate's decide nothing; 200.") {
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
        "One of traffic.observe; the one without a name where not given, which is '\(PredictionObservation.defaultName)'."

    private static func change(_ gate: inout WrittenGateKind, _ body: (inout DriftGate) -> Void) {
        guard case .drift(var drift) = gate.kind else { return }
        body(&drift)
        gate.kind = .drift(drift)
    }

    static let agreement = Shape<AgreementGate>.object(
        AgreementGate(metric: .agreement(min: 0.99)),
        fields: [
            Field("min", .number(0...1), "The least share of pairs that agree.", isRequired: true) {
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
        Field("passMargin", .number(0...1, isOpen: true), "A pass excludes being beyond the bound by more; 0.01.") {
            $0.passMargin = $1
        },
        minSamples { $0.minSamples = $1 },
    ]

    private static func minSamples<Gate>(_ set: @escaping @Sendable (inout Gate, Int) -> Void) -> Field<Gate> {
        Field("minSamples", .wholeNumber(0...1_000_000_000), "No pass before the candidate has this many.", set: set)
    }

    // MARK: - Observations and profiles

    /// `spec` of a PredictionProfile.
    static let profile = Shape<PredictionProfile>.object(
        PredictionProfile(buckets: .edges([]), counts: []),
        fields: bucketFields { $0.buckets = $1 } + [
            Field(
                "counts", .list(.wholeNumber(0...1_000_000_000_000), count: 2...PredictionBuckets.countLimit),
                "How many fell into each bucket, those of the rest last.", isRequired: true
            ) { $0.counts = $1 }
        ],
        rules: [.exactlyOne(["buckets", "classes"])],
        check: { profile, node, reading in
            if profile.buckets.count != profile.counts.count, !profile.counts.isEmpty {
                reading.report(
                    "has \(profile.counts.count) entries for \(profile.buckets.count) buckets, the rest included",
                    field: "counts", of: node, suggestion: "write it with 'mlctl profile'")
            }
            if profile.counts.allSatisfy({ $0 == 0 }), !profile.counts.isEmpty {
                reading.report("are all 0: a profile of nothing", field: "counts", of: node)
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
            Field("name", .shortName, "What gates call it; \(PredictionObservation.defaultName).") { $0.name = $1 },
            Field("of", .choice(of: "subject"), "answer or request; answer.") { $0.subject = $1 },
            Field("path", path, "Where in the JSON the value is: outputs[0].data[0].", isRequired: true) {
                $0.path = $1
            },
            Field("sample", .number(0.000_001...1), "Share of the requests that are looked at; all.") {
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
            Field("buckets", edges, "Upper edges of a number's buckets, ascending.") {
                set(&$0, .edges($1))
            },
            Field("classes", .list(.text(), count: 1...most), "Labels; one more bucket holds every other.") {
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
