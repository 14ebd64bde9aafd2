/// A version as defined by https://semver.org: `1.4.0-rc.1+build`. The build does not count for precedence.
package struct SemanticVersion: Hashable, Sendable, CustomStringConvertible {
    enum Identifier: Hashable, Sendable {
        /// Without leading zeros; of any length.
        case number(String)
        case text(String)
    }

    static let maximumLength = 255

    let major: UInt64
    let minor: UInt64
    let patch: UInt64
    let preRelease: [Identifier]
    package let description: String

    /// Nil if the text is not a complete version. One leading `v` is ignored, because tags often have one.
    package init?(_ text: String) {
        guard text.utf8.count <= Self.maximumLength else { return nil }
        let bare = text.hasPrefix("v") || text.hasPrefix("V") ? text.dropFirst() : text[...]
        let parts = bare.split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first, parts.count == 1 || Self.areIdentifiers(parts[1]) else { return nil }
        let pieces = whole.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        let numbers = pieces[0].split(separator: ".", omittingEmptySubsequences: false).map(Self.number)
        guard numbers.count == 3, let major = numbers[0], let minor = numbers[1], let patch = numbers[2] else {
            return nil
        }
        var preRelease: [Identifier] = []
        if pieces.count == 2 {
            guard let identifiers = Self.preRelease(pieces[1]) else { return nil }
            preRelease = identifiers
        }
        self.init(major, minor, patch, preRelease, description: String(bare))
    }

    init(
        _ major: UInt64, _ minor: UInt64, _ patch: UInt64, _ preRelease: [Identifier] = [], description: String = ""
    ) {
        self.major = major
        self.minor = minor
        self.patch = patch
        self.preRelease = preRelease
        self.description = description.isEmpty ? "\(major).\(minor).\(patch)" : description
    }

    static func number(_ text: Substring) -> UInt64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        guard text.utf8.count == 1 || !text.hasPrefix("0") else { return nil }
        return UInt64(text)
    }

    /// Parses the text after the `-`; nil if it is not a list of identifiers.
    static func preRelease(_ text: Substring) -> [Identifier]? {
        guard areIdentifiers(text) else { return nil }
        var identifiers: [Identifier] = []
        for part in text.split(separator: ".") {
            guard part.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
                identifiers.append(.text(String(part)))
                continue
            }
            guard part.utf8.count == 1 || !part.hasPrefix("0") else { return nil }
            identifiers.append(.number(String(part)))
        }
        return identifiers
    }

    private static func areIdentifiers(_ text: Substring) -> Bool {
        text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty
                && part.utf8.allSatisfy { byte in
                    switch byte {
                    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D: true
                    default: false
                    }
                }
        }
    }

    var isPreRelease: Bool { !preRelease.isEmpty }
}

extension SemanticVersion: Comparable {
    /// Compares by precedence only (semver.org, 11): versions that differ only in their build are equal.
    package static func == (one: SemanticVersion, other: SemanticVersion) -> Bool { one.key == other.key }

    package func hash(into hasher: inout Hasher) { hasher.combine(key) }

    package static func < (one: SemanticVersion, other: SemanticVersion) -> Bool {
        if one.numbers != other.numbers { return one.numbers.lexicographicallyPrecedes(other.numbers) }
        // A version comes after its own pre-releases.
        guard one.isPreRelease, other.isPreRelease else { return one.isPreRelease && !other.isPreRelease }
        return one.preRelease.lexicographicallyPrecedes(other.preRelease)
    }

    private struct Key: Hashable {
        var numbers: [UInt64]
        var preRelease: [Identifier]
    }

    private var key: Key { Key(numbers: numbers, preRelease: preRelease) }
    private var numbers: [UInt64] { [major, minor, patch] }
}

extension SemanticVersion.Identifier: Comparable {
    static func < (one: Self, other: Self) -> Bool {
        switch (one, other) {
        case (.number(let one), .number(let other)):
            one.utf8.count == other.utf8.count ? one < other : one.utf8.count < other.utf8.count
        case (.number, .text): true
        case (.text, .number): false
        case (.text(let one), .text(let other)): one.utf8.lexicographicallyPrecedes(other.utf8)
        }
    }
}
