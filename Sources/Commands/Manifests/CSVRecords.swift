/// A problem in recorded data, with its line.
struct DataError: Error, Hashable, CustomStringConvertible, Sendable {
    /// Starts at 1; nil where the problem is about the whole data.
    var line: Int?
    var message: String

    var description: String { line.map { "line \($0): \(message)" } ?? message }
}

/// Numbered lines of recorded data, each below the reader's limit.
struct NumberedLines<Lines: IteratorProtocol<String>> {
    private var lines: Lines
    private(set) var number = 0

    init(_ lines: Lines) { self.lines = lines }

    mutating func next() throws(DataError) -> String? {
        guard var line = lines.next() else { return nil }
        number += 1
        guard line.utf8.count < LineReader.maximumLineBytes else { throw tooLong(from: number) }
        if number == 1, line.unicodeScalars.first == "\u{FEFF}" { line.unicodeScalars.removeFirst() }
        return line
    }

    func tooLong(from line: Int) -> DataError {
        DataError(line: line, message: "is longer than \(LineReader.maximumLineBytes) bytes: is a quote missing?")
    }
}

/// Records of a CSV file (RFC 4180): fields may be quoted, and may then contain commas, line breaks and doubled quotes. Blank
/// lines are skipped.
struct CSVRecords<Lines: IteratorProtocol<String>> {
    private var lines: NumberedLines<Lines>

    struct Record: Hashable, Sendable {
        /// The line on which the record begins.
        var line: Int
        var fields: [String]
    }

    init(_ lines: Lines) { self.lines = NumberedLines(lines) }

    mutating func next() throws(DataError) -> Record? {
        while let first = try lines.next() {
            guard !first.utf8.allSatisfy({ $0 == UInt8(ascii: "\r") }) else { continue }
            let begin = lines.number
            var parser = CSVFields()
            var bytes = first.utf8.count
            try parser.feed(first, at: begin)
            while parser.isInQuotes {
                guard let more = try lines.next() else {
                    throw DataError(line: begin, message: "a quote is not closed")
                }
                bytes += more.utf8.count
                guard bytes < LineReader.maximumLineBytes else { throw lines.tooLong(from: begin) }
                try parser.feed(more, at: lines.number)
            }
            return Record(line: begin, fields: parser.fields)
        }
        return nil
    }
}

/// The fields of one record, fed line by line.
struct CSVFields {
    private(set) var fields: [String] = []
    /// The record continues on the next line.
    var isInQuotes: Bool { state == .quoted }

    private enum State { case start, plain, quoted, closed }
    private var state = State.start
    private var field: [UInt8] = []

    /// Splits text that is not a file, such as the value of an option.
    static func split(_ text: String) throws(DataError) -> [String] {
        var parser = CSVFields()
        try parser.feed(text, at: 1)
        guard !parser.isInQuotes else { throw DataError(line: nil, message: "a quote is not closed") }
        return parser.fields
    }

    mutating func feed(_ line: String, at number: Int) throws(DataError) {
        if state == .quoted { field.append(UInt8(ascii: "\n")) }
        let bytes = line.utf8
        var rest = bytes.endIndex
        // The CR of a CR LF line break is dropped, unless it is inside quotes.
        if bytes.last == UInt8(ascii: "\r") { rest = bytes.index(before: rest) }
        for byte in bytes[..<rest] { try take(byte, at: number) }
        if state == .quoted {
            field.append(contentsOf: bytes[rest...])
        } else {
            endField()
        }
    }

    private mutating func take(_ byte: UInt8, at number: Int) throws(DataError) {
        let quote = UInt8(ascii: "\"")
        let comma = UInt8(ascii: ",")
        switch (state, byte) {
        case (.start, quote): state = .quoted
        case (.start, comma), (.plain, comma), (.closed, comma): endField()
        case (.start, _), (.plain, _):
            state = .plain
            field.append(byte)
        case (.quoted, quote): state = .closed
        case (.quoted, _): field.append(byte)
        case (.closed, quote):
            state = .quoted
            field.append(byte)
        case (.closed, _):
            throw DataError(
                line: number, message: "a closing quote must be followed by a comma; double the quotes inside a field")
        }
    }

    private mutating func endField() {
        fields.append(String(decoding: field, as: UTF8.self))
        field.removeAll(keepingCapacity: true)
        state = .start
    }
}
