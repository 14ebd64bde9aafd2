import Foundation

/// Fixed buckets for values that nobody described beforehand. They are the same for every model, so that both revisions, all
/// proxies and a recording sort values alike.
///
/// Shares, probabilities and small whole numbers (often classes) have their own buckets. Larger and negative numbers share
/// groups by magnitude, and texts share groups by hash. Different values may share a group; a model that moves between
/// values of one group looks unchanged.
package enum AutomaticBuckets {
    /// Upper edges from 0 to 10: bucket i holds numbers above edge i - 1 and up to edge i; the first bucket holds 0 only.
    private static let edges: [Double] = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    private static let largeGroups = 6
    private static let negativeGroups = 4
    private static let textGroups = 6

    private static let firstLarge = edges.count
    private static let firstNegative = firstLarge + largeGroups
    private static let firstText = firstNegative + negativeGroups

    package static let count = firstText + textGroups

    /// - Returns: nil where the number is not finite.
    package static func bucket(of number: Double) -> Int? {
        guard number.isFinite else { return nil }
        if number < 0 { return firstNegative + group(-number, base: 1.7, of: negativeGroups) }
        return edges.firstIndex { number <= $0 } ?? firstLarge + group(number, base: 1.3, of: largeGroups)
    }

    package static func bucket(of text: String) -> Int {
        // FNV-1a: the same on every machine, unlike Swift's own hash.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return firstText + Int(hash % UInt64(textGroups))
    }

    /// The group of a magnitude: powers of `base`, taken modulo the number of groups.
    private static func group(_ magnitude: Double, base: Double, of groups: Int) -> Int {
        let power = Int((log(magnitude) / log(base)).rounded(.down))
        return ((power % groups) + groups) % groups
    }

    /// A label such as `prediction 3` or `prediction of text group 2`.
    static func label(_ index: Int, of name: String) -> String {
        if index == 0 { return "\(name) 0" }
        if index < firstLarge {
            let (low, high) = (edges[index - 1].shortText, edges[index].shortText)
            return "\(low) < \(name) ≤ \(high)"
        }
        if index < firstNegative { return "\(name) over 10, magnitude group \(index - firstLarge + 1)" }
        if index < firstText { return "\(name) under 0, magnitude group \(index - firstNegative + 1)" }
        return "\(name) of text group \(index - firstText + 1)"
    }
}
