/// The demo's models and requests, compiled into the program from `manifests/demo`.
package enum DemoFleet {
    package static let modelName = "biopsy-screen"
    /// The path that `requests` are posted to.
    package static let inferPath = "/v2/models/biopsy-screen/infer"
    /// A logistic regression on ten measurements.
    package static let modelV1 = text(PackageResources.model_v1_json)
    /// Boosted trees on thirty measurements: better.
    package static let modelV2 = text(PackageResources.model_v2_json)
    /// Boosted trees with features on the log scale: no score where a logarithm is not finite.
    package static let modelV3 = text(PackageResources.model_v3_json)
    /// Held-out rows, as requests of one to four samples.
    package static let requests = text(PackageResources.requests_jsonl).split(separator: "\n").map(String.init)

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
