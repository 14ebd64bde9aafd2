/// Every parser of foreign input.
enum FuzzTargets {
    static let all: [FuzzTarget] =
        [
            // The data plane: clients, model servers and routes.
            .requestHead, .responseHead, .chunkedBody, .http2Fields, .jsonScanner, .answerPair, .compressedBody,
            .proxyRoutes,
            .recordedRequests,
            // Manifests and settings.
            .yamlDocuments, .manifests, .manifestRevert, .ignoreRules, .manifestWords, .canonicalJSON, .settings,
            // Evidence.
            .expositionPage, .prometheusAnswer, .webAnswer, .replayData, .csvData,
            // Kubernetes.
            .kubeconfig, .watchStream, .execCredential, .clusterObjects,
            // Git and model stores.
            .gitOutput, .gitWords, .storageAnswer, .storeListing, .registryAnswer, .tarArchive, .zipArchive,
            // The API, its clients, and receivers of notifications.
            .eventStream, .signedRequests, .outcomes, .hookDelivery, .browserInput, .webhookAddress,
            // mlctl's own model server, and what runs servers.
            .inferenceRequest, .modelFile, .probeAnswer, .processText, .keeperState,
            // Records.
            .rolloutRecord, .keptPages,
            // Output.
            .escapes, .redactor,
        ]

    static func named(_ name: String) -> FuzzTarget? { all.first { $0.name == name } }

    /// Extreme values of counters, sizes and times.
    static let extremes = [
        "0", "-1", "1", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "18446744073709551615",
        "4294967296", "1e308", "-1e308", "1e400", "5e-324", "0.1", "NaN", "+Inf", "-Inf",
    ]
    static let json = ["{", "}", "[", "]", ":", ",", "\"", "\\u0000", "\\ud800", "\\\"", "null", "true", "false"]
}
