import Foundation

/// Numbers by name, as a check prints them: `{"accuracy": 0.93}` or `{"metrics": {"accuracy": 0.93}}` on one line.
package enum CheckMetrics {
    /// If there are more than this, only those that a gate asks for are kept.
    static let countLimit = 100

    /// Reads the last line that is an object with a number in it. Members that are not numbers are left out.
    ///
    /// - Parameters:
    ///   - output: the end of the output.
    ///   - isCut: whether there was more output before it.
    package static func read(_ output: ArraySlice<UInt8>, isCut: Bool, wanted: Set<String> = []) -> [String: Double] {
        var lines = output.split(separator: UInt8(ascii: "\n"))
        // The start of the first line is missing, so it cannot be read.
        if isCut, output.first != UInt8(ascii: "\n"), !lines.isEmpty { lines.removeFirst() }
        for line in lines.reversed() {
            let metrics = read(line)
            guard !metrics.isEmpty else { continue }
            return metrics.count <= countLimit ? metrics : metrics.filter { wanted.contains($0.key) }
        }
        return [:]
    }

    private static func read(_ line: ArraySlice<UInt8>) -> [String: Double] {
        let start = line.first { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }
        guard start == UInt8(ascii: "{"),
            let object = try? JSONDecoder().decode([String: Member].self, from: Data(line))
        else { return [:] }
        if case .members(let members) = object["metrics"] { return members }
        return object.compactMapValues { if case .number(let number) = $0 { number } else { nil } }
    }

    private enum Member: Decodable {
        case number(Double)
        case members([String: Double])
        case other

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Double.self) {
                self = number.isFinite ? .number(number) : .other
            } else if let members = try? container.decode([String: Member].self) {
                self = .members(members.compactMapValues { if case .number(let number) = $0 { number } else { nil } })
            } else {
                self = .other
            }
        }
    }
}
