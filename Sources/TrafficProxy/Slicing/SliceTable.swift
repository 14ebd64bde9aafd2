import HTTP1
import JSON
import ModelManifests
import Serving

/// The values that a route's slices distinguish, as long as there are two revisions in the route.
///
/// The most frequent values (`top`) are chosen from the first requests with a second revision in the route, mostly while that
/// revision still loads. The outcome of requests has no influence. A chosen value stays, and counters start from zero on both
/// sides at that moment.
final class SliceTable {
    /// How many requests are examined to choose the most frequent values.
    static let requestsToChoose = 500
    /// A value with fewer requests than this was seen by chance. It is not chosen, because it would take a part of the evidence
    /// from others.
    static let leastRequests = 3

    private struct Column {
        var slice: TrafficSlice
        /// Nil if the value is in the body.
        var header: RequestKey?
        /// The slots of its values. Other values share the slot after them. Nil until the values are chosen.
        var slots: Range<Int>?
        var values: [[UInt8]] = []
        /// Frequencies, until the values are chosen.
        var frequencies: [[UInt8]: Int] = [:]
        var looked = 0
    }

    let slices: [TrafficSlice]
    private var columns: [Column]
    /// Labels by slot.
    private(set) var labels: [String] = []

    init(_ slices: [TrafficSlice]) {
        self.slices = slices
        columns = slices.prefix(TrafficSlice.countLimit).map { slice in
            if case .header(let name) = slice.key {
                Column(slice: slice, header: RequestKey(header: name))
            } else {
                Column(slice: slice)
            }
        }
        for index in columns.indices {
            if case .listed(let values) = columns[index].slice.values {
                take(values.map { Array($0.utf8) }, at: index)
            }
        }
    }

    private func take(_ values: [[UInt8]], at index: Int) {
        let slice = columns[index].slice
        columns[index].values = values
        columns[index].slots = labels.count..<(labels.count + values.count)
        columns[index].frequencies = [:]
        labels += values.map { slice.label(String(decoding: $0, as: UTF8.self)) } + [slice.label(TrafficSlice.other)]
    }

    /// The slices of one request. Values in the body are read later.
    func marks(_ bytes: UnsafePointer<UInt8>, _ head: RequestHead, _ spans: [FieldSpan]) -> SliceMarks {
        var marks = SliceMarks(table: self)
        for index in columns.indices {
            guard let header = columns[index].header else {
                marks.needsBody = true
                continue
            }
            let value = header.value(bytes, head, spans).map {
                UnsafeRawBufferPointer(start: bytes + $0.lowerBound, count: $0.count)
            }
            marks.slots[index] = slot(of: value, at: index)
        }
        return marks
    }

    /// - Parameter body: nil if it cannot be read.
    fileprivate func readBody(_ body: UnsafeRawBufferPointer?, into marks: inout SliceMarks) {
        for index in columns.indices {
            guard case .path(let path) = columns[index].slice.key else { continue }
            let text = body.flatMap { Self.text(at: path, in: $0) }
            var value = text ?? ""
            marks.slots[index] = value.withUTF8 {
                slot(of: $0.isEmpty ? nil : UnsafeRawBufferPointer($0), at: index)
            }
        }
    }

    private static func text(at path: JSONPath, in body: UnsafeRawBufferPointer) -> String? {
        guard let range = (try? JSONScanner.range(of: path, in: body)) ?? nil,
            range.count <= TrafficSlice.valueBytesMax * 6 + 2
        else { return nil }
        switch JSONScalar(body, range) {
        case .string(let text): return text
        // The text as written: 1 and 1.0 are two values.
        case .number, .boolean: return String(decoding: body[range], as: UTF8.self)
        case nil: return nil
        }
    }

    /// - Returns: -1 until the values are chosen.
    private func slot(of value: UnsafeRawBufferPointer?, at index: Int) -> Int8 {
        guard let slots = columns[index].slots else {
            look(at: value, at: index)
            return -1
        }
        guard let value else { return Int8(slots.upperBound) }
        let place = columns[index].values.firstIndex { known in
            known.count == value.count && known.elementsEqual(value)
        }
        return Int8(slots.lowerBound + (place ?? slots.count))
    }

    private func look(at value: UnsafeRawBufferPointer?, at index: Int) {
        columns[index].looked += 1
        if let value, value.count <= TrafficSlice.valueBytesMax {
            columns[index].frequencies[Array(value), default: 0] += 1
        }
        guard columns[index].looked >= Self.requestsToChoose, case .top(let count) = columns[index].slice.values
        else { return }
        let ordered = columns[index].frequencies.filter { $0.value >= Self.leastRequests && Self.isValue($0.key) }
            .sorted {
                $0.value == $1.value ? $0.key.lexicographicallyPrecedes($1.key) : $0.value > $1.value
            }
        take(ordered.prefix(count).map(\.key), at: index)
    }

    private static func isValue(_ bytes: [UInt8]) -> Bool {
        guard let text = String(validating: bytes, as: UTF8.self) else { return false }
        return text != TrafficSlice.other && TrafficSlice.isValue(text)
    }
}

/// The slices of one request.
struct SliceMarks {
    let table: SliceTable
    /// The slot of each slice. -1 until its values are chosen.
    var slots = SIMD4<Int8>(repeating: -1)
    /// The value of a slice is in the request's body, which is not read yet.
    fileprivate(set) var needsBody = false

    fileprivate init(table: SliceTable) { self.table = table }

    mutating func readBody(_ body: UnsafeRawBufferPointer?) {
        guard needsBody else { return }
        needsBody = false
        table.readBody(body, into: &self)
    }
}

/// Checks the slices of a route.
extension RoutesValidation {
    static func check(_ slices: [TrafficSlice]) -> [String] {
        var problems: [String] = []
        if slices.count > TrafficSlice.countLimit { problems.append("over \(TrafficSlice.countLimit) slices") }
        if Set(slices.map(\.name)).count != slices.count { problems.append("a slice is listed twice") }
        if slices.reduce(0, { $0 + $1.valueCount - 1 }) > TrafficSlice.valueLimit {
            problems.append("the slices have over \(TrafficSlice.valueLimit) values together")
        }
        for slice in slices {
            if !NameRules.isDNSLabel(slice.name) { problems.append("a slice's name is not a DNS label") }
            if case .header(let name) = slice.key, !isToken(name) {
                problems.append("slice \(slice.name): the header's name is not a token")
            }
            switch slice.values {
            case .listed(let values) where values.contains { !TrafficSlice.isValue($0) || $0 == TrafficSlice.other }:
                problems.append("slice \(slice.name): a value is invalid or reserved")
            case .top(let count) where count < 1: problems.append("slice \(slice.name): it has no value")
            case .listed, .top: break
            }
        }
        return problems
    }
}
