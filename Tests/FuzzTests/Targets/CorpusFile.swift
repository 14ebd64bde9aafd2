import Foundation

/// The corpus of one target: examples of its language, and inputs that once caused a failure.
///
/// One input per line, so that git shows each change: printable ASCII unchanged, a backslash doubled, `\n`, `\r` and `\t`, all
/// other bytes as `\xHH`. Lines that begin with `#` are comments.
struct CorpusFile {
    /// The limit of added inputs. Existing ones stay.
    static let inputsMax = 200
    static let bytesMax = 128 << 10

    private(set) var lines: [String]

    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Corpus")

    static func url(of target: String) -> URL { folder.appending(path: "\(target).txt") }

    /// - Throws: if there is no corpus.
    init(of target: String) throws {
        self.init(text: try String(contentsOf: Self.url(of: target), encoding: .utf8))
    }

    init(text: String) { lines = text.split(separator: "\n").map(String.init) }

    /// - Throws: `Violation` for an invalid line.
    func inputs() throws -> [[UInt8]] { try lines.filter { !$0.hasPrefix("#") }.map(Self.input) }

    /// Adds the shortest first, as long as there is room.
    mutating func add(_ inputs: [[UInt8]]) {
        var known = Set(lines)
        var bytes = lines.reduce(0) { $0 + $1.utf8.count }
        for line in inputs.filter({ !$0.isEmpty }).map(Self.line).sorted(by: { $0.utf8.count < $1.utf8.count }) {
            guard lines.count < Self.inputsMax, bytes + line.utf8.count <= Self.bytesMax else { return }
            guard known.insert(line).inserted else { continue }
            lines.append(line)
            bytes += line.utf8.count
        }
    }

    var text: String { lines.map { $0 + "\n" }.joined() }

    static func line(_ input: [UInt8]) -> String {
        var line = ""
        for (index, byte) in input.enumerated() {
            switch byte {
            case UInt8(ascii: "\\"): line += "\\\\"
            case UInt8(ascii: "\n"): line += "\\n"
            case UInt8(ascii: "\r"): line += "\\r"
            case UInt8(ascii: "\t"): line += "\\t"
            case UInt8(ascii: "#") where index == 0: line += "\\x23"
            case 0x20...0x7e: line.unicodeScalars.append(Unicode.Scalar(byte))
            default: line += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }
        return line
    }

    static func input(_ line: String) throws -> [UInt8] {
        var input: [UInt8] = []
        var rest = Array(line.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                input.append(byte)
                continue
            }
            switch rest.popFirst() {
            case UInt8(ascii: "\\"): input.append(byte)
            case UInt8(ascii: "n"): input.append(10)
            case UInt8(ascii: "r"): input.append(13)
            case UInt8(ascii: "t"): input.append(9)
            case UInt8(ascii: "x"):
                let digits = rest.prefix(2)
                guard digits.count == 2, let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16) else {
                    fallthrough
                }
                input.append(value)
                rest = rest.dropFirst(2)
            default: throw Violation(description: "an invalid escape in the corpus: \(line.prefix(200))")
            }
        }
        return input
    }
}
