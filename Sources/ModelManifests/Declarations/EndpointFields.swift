/// How `spec.endpoint` is written.
enum EndpointFields {
    static let endpoint = Shape<Endpoint>.object(
        Endpoint(),
        fields: [
            Field(
                "port", .wholeNumber(1...65_535),
                "The port of the service. Local: chosen and kept where not given; in a cluster: 80."
            ) {
                $0.port = $1
            },
            Field(
                "requestTimeout", .duration(.milliseconds(1)...GoDuration.longest),
                "A request not answered by then is an error of the instance; 60s."
            ) { $0.requestTimeout = $1 },
        ])

    /// `spec.drain`.
    static let drain = Shape<Drain>.object(
        Drain(),
        fields: [
            Field(
                "timeout", .duration(.zero...longestDrain),
                "Requests that are not answered by then are cut; as long as endpoint.requestTimeout."
            ) { $0.timeout = $1 },
            Field("streamTimeout", .duration(.zero...longestDrain), "The same for answers that are streamed; 10m.") {
                $0.streamTimeout = $1
            },
        ])

    /// Whoever leaves holds its processors and its memory for so long.
    private static let longestDrain = Duration.seconds(24 * 3600)
}
