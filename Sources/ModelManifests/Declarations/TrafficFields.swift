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
            Field("sticky", sticky, "Keeps each user on the revision that answered them first.") { $0.routing = $1 },
            Field("match", match, "Somebody else assigns users: the candidate answers requests with this value.") {
                $0.routing = $1
            },
            Field(
                "observe", PredictionGateFields.observations,
                "Values in requests and answers that gates read. [] for none."
            ) {
                $0.observe = $1
            },
            Field(
                "generate", generate,
                "Recorded requests that are sent to both revisions, where there is little traffic."
            ) {
                $0.generate = $1
            },
        ], rules: [.atMostOne(["sticky", "match"])])

    private static let sticky = Shape<Routing>.object(
        .random,
        fields: [
            Field("header", token("header"), "The request header with the user's key, such as x-user-id.") {
                $0 = .stickyHeader($1)
            },
            Field("cookie", token("cookie"), "The cookie with the user's key.") { $0 = .stickyCookie($1) },
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
            Field("value", .text(atMost: 256), "The value in requests that the candidate answers.", isRequired: true) {
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
            Field(
                "rate", .number(0...1000, isOpen: true), "Requests per second, for both revisions together.",
                isRequired: true
            ) {
                $0.ratePerSecond = $1
            },
            Field(
                "requests", RuntimeFields.relativePath,
                "A file in the candidate's model folder. Each line is a body, or {path, body}.", isRequired: true
            ) { $0.requests = $1 },
            Field(
                "path", ProbeFields.httpPath,
                "The path for lines without their own path. Default: /v2/models/NAME/infer."
            ) {
                $0.path = $1
            },
        ])

    static func token(_ noun: String) -> Shape<String> {
        Shape<String>.string(atMost: 256).map { text, node, reading in
            guard !NameRules.isToken(text) else { return text }
            reading.report("'\(text.shortened)' is not the name of a \(noun)", at: node.place)
            return nil
        }.schema(adding: ["pattern": .string(NameRules.tokenPattern)])
    }
}
