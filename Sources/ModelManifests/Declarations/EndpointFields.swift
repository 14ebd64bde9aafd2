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
}
