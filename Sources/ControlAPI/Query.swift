import ControlPorts
import Foundation
import Hummingbird
import ModelManifests

/// The query of a request, parsed strictly.
struct Query {
    private let parameters: [Substring: Substring]

    init(_ request: Request) {
        parameters = Dictionary(request.uri.queryParameters.map { ($0.key, $0.value) }) { first, _ in first }
    }

    /// Nil if it is missing or empty.
    subscript(_ name: String) -> String? {
        guard let value = parameters[name[...]], !value.isEmpty else { return nil }
        return String(value)
    }

    func number(_ name: String, default standard: Int, in range: ClosedRange<Int>) throws(ControlError) -> Int {
        guard let text = self[name] else { return standard }
        guard let number = Int(text), range.contains(number) else {
            throw ControlError(
                .invalid, "'\(name)' must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func position(_ name: String) throws(ControlError) -> Int? {
        guard let text = self[name] else { return nil }
        return try Self.position(text, named: name)
    }

    static func position(_ text: String, named name: String) throws(ControlError) -> Int {
        guard let id = Int(text), id >= 0 else { throw ControlError(.invalid, "'\(name)' must be an event's id") }
        return id
    }

    func deployment(_ name: String) throws(ControlError) -> DeploymentKey? {
        guard let text = self[name] else { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, parts.allSatisfy(Self.isName) else {
            throw ControlError(.invalid, "'\(name)' must be NAMESPACE/NAME")
        }
        return DeploymentKey(namespace: parts[0], name: parts[1])
    }

    func project() throws(ControlError) -> String? {
        guard let text = self["project"] else { return nil }
        guard Self.isName(text) else { throw ControlError(.invalid, "'project' must be a project's name") }
        return text
    }

    /// A commit, tag or branch that is safe to pass to git: it cannot be read as an option.
    func commit(_ name: String) throws(ControlError) -> String {
        let isLetter = { (byte: UInt8) in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || "-._/".utf8.contains(byte)
        }
        guard let text = self[name], text.utf8.count <= 200, !text.hasPrefix("-"), text.utf8.allSatisfy(isLetter) else {
            throw ControlError(.invalid, "'\(name)' must name a commit, such as 1f0c2ab")
        }
        return text
    }

    /// A rough check for DNS-1123 names. A wrong name that passes is simply not found.
    static func isName(_ text: String) -> Bool {
        (1...253).contains(text.utf8.count)
            && text.unicodeScalars.allSatisfy {
                $0.isASCII && ($0.properties.isAlphabetic || "0123456789-.".unicodeScalars.contains($0))
            }
    }
}
