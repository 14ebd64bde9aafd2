/// A name in which `*` stands for any characters, none included.
package struct NamePattern: Hashable, Sendable, CustomStringConvertible {
    package let description: String
    private let parts: [String]

    var hasStar: Bool { parts.count > 1 }
    /// Every name is one of these.
    package var matchesAll: Bool { hasStar && parts.allSatisfy(\.isEmpty) }

    package init(_ text: String) {
        description = text
        parts = text.split(separator: "*", omittingEmptySubsequences: false).map(String.init)
    }

    package func matches(_ name: String) -> Bool {
        guard let first = parts.first, let last = parts.last, parts.count > 1 else { return name == description }
        guard name.utf8.count >= first.utf8.count + last.utf8.count, name.hasPrefix(first), name.hasSuffix(last) else {
            return false
        }
        var rest = name.dropFirst(first.count).dropLast(last.count)
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            guard let found = rest.firstRange(of: part) else { return false }
            rest = rest[found.upperBound...]
        }
        return true
    }
}
