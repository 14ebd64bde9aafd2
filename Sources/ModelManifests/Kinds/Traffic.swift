import JSON

/// A sampled look at the answers: one value of each, sorted into buckets, counted by revision.
public struct PredictionObservation: Hashable, Codable, Sendable {
    public enum Subject: String, CaseIterable, Codable, Sendable { case answer, request }

    /// What is observed under no name of its own, and what gates look at that name nothing.
    public static let defaultName = "prediction"

    public var name: String
    public var subject: Subject
    /// Where in the JSON the value is: `outputs[0].data[0]`.
    public var path: JSONPath
    public var buckets: PredictionBuckets
    /// Share of the requests that are looked at.
    public var sample: Double
    /// At most so many a second of one proxy, and only while there are two revisions; nil: as many as are drawn, always.
    public var mostPerSecond: Int?

    public init(
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

/// Recorded requests that are sent to both sides while a candidate is judged, for services with little traffic of their
/// own. Marked as synthetic, and counted apart.
public struct SyntheticTraffic: Hashable, Codable, Sendable {
    public var ratePerSecond: Double
    /// A file in the candidate's model folder: a line is a body, or {path, body}, as for `runtime.warmup`.
    public var requests: String
    /// Where lines without a path of their own are posted to: of a deployment, never nil.
    public var path: String?

    public init(ratePerSecond: Double, requests: String, path: String? = nil) {
        self.ratePerSecond = ratePerSecond
        self.requests = requests
        self.path = path
    }
}

/// How answers of stable and of a shadow are held against each other.
public struct ShadowComparison: Hashable, Codable, Sendable {
    /// The part of the answers that is compared; empty: all of it.
    public var path: JSONPath
    /// Numbers that differ by no more than this agree.
    public var tolerance: Double
    /// The largest distance of two numbers; what is further apart counts as this.
    public var range: Double
    /// Requests with a larger body are not copied, and answers with a larger one not compared.
    public var maxBodyBytes: Int

    public static let defaultMaxBodyBytes = 1 << 20
    /// All bodies that are held at a time, of all deployments, are four times as much.
    public static let largestMaxBodyBytes = 16 << 20

    public init(
        path: JSONPath = JSONPath(steps: []), tolerance: Double = 0, range: Double = 1,
        maxBodyBytes: Int = ShadowComparison.defaultMaxBodyBytes
    ) {
        self.path = path
        self.tolerance = tolerance
        self.range = range
        self.maxBodyBytes = maxBodyBytes
    }

    /// Plans and routes that an older controller kept know no bound.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        path = try fields.decode(JSONPath.self, forKey: .path)
        tolerance = try fields.decode(Double.self, forKey: .tolerance)
        range = try fields.decode(Double.self, forKey: .range)
        maxBodyBytes = try fields.decodeIfPresent(Int.self, forKey: .maxBodyBytes) ?? Self.defaultMaxBodyBytes
    }
}
