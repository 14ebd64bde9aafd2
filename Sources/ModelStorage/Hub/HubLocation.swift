import Foundation

/// `hf://ORGANIZATION/MODEL`, a revision after `@` (or after `:`, as KServe writes it), and which files: `?include=*.json&exclude=*.bin`.
struct HubLocation: Hashable, Sendable, CustomStringConvertible {
    static let form = "hf://ORGANIZATION/MODEL@REVISION"
    static let maximumNameBytes = 96
    static let maximumRevisionBytes = 250
    static let maximumPatterns = 32

    /// `ORGANIZATION/MODEL`.
    let name: String
    let revision: String
    let include: [FilePattern]
    let exclude: [FilePattern]

    /// - Throws: `StorageError` with `unsupported`.
    init(_ uri: String) throws(StorageError) {
        let safe = WebLocation.redacted(uri)
        func refused(_ reason: String, _ advice: String = "Write it as \(Self.form).") -> StorageError {
            StorageError(.unsupported, "'\(safe)' \(reason). \(advice)")
        }
        let rest = uri.drop { $0 != ":" }.dropFirst()
        guard rest.hasPrefix("//"), !rest.contains("#"), !rest.contains("\\") else {
            throw refused("is not an address in the hub")
        }
        let place = rest.dropFirst(2).prefix { $0 != "?" }
        let name = place.prefix { $0 != "@" && $0 != ":" }
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ Self.isName($0) }) else {
            throw refused("names no model", "An organization and a model have letters, digits, '-', '_' and '.'.")
        }
        self.name = String(name)
        let revision = place.dropFirst(name.utf8.count)
        if revision.isEmpty {
            self.revision = "main"
        } else {
            guard let text = revision.dropFirst().removingPercentEncoding, Self.isRevision(text) else {
                throw refused("has no revision after its mark", "Write a branch, a tag or a commit.")
            }
            self.revision = text
        }
        var (include, exclude): ([FilePattern], [FilePattern]) = ([], [])
        for field in rest.dropFirst(2 + place.utf8.count).dropFirst().split(separator: "&") {
            let pair = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2, let text = String(pair[1]).removingPercentEncoding, !text.isEmpty else {
                throw refused("has a query that is not '?include=' or '?exclude='")
            }
            switch pair[0] {
            case "include": include.append(FilePattern(text))
            case "exclude": exclude.append(FilePattern(text))
            default: throw refused("has a query that is not '?include=' or '?exclude='")
            }
        }
        guard include.count + exclude.count <= Self.maximumPatterns else {
            throw refused("has more than \(Self.maximumPatterns) patterns", "Write fewer.")
        }
        (self.include, self.exclude) = (include, exclude)
    }

    static func isName(_ text: Substring) -> Bool {
        let bytes = text.utf8
        return (1...maximumNameBytes).contains(bytes.count) && text != "." && text != ".." && bytes.first != 0x2D
            && bytes.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || [0x2D, 0x2E, 0x5F].contains(byte)
            }
    }

    /// As git has it for references, and commits.
    static func isRevision(_ text: String) -> Bool {
        (1...maximumRevisionBytes).contains(text.utf8.count) && PathSet.isUsable(text) && !text.contains("..")
            && !text.hasPrefix("-")
            && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && !"~^:?*[\\@".utf8.contains($0) }
    }

    func takes(_ path: String) -> Bool {
        (include.isEmpty || include.contains { $0.matches(path) }) && !exclude.contains { $0.matches(path) }
    }

    var description: String { "hf://\(name)@\(revision)" }
}

/// A pattern of paths: `*` stands for any bytes, `?` for one. Without a slash it is about the file's name.
struct FilePattern: Hashable, Sendable {
    private let text: [UInt8]
    private let isAboutName: Bool

    init(_ text: String) {
        self.text = Array(text.utf8)
        isAboutName = !text.utf8.contains(UInt8(ascii: "/"))
    }

    func matches(_ path: String) -> Bool {
        let bytes = Array(path.utf8)
        return Self.matches(
            text, isAboutName ? bytes.split(separator: UInt8(ascii: "/")).last ?? bytes[...] : bytes[...])
    }

    /// Linear in memory, and at most the product of both lengths in time.
    private static func matches(_ pattern: [UInt8], _ text: ArraySlice<UInt8>) -> Bool {
        var (place, position) = (0, text.startIndex)
        var star: (place: Int, position: Int)?
        while position < text.endIndex {
            if place < pattern.count, pattern[place] == UInt8(ascii: "*") {
                star = (place, position)
                place += 1
            } else if place < pattern.count, pattern[place] == UInt8(ascii: "?") || pattern[place] == text[position] {
                place += 1
                position += 1
            } else if let last = star {
                star = (last.place, last.position + 1)
                (place, position) = (last.place + 1, last.position + 1)
            } else {
                return false
            }
        }
        return pattern[place...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
