import Foundation
import JSON
import ModelManifests

/// A value in recorded data.
enum RecordedValue: Hashable, Sendable {
    case number(Double)
    /// In a CSV file this may be the digits of a number.
    case text(String)
}

/// One column of a CSV file with a header.
struct ColumnValues<Lines: IteratorProtocol<String>> {
    private var records: CSVRecords<Lines>
    private let header: [String]
    private let index: Int

    init(_ lines: Lines, column: String) throws(DataError) {
        records = CSVRecords(lines)
        guard let header = try records.next() else { throw DataError(line: nil, message: "is empty") }
        self.header = header.fields
        let places = header.fields.indices.filter { header.fields[$0] == column }
        guard let index = places.first else {
            let advice = DidYouMean.suggestion(for: column, among: header.fields, noun: "the columns are")
            throw DataError(
                line: header.line, message: "column '\(column)' does not exist" + (advice.map { " (\($0))" } ?? ""))
        }
        guard places.count == 1 else {
            throw DataError(
                line: header.line, message: "\(places.count) columns are named '\(column)'; rename all but one")
        }
        self.index = index
    }

    /// - Returns: nil at the end. The value is nil where the field is empty.
    mutating func next() throws(DataError) -> (line: Int, value: RecordedValue?)? {
        guard let record = try records.next() else { return nil }
        guard record.fields.count == header.count else {
            throw DataError(
                line: record.line,
                message: "has \(record.fields.count) fields, but the header has \(header.count)"
                    + "; quote fields that contain a comma")
        }
        let text = record.fields[index]
        return (record.line, text.allSatisfy(\.isWhitespace) ? nil : .text(text))
    }
}

/// The values at one path in a file of JSON lines.
struct PathValues<Lines: IteratorProtocol<String>> {
    private var lines: NumberedLines<Lines>
    private let path: JSONPath

    init(_ lines: Lines, path: JSONPath) {
        self.lines = NumberedLines(lines)
        self.path = path
    }

    /// - Returns: nil at the end. The value is nil where the line has no value there, or null.
    mutating func next() throws(DataError) -> (line: Int, value: RecordedValue?)? {
        while let line = try lines.next() {
            guard !line.allSatisfy(\.isWhitespace) else { continue }
            guard let value = try? JSONValue(scanning: line.utf8) else {
                throw DataError(line: lines.number, message: "is not JSON")
            }
            return (
                lines.number,
                try leaf(
                    path.steps.reduce(value) { place, step in
                        switch step {
                        case .member(let name): place?[name]
                        case .element(let index): place?[index]
                        }
                    })
            )
        }
        return nil
    }

    private func leaf(_ value: JSONValue?) throws(DataError) -> RecordedValue? {
        switch value {
        case nil, .null?: return nil
        case .bool(let flag)?: return .text(String(flag))
        case .integer(let number)?: return .number(Double(number))
        case .number(let number)?: return .number(number)
        case .string(let text)?: return .text(text)
        case .array?, .object?:
            throw DataError(
                line: lines.number, message: "the path leads to a list or an object; extend it to a single value")
        }
    }
}
