/// Reads header fields strictly (RFC 9112, section 5): CR LF only, no folding, no space before the colon, no control characters.
package enum FieldScanner {
    package enum Outcome {
        case incomplete
        /// The head's length, including its empty line.
        case end(Int)
        case invalid(HeadFault)
    }

    /// Appends the span of each field that `FieldName` knows.
    package static func scan(
        _ bytes: UnsafePointer<UInt8>, from start: Int, count: Int, fieldLimit: Int, spans: inout [FieldSpan]
    ) -> Outcome {
        var offset = start
        var fields = 0
        while true {
            guard offset < count else { return .incomplete }
            let first = bytes[offset]
            if first == .carriageReturn {
                guard offset + 1 < count else { return .incomplete }
                return bytes[offset + 1] == .lineFeed ? .end(offset + 2) : .invalid(.bareCarriageReturn)
            }
            if first == .lineFeed { return .invalid(.bareLineFeed) }
            if first == .space || first == .tab { return .invalid(.foldedField) }
            fields += 1
            if fields > fieldLimit { return .invalid(.tooManyFields) }

            let nameStart = offset
            while offset < count, bytes[offset].isToken { offset += 1 }
            guard offset < count else { return .incomplete }
            guard bytes[offset] == .colon, offset > nameStart else { return .invalid(.badFieldName) }
            let name = FieldName(bytes + nameStart, count: offset - nameStart)
            offset += 1
            while offset < count, bytes[offset] == .space || bytes[offset] == .tab { offset += 1 }
            let valueStart = offset
            offset = endOfFieldContent(bytes, from: offset, count: count)
            guard offset < count else { return .incomplete }
            guard bytes[offset] == .carriageReturn else {
                return .invalid(bytes[offset] == .lineFeed ? .bareLineFeed : .badFieldValue)
            }
            guard offset + 1 < count else { return .incomplete }
            guard bytes[offset + 1] == .lineFeed else { return .invalid(.bareCarriageReturn) }
            var valueEnd = offset
            offset += 2
            guard name != .other else { continue }
            while valueEnd > valueStart, bytes[valueEnd - 1] == .space || bytes[valueEnd - 1] == .tab { valueEnd -= 1 }
            spans.append(
                FieldSpan(name: name, start: nameStart, valueStart: valueStart, valueEnd: valueEnd, end: offset))
        }
    }

    /// The first byte that is not allowed in a field's value: a control character other than tab, or DEL.
    @inline(__always)
    package static func endOfFieldContent(_ bytes: UnsafePointer<UInt8>, from start: Int, count: Int) -> Int {
        var offset = start
        let raw = UnsafeRawPointer(bytes)
        // Checks eight bytes at a time for a byte below 0x20 or equal to 0x7f. (Bit tricks: Mycroft 1987.)
        while offset + 8 <= count {
            let word = raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let under = (word &- 0x2020_2020_2020_2020) & ~word
            let deleted = word ^ 0x7f7f_7f7f_7f7f_7f7f
            let hits = (under | ((deleted &- 0x0101_0101_0101_0101) & ~deleted)) & 0x8080_8080_8080_8080
            if hits != 0 { break }
            offset += 8
        }
        while offset < count, bytes[offset].isFieldContent { offset += 1 }
        return offset
    }

    /// The value of the first field with this name, in a head that was scanned before.
    /// - Parameter name: in lower case.
    package static func value(
        of name: [UInt8], _ bytes: UnsafePointer<UInt8>, from start: Int, headLength: Int
    ) -> Range<Int>? {
        var offset = start
        while offset < headLength - 2 {
            var end = offset
            while bytes[end] != .carriageReturn { end += 1 }
            if end - offset > name.count, bytes[offset + name.count] == .colon,
                name.indices.allSatisfy({ bytes[offset + $0].lowercased == name[$0] })
            {
                return trimmed(bytes, (offset + name.count + 1)..<end)
            }
            offset = end + 2
        }
        return nil
    }

    /// Without white space at either end.
    package static func trimmed(_ bytes: UnsafePointer<UInt8>, _ range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, bytes[start] == .space || bytes[start] == .tab { start += 1 }
        while end > start, bytes[end - 1] == .space || bytes[end - 1] == .tab { end -= 1 }
        return start..<end
    }

    /// The items of a comma-separated value, trimmed and without empty ones.
    package static func forEachListItem(
        _ bytes: UnsafePointer<UInt8>, _ range: Range<Int>, _ body: (Range<Int>) -> Void
    ) {
        var start = range.lowerBound
        while start < range.upperBound {
            var end = start
            while end < range.upperBound, bytes[end] != .comma { end += 1 }
            let item = trimmed(bytes, start..<end)
            if !item.isEmpty { body(item) }
            start = end + 1
        }
    }

    /// Whether the bytes are this word, ignoring case.
    /// - Parameter word: in lower case.
    package static func equals(_ bytes: UnsafePointer<UInt8>, _ range: Range<Int>, _ word: StaticString) -> Bool {
        guard range.count == word.utf8CodeUnitCount else { return false }
        for index in 0..<range.count where bytes[range.lowerBound + index].lowercased != word.utf8Start[index] {
            return false
        }
        return true
    }
}
