import ModelManifests

/// The number of an observation's values in each bucket, since counting began.
package enum ReplayBuckets: Hashable, Sendable {
    /// In the order of the manifest, with the rest last.
    case counts([Int])
    /// By upper edge or class.
    case labelled([String: Int])
}

extension ReplayBuckets {
    /// The labels of a line as buckets: edges in order, then classes in order, and one more for the rest.
    static func buckets(of labels: some Sequence<String>) -> PredictionBuckets {
        func number(_ label: String) -> Double? { Double(label).flatMap { $0.isNaN ? nil : $0 } }
        let ordered = Set(labels).sorted { left, right in
            switch (number(left), number(right)) {
            case (let one?, let other?) where one != other: one < other
            case (.some, nil): true
            case (nil, .some): false
            default: left < right
            }
        }
        return .classes(Array(ordered.prefix(PredictionBuckets.countLimit - 1)))
    }

    /// - Parameter buckets: the named buckets, if there are any. A class that they do not name belongs to the rest.
    /// - Returns: nil if the values were counted with other edges, because they cannot be sorted again.
    func inOrder(_ buckets: PredictionBuckets?) -> [Int]? {
        switch self {
        case .counts(let counts): return counts
        case .labelled(let labelled):
            guard let buckets else { return [] }
            var counts = Array(repeating: 0, count: buckets.count)
            for (label, count) in labelled {
                guard let index = buckets.index(of: label) else { return nil }
                counts[index] = counts[index].addingOrFull(count)
            }
            return counts
        }
    }
}

extension PredictionBuckets {
    /// The index for the label of a bucket, not for a value.
    fileprivate func index(of label: String) -> Int? {
        switch self {
        case .classes(let classes): return classes.firstIndex(of: label) ?? classes.count
        // A recording has the counts of automatic buckets in order.
        case .automatic: return nil
        case .edges(let edges):
            guard let edge = Double(label) else { return nil }
            if edge == .infinity { return edges.count }
            return edge.isFinite ? edges.firstIndex { SideCounts.same($0, edge) } : nil
        }
    }
}

extension Int {
    /// Adds without overflow: a recording may contain any number.
    func addingOrFull(_ other: Int) -> Int {
        let (sum, isOverflown) = addingReportingOverflow(other)
        return isOverflown ? .max : sum
    }
}
