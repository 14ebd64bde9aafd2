/// The rules of all `.mlctlignore` files of a tree, in the syntax of gitignore(5).
///
/// What is ignored is not read: it has no errors and hides nothing. A deployment whose file becomes ignored counts as removed.
package struct IgnoreRules: Hashable, Sendable {
    package static let fileName = ".mlctlignore"
    static let maximumRules = 500
    static let maximumPatternBytes = 256

    struct Rule: Hashable, Sendable {
        /// The folder of the file that has the rule, as path components.
        var folder: [[UInt8]]
        var segments: [[UInt8]]
        var isNegated: Bool
        var isForFoldersOnly: Bool
        /// It has a slash that is not at its end, so it starts at the folder. Otherwise it matches a name at any depth.
        var isAnchored: Bool
    }

    private var rules: [Rule] = []
    /// What could not be taken, with the line.
    package private(set) var problems: [Diagnostic] = []

    package init() {}

    package var isEmpty: Bool { rules.isEmpty }

    package static func isIgnoreFile(_ path: some Collection<UInt8>) -> Bool {
        path.suffix(fileName.utf8.count).elementsEqual(fileName.utf8)
            && (path.count == fileName.utf8.count || path.suffix(fileName.utf8.count + 1).first == slash)
    }

    /// - Parameters:
    ///   - files: the text of each `.mlctlignore`, by its path. Rules of deeper folders come last, so they win.
    package init(files: [String: String]) {
        let ordered = files.sorted { (Self.depth($0.key), $0.key) < (Self.depth($1.key), $1.key) }
        for (path, text) in ordered { add(text, from: path) }
    }

    private static func depth(_ path: String) -> Int { path.utf8.count { $0 == slash } }

    private mutating func add(_ text: String, from path: String) {
        let folder = Array(Self.components(path).dropLast())
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            guard let rule = Self.rule(Array(line.utf8), in: folder) else { continue }
            guard rules.count < Self.maximumRules, line.utf8.count <= Self.maximumPatternBytes else {
                problems.append(
                    Diagnostic(
                        file: path, line: index + 1, column: 1,
                        message: rules.count < Self.maximumRules
                            ? "the pattern has more than \(Self.maximumPatternBytes) bytes, and is left out"
                            : "there are more than \(Self.maximumRules) patterns; this one and those after it are left out",
                        suggestion: "use fewer and shorter patterns"))
                return
            }
            rules.append(rule)
        }
    }

    /// - Returns: nil for a blank line or a comment.
    static func rule(_ line: [UInt8], in folder: [[UInt8]]) -> Rule? {
        var pattern = line[...]
        guard pattern.first != UInt8(ascii: "#") else { return nil }
        // Spaces at the end do not count unless they are quoted with a backslash.
        while let last = pattern.last, last == UInt8(ascii: " ") || last == UInt8(ascii: "\t"),
            pattern.dropLast().last != UInt8(ascii: "\\")
        { pattern = pattern.dropLast() }
        let isNegated = pattern.first == UInt8(ascii: "!")
        if isNegated { pattern = pattern.dropFirst() }
        let isForFoldersOnly = pattern.last == slash
        if isForFoldersOnly { pattern = pattern.dropLast() }
        let isAnchored = pattern.contains(slash)
        if pattern.first == slash { pattern = pattern.dropFirst() }
        guard !pattern.isEmpty else { return nil }
        return Rule(
            folder: folder, segments: pattern.split(separator: slash).map(Array.init), isNegated: isNegated,
            isForFoldersOnly: isForFoldersOnly, isAnchored: isAnchored)
    }

    /// - Parameter isFolder: whether the path itself is a folder.
    package func ignores(_ path: String, isFolder: Bool = false) -> Bool {
        guard !rules.isEmpty else { return false }
        let components = Self.components(path)
        // What is below an ignored folder cannot be brought back.
        for count in stride(from: 1, through: components.count, by: 1)
        where isMatched(components.prefix(count), isFolder: count < components.count || isFolder) { return true }
        return false
    }

    private func isMatched(_ path: ArraySlice<[UInt8]>, isFolder: Bool) -> Bool {
        for rule in rules.reversed() where (isFolder || !rule.isForFoldersOnly) && rule.matches(path) {
            return !rule.isNegated
        }
        return false
    }

    private static func components(_ path: String) -> [[UInt8]] { path.utf8.split(separator: slash).map(Array.init) }
}

private let slash = UInt8(ascii: "/")

extension IgnoreRules.Rule {
    fileprivate func matches(_ path: ArraySlice<[UInt8]>) -> Bool {
        guard path.count > folder.count, path.prefix(folder.count).elementsEqual(folder) else { return false }
        let own = Array(path.dropFirst(folder.count))
        guard isAnchored else { return own.last.map { Wildcard.matches(segments[0], $0) } ?? false }
        return Self.matches(segments[...], own[...])
    }

    /// `**` stands for any number of folders; at the end it stands for everything inside.
    private static func matches(_ pattern: ArraySlice<[UInt8]>, _ path: ArraySlice<[UInt8]>) -> Bool {
        // Which lengths of the path the pattern so far can match: no combination is tried twice.
        var reached: Set<Int> = [path.startIndex]
        for (index, segment) in pattern.enumerated() {
            let isLast = index == pattern.count - 1
            var next: Set<Int> = []
            for position in reached {
                if segment == Array("**".utf8) {
                    let first = isLast ? position + 1 : position
                    if first <= path.endIndex { next.formUnion(first...path.endIndex) }
                } else if position < path.endIndex, Wildcard.matches(segment, path[position]) {
                    next.insert(position + 1)
                }
            }
            reached = next
            if reached.isEmpty { return false }
        }
        return reached.contains(path.endIndex)
    }
}

/// Matches one name against a pattern of `*`, `?`, `[…]` and `\`.
enum Wildcard {
    /// Takes at most the product of both lengths in steps: after a mismatch only the last `*` is tried again.
    static func matches(_ pattern: [UInt8], _ name: [UInt8]) -> Bool {
        var (p, n) = (0, 0)
        var retry: (p: Int, n: Int)?
        while n < name.count {
            if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
                retry = (p + 1, n)
                p += 1
            } else if let length = length(ofMatchFor: name[n], at: p, in: pattern) {
                p += length
                n += 1
            } else if let last = retry {
                retry = (last.p, last.n + 1)
                (p, n) = (last.p, last.n + 1)
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
    }

    /// The length of the pattern's part at `p` if it matches the byte; nil if it does not.
    private static func length(ofMatchFor byte: UInt8, at p: Int, in pattern: [UInt8]) -> Int? {
        guard p < pattern.count else { return nil }
        switch pattern[p] {
        case UInt8(ascii: "?"): return 1
        case UInt8(ascii: "\\") where p + 1 < pattern.count: return pattern[p + 1] == byte ? 2 : nil
        case UInt8(ascii: "["):
            guard let end = classEnd(from: p, in: pattern) else { return byte == pattern[p] ? 1 : nil }
            return isInClass(byte, pattern[(p + 1)..<end]) ? end - p + 1 : nil
        case byte: return 1
        default: return nil
        }
    }

    private static func classEnd(from p: Int, in pattern: [UInt8]) -> Int? {
        var index = p + 1
        if index < pattern.count, [UInt8(ascii: "!"), UInt8(ascii: "^")].contains(pattern[index]) { index += 1 }
        // A bracket in the first place is one of the class.
        return pattern.indices.first { $0 > index && pattern[$0] == UInt8(ascii: "]") }
    }

    private static func isInClass(_ byte: UInt8, _ body: ArraySlice<UInt8>) -> Bool {
        var rest = body
        let isNegated = rest.first == UInt8(ascii: "!") || rest.first == UInt8(ascii: "^")
        if isNegated { rest = rest.dropFirst() }
        var isFound = false
        while let first = rest.popFirst() {
            if rest.first == UInt8(ascii: "-"), let last = rest.dropFirst().first {
                rest = rest.dropFirst(2)
                isFound = isFound || (first <= last && (first...last).contains(byte))
            } else {
                isFound = isFound || first == byte
            }
        }
        return isFound != isNegated
    }
}
