import JSON

/// An observation of requests or answers: one value of each, sorted into buckets and counted by revision.
package struct PredictionObservation: Hashable, Codable, Sendable {
    package enum Subject: String, CaseIterable, Codable, Sendable { case answer, request }

    /// The name of an observation without a name, and of the observation that a gate without `observe` uses.
    package static let defaultName = "prediction"

    package var name: String
    package var subject: Subject
    /// The place of the value in the JSON: `outputs[0].data[0]`.
    package var path: JSONPath
    package var buckets: PredictionBuckets
    /// The share of requests that are observed.
    package var sample: Double
    /// The most observations per second and proxy, made only while two revisions serve; nil observes all drawn requests, always.
    package var mostPerSecond: Int?

    package init(
        name: String, subject: Subject = .answer, path: JSONPath, buckets: PredictionBuckets, sample: Double = 1,
        mostPerSecond: Int? = nil
    ) {
        self.mostPerSecond = mostPerSecond
        self.name = name
        self.subject = subject
        self.path = path
        self.buckets = buckets
        self.sample = sample
    }
}

/// Recorded requests that are sent to both revisions while a candidate is evaluated, for services with little traffic. They
/// are marked as synthetic and counted separately.
package struct SyntheticTraffic: Hashable, Codable, Sendable {
    package var ratePerSecond: Double
    /// A file in the candidate's model folder. Each line is a body, or {path, body}, as for `runtime.warmup`.
    package var requests: String
    /// The path for lines without their own path; never nil in a resolved deployment.
    package var path: String?

    package init(ratePerSecond: Double, requests: String, path: String? = nil) {
        self.ratePerSecond = ratePerSecond
        self.requests = requests
        self.path = path
    }
}

/// How the answers of stable and of a shadow are compared.
package struct ShadowComparison: Hashable, Codable, Sendable {
    /// The part of the answers that is compared; an empty path means the whole answer.
    package var path: JSONPath
    /// Numbers that differ by at most this agree.
    package var tolerance: Double
    /// The largest distance of two numbers; a larger distance counts as this.
    package var range: Double
    /// Requests with a larger body are not copied; larger answers are not compared.
    package var maxBodyBytes: Int

    package static let defaultMaxBodyBytes = 1 << 20
    /// The proxy holds at most four times this for the bodies of all deployments together.
    package static let largestMaxBodyBytes = 16 << 20

    package init(
        path: JSONPath = JSONPath(steps: []), tolerance: Double = 0, range: Double = 1,
        maxBodyBytes: Int = ShadowComparison.defaultMaxBodyBytes
    ) {
        self.path = path
        self.tolerance = tolerance
        self.range = range
        self.maxBodyBytes = maxBodyBytes
    }

    /// Plans and routes that an older controller wrote have no bound on bodies.
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        path = try fields.decode(JSONPath.self, forKey: .path)
        tolerance = try fields.decode(Double.self, forKey: .tolerance)
        range = try fields.decode(Double.self, forKey: .range)
        maxBodyBytes = try fields.decodeIfPresent(Int.self, forKey: .maxBodyBytes) ?? Self.defaultMaxBodyBytes
    }
}
