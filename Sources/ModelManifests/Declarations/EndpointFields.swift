/// How `spec.endpoint` and `spec.target` are written.
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

    static let target = Shape<Target>.object(
        .local,
        fields: [
            Field(
                "kind", .choice(of: "target", available: [TargetKind.local]), "Where the model is served.",
                isRequired: true
            ) {
                _, _ in
            },
            .unavailable("cluster", "leave it out"),
            .unavailable("router", "leave it out: a local service is routed by mlctl's own proxy"),
        ])

    private enum TargetKind: String, CaseIterable { case local, kubernetes }
}
