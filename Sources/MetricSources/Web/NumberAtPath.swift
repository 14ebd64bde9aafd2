import Analysis
import Foundation
import ModelManifests

/// The number at one path of a JSON document. The rest of the document is skipped.
struct NumberAtPath: Decodable {
    private static let pathKey = CodingUserInfoKey(rawValue: "path")

    private let found: Measured

    /// - Returns: no data if the value is null or missing; an error if it is not a number.
    static func measure(_ path: JSONPath, in document: Data) -> Measured {
        let decoder = JSONDecoder()
        if let pathKey { decoder.userInfo[pathKey] = path }
        do {
            return try decoder.decode(NumberAtPath.self, from: document).found
        } catch {
            return .error("the answer is not valid JSON")
        }
    }

    init(from decoder: any Decoder) throws {
        let path = Self.pathKey.flatMap { decoder.userInfo[$0] as? JSONPath } ?? JSONPath(steps: [])
        found = try Self.walk(decoder, path.steps[...], shown: path.text)
    }

    private static func walk(_ decoder: any Decoder, _ steps: ArraySlice<JSONPath.Step>, shown: String) throws
        -> Measured
    {
        guard let step = steps.first else { return try number(decoder, shown: shown) }
        guard !(try decoder.singleValueContainer().decodeNil()) else { return missing(shown) }
        let next = steps.dropFirst()
        switch step {
        case .member(let name):
            guard let members = try? decoder.container(keyedBy: Member.self) else {
                return .error("'\(shown)': the value before '\(name)' is not an object")
            }
            guard members.contains(Member(name)) else { return missing(shown) }
            return try walk(members.superDecoder(forKey: Member(name)), next, shown: shown)
        case .element(let index):
            guard var elements = try? decoder.unkeyedContainer() else {
                return .error("'\(shown)': the value before [\(index)] is not a list")
            }
            guard index < elements.count ?? 0 else { return missing(shown) }
            for _ in 0..<index { _ = try elements.superDecoder() }
            return try walk(elements.superDecoder(), next, shown: shown)
        }
    }

    private static func number(_ decoder: any Decoder, shown: String) throws -> Measured {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() { return missing(shown) }
        if let number = try? value.decode(Double.self) {
            return number.isFinite ? .value(number) : .error("'\(shown)' is not a finite number")
        }
        if let text = try? value.decode(String.self) {
            let hint = Double(text) == nil ? "" : ": the endpoint must write numbers without quotes"
            return .error("'\(shown)' is the text '\(text.prefix(40))', not a number\(hint)")
        }
        if (try? value.decode(Bool.self)) != nil { return .error("'\(shown)' is true or false, not a number") }
        let holdsMore =
            (try? decoder.unkeyedContainer()) != nil || (try? decoder.container(keyedBy: Member.self)) != nil
        return .error(
            holdsMore
                ? "'\(shown)' is an object or a list, not a number: make the path longer"
                : "'\(shown)' is a number that is too large or too small")
    }

    private static func missing(_ shown: String) -> Measured { .noData("the answer has no '\(shown)'") }

    private struct Member: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }

        init(_ name: String) { stringValue = name }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
