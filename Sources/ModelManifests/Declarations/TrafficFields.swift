/// `spec.traffic` as written.
struct WrittenTraffic: Sendable {
    var routing = Routing.random
    /// Nil means the default observation.
    var observe: [PredictionObservation]?
    var generate: SyntheticTraffic?
}

/// The fields of `spec.traffic`.
enum TrafficFields {
    static let shape = Shape<WrittenTraffic>.object(
        WrittenTraffic(),
        fields: [
            Field("sticky", sticky, "Who has seen a revision stays with it.") { $0.routing = $1 },
            Field("match", match, "Somebody else assigns: the candidate answers those who carry this value.") {
                $0.routing = $1
            },
            Field(
                "observe", PredictionGateFields.observations, "Values in the answers that gates look at; [] for none."
            ) {
                $0.observe = $1
            },
            Field("generate", generate, "Recorded requests for both sides, where there is little traffic.") {
                $0.generate = $1
            },
        ], rules: [.atMostOne(["sticky", "match"])])

    private static let sticky = Shape<Routing>.object(
        .random,
        fields: [
            Field("header", token("header"), "The request header that carries the key, such as x-user-id.") {
                $0 = .stickyHeader($1)
            },
            Field("cookie", token("cookie"), "The cookie that carries the key.") { $0 = .stickyCookie($1) },
        ],
        rules: [.exactlyOne(["header", "cookie"])])

    private struct WrittenMatch: Sendable {
        var header: String?
        var cookie: String?
        var value = ""
    }

    private static let match = Shape<WrittenMatch>.object(
        WrittenMatch(),
        fields: [
            Field("header", token("header"), "A request header, such as x-group.") { $0.header = $1 },
            Field("cookie", token("cookie"), "A cookie.") { $0.cookie = $1 },
            Field("value", .text(atMost: 256), "Its value for those whom the candidate answers.", isRequired: true) {
                $0.value = $1
            },
        ],
        rules: [.exactlyOne(["header", "cookie"])]
    ).map { match, _, _ -> Routing? in
        if let header = match.header { return .matchHeader(header, value: match.value) }
        return match.cookie.map { .matchCookie($0, value: match.value) }
    }

    private static let generate = Shape<SyntheticTraffic>.object(
        SyntheticTraffic(ratePerSecond: 0, requests: ""),
        fields: [
            Field("rate", .number(0...1000, isOpen: true), "Requests a second, both sides together.", isRequired: true)
            {
                $0.ratePerSecond = $1
            },
            Field(
                "requests", RuntimeFields.relativePath,
                "A file in the candidate's model folder: a line is a body, or {path, body}.", isRequired: true
            ) { $0.requests = $1 },
            Field(
                "path", ProbeFields.httpPath,
                "Where lines without a path of their own are posted to; /v2/models/NAME/infer."
            ) {
                $0.path = $1
            },
        ])

    static func token(_ noun: String) -> Shape<String> {
        Shape<String>.string(atMost: 256).map { text, node, reading in
            guard !NameRules.isToken(text) else { return text }
            reading.report("'\(text.shortened)' is not a name of a \(noun)", at: node.place)
            return nil
        }.schema(adding: ["pattern": .string(NameRules.tokenPattern)])
    }
}
