import Foundation

/// Numbers by name, as a check prints them: `{"accuracy": 0.93}` or `{"metrics": {"accuracy": 0.93}}` on one line.
public enum CheckMetrics {
    /// More than these are not told, but for those that a gate asks for.
    static let countLimit = 100

    /// The last line that is an object with a number in it. Members that are none are left out.
    ///
    /// - Parameters:
    ///   - output: the end of what was printed.
    ///   - isCut: there was more before it.
    public static func read(_ output: ArraySlice<UInt8>, isCut: Bool, wanted: Set<String> = []) -> [String: Double] {
        var lines = output.split(separator: UInt8(ascii: "\n"))
        // Its start is lost: what is left of it is no line.
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
