/// The fields of probes, as in Kubernetes.
enum ProbeFields {
    static let probes = Shape<Probes>.object(
        Probes(),
        fields: [
            Field(
                "startup", startup,
                "The other probes start after it succeeds. Without failureThreshold it may take ten minutes."
            ) { $0.startup = $1 },
            Field("readiness", probe, "While it fails, the instance gets no traffic.") { $0.readiness = $1 },
            Field("liveness", probe, "When it fails, the instance is restarted.") { $0.liveness = $1 },
        ])

    static let httpPath = Shape<String>.string().map { text, node, reading -> String? in
        guard !text.hasPrefix("/") else { return text }
        reading.report("must begin with '/'", at: node.place, suggestion: "did you mean '/\(text.shortened)'?")
        return nil
    }.schema(adding: ["pattern": "^/"])

    /// Kubernetes would give a server thirty seconds to start, but large models take minutes to load. A start-up probe without
    /// a threshold gets the time that a server without a start-up probe has.
    private static let startup = probe.map { written, node, _ -> Probe? in
        guard node["failureThreshold"].map(\.isNull) ?? true else { return written }
        var probe = written
        probe.failureThreshold = Probe.failuresOfLongestStart(period: probe.period)
        return probe
    }

    private static let probe = Shape<Probe>.object(
        Probe(check: .tcpSocket(port: nil)),
        fields: [
            Field("httpGet", httpGet, "An HTTP GET request. A status from 200 to 399 is success.") {
                $0.check = .httpGet(path: $1.path, port: $1.port)
            },
            Field("tcpSocket", tcpSocket, "A TCP connection, which is opened and closed.", countsWhenEmpty: true) {
                $0.check = .tcpSocket(port: $1.port)
            },
            .unavailable("exec", "use httpGet or tcpSocket"),
            .unavailable("grpc", "use httpGet or tcpSocket"),
            Field("periodSeconds", seconds(from: 0.01), "The time between two probes. Default: 10.") { $0.period = $1 },
            Field("timeoutSeconds", seconds(from: 0.01), "The time limit of one probe. Default: 1.") {
                $0.timeout = $1
            },
            Field("initialDelaySeconds", seconds(from: 0), "The time before the first probe. Default: 0.") {
                $0.initialDelay = $1
            },
            Field(
                "failureThreshold", .wholeNumber(1...10_000),
                "Failures in a row that mean failure. Default: 3; for startup as many as fit in ten minutes."
            ) {
                $0.failureThreshold = $1
            },
            Field("successThreshold", .wholeNumber(1...10_000), "Successes in a row that mean success. Default: 1.") {
                $0.successThreshold = $1
            },
        ],
        rules: [.exactlyOne(["httpGet", "tcpSocket"])])

    private struct WrittenCheck: Sendable {
        var path = "/"
        var port: String?
    }

    private static let port = Field<WrittenCheck>(
        "port", .text(), "A port's name or its containerPort. Default: PORT."
    ) {
        $0.port = $1
    }

    private static let httpGet = Shape<WrittenCheck>.object(
        WrittenCheck(), fields: [Field("path", httpPath, "The path. Default: /.") { $0.path = $1 }, port])

    private static let tcpSocket = Shape<WrittenCheck>.object(WrittenCheck(), fields: [port])

    private static func seconds(from least: Double) -> Shape<Duration> {
        let mostSeconds = 86_400.0
        return Shape<Double>.number(least...mostSeconds).map { seconds, _, _ in .seconds(seconds) }
    }
}
