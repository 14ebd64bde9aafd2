import Foundation
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
            let advice = DidYouMean.suggestion(for: column, among: header.fields, noun: "there are")
            throw DataError(
                line: header.line, message: "there is no column '\(column)'" + (advice.map { " (\($0))" } ?? ""))
        }
        guard places.count == 1 else {
            throw DataError(
                line: header.line, message: "there are \(places.count) columns '\(column)': rename all but one")
        }
        self.index = index
    }

    /// - Returns: nil at the end. The value is nil where the field is empty.
    mutating func next() throws(DataError) -> (line: Int, value: RecordedValue?)? {
        guard let record = try records.next() else { return nil }
        guard record.fields.count == header.count else {
            throw DataError(
                line: record.line,
                message: "has \(record.fields.count) fields and the header \(header.count)"
                    + ": quote fields that hold a comma")
        }
        let text = record.fields[index]
        return (record.line, text.allSatisfy(\.isWhitespace) ? nil : .text(text))
    }
}

/// The values at one path in a file of JSON lines.
struct PathValues<Lines: IteratorProtocol<String>> {
    private var lines: NumberedLines<Lines>
    private let path: JSONPath
    private let decoder = JSONDecoder()

    init(_ lines: Lines, path: JSONPath) {
        self.lines = NumberedLines(lines)
        self.path = path
    }

    /// - Returns: nil at the end. The value is nil where the line has no value there, or null.
    mutating func next() throws(DataError) -> (line: Int, value: RecordedValue?)? {
        while let line = try lines.next() {
            guard !line.allSatisfy(\.isWhitespace) else { continue }
            do {
                return (
                    lines.number, try decoder.decode(ValueAtPath.self, from: Data(line.utf8), configuration: path).value
                )
            } catch let error as DataError {
                throw DataError(line: lines.number, message: error.message)
            } catch {
                throw DataError(line: lines.number, message: "is not JSON")
            }
        }
        return nil
    }
}

/// The value at a path of a JSON document.
private struct ValueAtPath: DecodableWithConfiguration {
    var value: RecordedValue?

    private struct Member: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder, configuration path: JSONPath) throws {
        var place = decoder
        for step in path.steps {
            switch step {
            case .member(let name):
                let key = Member(stringValue: name)
                guard let object = try? place.container(keyedBy: Member.self), object.contains(key) else { return }
                place = try object.superDecoder(forKey: key)
            case .element(let index):
                guard var list = try? place.unkeyedContainer(), index < list.count ?? 0 else { return }
                for _ in 0..<index { _ = try list.superDecoder() }
                place = try list.superDecoder()
            }
        }
        value = try Self.leaf(place)
    }

    private static func leaf(_ decoder: any Decoder) throws -> RecordedValue? {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() { return nil }
        if let flag = try? container.decode(Bool.self) { return .text(String(flag)) }
        if let number = try? container.decode(Double.self) { return .number(number) }
        if let text = try? container.decode(String.self) { return .text(text) }
        throw DataError(line: nil, message: "the path leads to a list or an object: name one value in it")
    }
}
