import Analysis
import Foundation
import JSON

/// The number at one place of a JSON document.
enum NumberAtPath {
    /// - Returns: no data if the value is null or missing; an error if it is not a number.
    static func measure(_ path: JSONPath, in document: Data) -> Measured {
        do {
            return walk(try JSONValue(scanning: document), path.steps[...], shown: path.text)
        } catch {
            return .error("the answer is not valid JSON")
        }
    }

    private static func walk(_ value: JSONValue, _ steps: ArraySlice<JSONPath.Step>, shown: String) -> Measured {
        guard let step = steps.first else { return number(value, shown: shown) }
        let next: JSONValue?
        switch (step, value) {
        case (_, .null): next = nil
        case (.member(let name), .object(let members)): next = members[name]
        case (.element(let index), .array): next = value[index]
        case (.member(let name), _): return .error("'\(shown)': the value before '\(name)' is not an object")
        case (.element(let index), _): return .error("'\(shown)': the value before [\(index)] is not a list")
        }
        guard let next else { return number(.null, shown: shown) }
        return walk(next, steps.dropFirst(), shown: shown)
    }

    private static func number(_ value: JSONValue, shown: String) -> Measured {
        switch value {
        case .null: return .noData("the answer has no '\(shown)'")
        case .integer(let number): return .value(Double(number))
        case .number(let number):
            return number.isFinite
                ? .value(number) : .error("'\(shown)' is a number that is too large or too small")
        case .string(let text):
            let hint = Double(text) == nil ? "" : ": the endpoint must write numbers without quotes"
            return .error("'\(shown)' is the text '\(text.prefix(40))', not a number\(hint)")
        case .bool: return .error("'\(shown)' is true or false, not a number")
        case .array, .object:
            return .error("'\(shown)' is an object or a list, not a number: make the path longer")
        }
    }
}
