import Analysis
import Foundation
import JSON

/// The number at one place of a JSON document.
enum NumberAtPath {
    /// - Returns: no data where the place is null or missing; an error where something else than a number is there.
    static func measure(_ path: JSONPath, in document: Data) -> Measured {
        do {
            return walk(try JSONValue(scanning: document), path.steps[...], shown: path.text)
        } catch {
            return .error("the answer is not JSON that can be read")
        }
    }

    private static func walk(_ value: JSONValue, _ steps: ArraySlice<JSONPath.Step>, shown: String) -> Measured {
        guard let step = steps.first else { return number(value, shown: shown) }
        let next: JSONValue?
        switch (step, value) {
        case (_, .null): next = nil
        case (.member(let name), .object(let members)): next = members[name]
        case (.element(let index), .array): next = value[index]
        case (.member(let name), _): return .error("'\(shown)': '\(name)' is asked of something that is no object")
        case (.element(let index), _): return .error("'\(shown)': [\(index)] is asked of something that is no list")
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
                ? .value(number) : .error("'\(shown)' is a number that is too large or too small to be read")
        case .string(let text):
            let hint = Double(text) == nil ? "" : ": the endpoint has to write numbers without quotes"
            return .error("'\(shown)' is the text '\(text.prefix(40))', not a number\(hint)")
        case .bool: return .error("'\(shown)' is true or false, not a number")
        case .array, .object:
            return .error("'\(shown)' is an object or a list, not a number: lengthen the path")
        }
    }
}
