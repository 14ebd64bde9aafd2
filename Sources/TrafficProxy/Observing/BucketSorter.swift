import JSON
import ModelManifests

/// Sorts values into the buckets of an observation.
struct BucketSorter: Sendable {
    private let edges: [Double]?
    private var isAutomatic = false
    private var labels: [String: Int] = [:]
    private var numbers: [Double: Int] = [:]
    private let rest: Int

    init(_ buckets: PredictionBuckets) {
        rest = buckets.count - 1
        switch buckets {
        case .edges(let edges): self.edges = edges
        case .automatic:
            edges = nil
            isAutomatic = true
        case .classes(let classes):
            edges = nil
            for (index, label) in classes.enumerated() {
                labels[label] = index
                // A class may be written as a number: 1 and 1.0 are the same.
                if let number = Double(label) { numbers[number] = index }
            }
        }
    }

    /// The bucket of a value: that of the first edge at or above it, or that of its label, or else the last bucket, which holds
    /// the rest.
    /// - Returns: nil if the value's type does not match the buckets.
    func bucket(_ value: JSONScalar) -> Int? {
        if let edges {
            guard case .number(let number) = value else { return nil }
            return edges.firstIndex { number <= $0 } ?? rest
        }
        if isAutomatic { return automaticBucket(value) }
        return switch value {
        case .string(let label): labels[label] ?? rest
        case .number(let number): numbers[number] ?? rest
        case .boolean(let boolean): labels[boolean ? "true" : "false"] ?? rest
        }
    }

    private func automaticBucket(_ value: JSONScalar) -> Int? {
        switch value {
        case .string(let text): AutomaticBuckets.bucket(of: text)
        case .number(let number): AutomaticBuckets.bucket(of: number)
        case .boolean(let boolean): AutomaticBuckets.bucket(of: boolean ? 1 : 0)
        }
    }
}
