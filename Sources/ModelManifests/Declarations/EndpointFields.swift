/// How `spec.endpoint`, `spec.traffic` and `spec.target` are written.
enum EndpointFields {
    static let endpoint = Shape<Endpoint>.object(
        Endpoint(),
        fields: [
            Field("port", .wholeNumber(1...65_535), "The local port of the service; chosen and kept where not given.") {
                $0.port = $1
            },
            Field(
                "requestTimeout", .duration(.milliseconds(1)...GoDuration.longest),
                "A request not answered by then is an error of the instance; 60s."
            ) { $0.requestTimeout = $1 },
        ])

    static let traffic = Shape<Routing>.object(
        .random,
        fields: [
            Field("sticky", sticky, "Who has seen a revision stays with it.") { $0 = $1 },
            .unavailable("generate", "leave it out and send the traffic yourself"),
        ])

    static let target = Shape<Target>.object(
        .local,
        fields: [
            Field("kind", .choice(of: "target", available: [.local]), "Where the model is served.", isRequired: true) {
                $0 = $1
            },
            .unavailable("cluster", "leave it out"),
            .unavailable("router", "leave it out: a local service is routed by mlctl's own proxy"),
        ])

    private static let sticky = Shape<Routing>.object(
        .random,
        fields: [
            Field("header", token("header"), "The request header that carries the key, such as x-user-id.") {
                $0 = .stickyHeader($1)
            },
            Field("cookie", token("cookie"), "The cookie that carries the key.") { $0 = .stickyCookie($1) },
        ],
        rules: [.exactlyOne(["header", "cookie"])])

    private static func token(_ noun: String) -> Shape<String> {
        Shape<String>.string(atMost: 256).map { text, node, reading in
            guard !NameRules.isToken(text) else { return text }
            reading.report("'\(text.shortened)' is not a name of a \(noun)", at: node.place)
            return nil
        }
    }
}
