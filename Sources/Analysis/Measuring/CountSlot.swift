import Foundation

/// The counts of one part of a window. Coded as a list without names, because a window has many parts.
struct CountSlot: Hashable, Sendable {
    var fromSeconds: Double
    var toSeconds: Double
    var requests = 0
    var errors = 0
    var rejected = 0
    /// Counts for each bucket, not cumulative.
    var latency = BucketCounts()

    init(fromSeconds: Double, toSeconds: Double) { (self.fromSeconds, self.toSeconds) = (fromSeconds, toSeconds) }

    mutating func absorb(_ counts: SideCounts, until now: Double, keepsLatency: Bool) {
        toSeconds = max(toSeconds, now)
        requests += counts.meant.requests
        errors += counts.meant.failed
        rejected += counts.rejected
        guard keepsLatency, !counts.bounds.isEmpty else { return }
        var before = 0
        for (index, cumulative) in (counts.latency.prefix(counts.bounds.count) + [counts.latencyTotal]).enumerated() {
            latency.add(cumulative - before, at: index)
            before = cumulative
        }
    }
}

extension CountSlot: Codable {
    init(from decoder: any Decoder) throws {
        var row = try decoder.unkeyedContainer()
        fromSeconds = try row.decode(Double.self)
        toSeconds = try row.decode(Double.self)
        requests = try row.decode(Int.self)
        errors = try row.decode(Int.self)
        rejected = try row.decode(Int.self)
        latency = try row.decode(BucketCounts.self)
    }

    func encode(to encoder: any Encoder) throws {
        var row = encoder.unkeyedContainer()
        try row.encode(fromSeconds)
        try row.encode(toSeconds)
        try row.encode(requests)
        try row.encode(errors)
        try row.encode(rejected)
        try row.encode(latency)
    }
}

/// Counts by bucket, up to the last that is not empty. Coded as base64 of the number of empty buckets at the start and
/// then each count, seven bits per byte, lowest first (LEB128). Most counts take one byte.
struct BucketCounts: Hashable, Sendable {
    private(set) var counts: [Int] = []

    mutating func add(_ count: Int, at index: Int) {
        guard count > 0 else { return }
        while counts.count <= index { counts.append(0) }
        counts[index] += count
    }
}

extension BucketCounts: Codable {
    /// More buckets than any histogram has.
    private static let countLimit = 1_000_000

    func encode(to encoder: any Encoder) throws {
        let empty = counts.prefix { $0 == 0 }.count
        var bytes: [UInt8] = []
        for number in counts.isEmpty ? [] : [empty] + counts.dropFirst(empty) {
            var rest = number
            while rest > 0x7f {
                bytes.append(UInt8(rest & 0x7f) | 0x80)
                rest >>= 7
            }
            bytes.append(UInt8(rest))
        }
        var container = encoder.singleValueContainer()
        try container.encode(Data(bytes).base64EncodedString())
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let data = Data(base64Encoded: try container.decode(String.self)), let numbers = Self.numbers(data),
            (numbers.first ?? 0) <= Self.countLimit, numbers.count <= Self.countLimit
        else { throw DecodingError.dataCorruptedError(in: container, debugDescription: "no counts of buckets") }
        counts = Array(repeating: 0, count: numbers.first ?? 0) + numbers.dropFirst()
    }

    /// Nil if a number is cut off, or is larger than any count.
    private static func numbers(_ data: Data) -> [Int]? {
        var (numbers, number, shift) = ([Int](), 0, 0)
        for byte in data {
            guard shift < Int.bitWidth - 7 else { return nil }
            number |= Int(byte & 0x7f) << shift
            shift += 7
            if byte & 0x80 == 0 {
                numbers.append(number)
                (number, shift) = (0, 0)
            }
        }
        return shift == 0 ? numbers : nil
    }
}
