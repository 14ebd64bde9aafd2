/// A range of versions: `>=1.2 <2`, `~1.4`, `^1`, `1.x`, `1.2 - 1.4`; `||` separates alternatives.
///
/// - A missing number, `x` or `*` stands for any number.
/// - Pre-releases match only if the same alternative names one: `>=1.2.0-0` matches them. `<2` never matches those of 2.0.0.
package struct VersionRange: Hashable, Sendable, CustomStringConvertible {
    static let maximumLength = 256
    static let maximumTerms = 32

    /// From `lower` (included) to `upper` (excluded).
    struct Interval: Hashable, Sendable {
        var lower: SemanticVersion?
        var upper: SemanticVersion?
        /// False: all versions except those in this interval.
        var isInside = true

        func contains(_ version: SemanticVersion) -> Bool {
            let isAbove = lower.map { $0 <= version } ?? true
            let isBelow = upper.map { version < $0 } ?? true
            return (isAbove && isBelow) == isInside
        }
    }

    struct Alternative: Hashable, Sendable {
        var intervals: [Interval]
        var takesPreReleases: Bool

        func contains(_ version: SemanticVersion) -> Bool {
            (takesPreReleases || !version.isPreRelease) && intervals.allSatisfy { $0.contains(version) }
        }

        /// Whether its conditions contradict each other, so that no version matches.
        var isEmpty: Bool {
            guard let upper = intervals.filter(\.isInside).compactMap(\.upper).min() else { return false }
            guard let lower = intervals.filter(\.isInside).compactMap(\.lower).max() else { return false }
            return !(lower < upper)
                || intervals.contains { interval in
                    guard !interval.isInside, let first = interval.lower, let last = interval.upper else {
                        return false
                    }
                    return first <= lower && upper <= last
                }
        }
    }

    private let alternatives: [Alternative]
    package let description: String

    /// - Throws: `GitError` with `invalidConfiguration` and advice.
    package init(_ text: String) throws(GitError) {
        func refuse(_ reason: String) -> GitError {
            GitError(
                .invalidConfiguration,
                "'\(text.prefix(Self.maximumLength))' is not a version range: \(reason). Write it as '>=1.2 <2', '~1.4', "
                    + "'^1' or '1.x'.")
        }
        guard text.utf8.count <= Self.maximumLength else { throw refuse("it is too long") }
        guard text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            throw refuse("it contains a character that is not ASCII")
        }
        description = text
        var alternatives: [Alternative] = []
        var terms = 0
        for part in text.replacing("||", with: "\n").split(separator: "\n", omittingEmptySubsequences: false) {
            let words = VersionRangeWords.words(of: part)
            guard !words.isEmpty else { throw refuse("it is empty, or one side of '||' is") }
            terms += words.count
            guard terms <= Self.maximumTerms else { throw refuse("it has more than \(Self.maximumTerms) parts") }
            var alternative = Alternative(intervals: [], takesPreReleases: false)
            for word in words {
                guard let term = VersionRangeWords.Term(word) else { throw refuse("'\(word)' is not understood") }
                alternative.intervals.append(term.interval)
                alternative.takesPreReleases = alternative.takesPreReleases || term.namesPreRelease
            }
            alternatives.append(alternative)
        }
        guard alternatives.contains(where: { !$0.isEmpty }) else { throw refuse("no version can match it") }
        self.alternatives = alternatives
    }

    package func contains(_ version: SemanticVersion) -> Bool { alternatives.contains { $0.contains(version) } }

    /// The tag with the highest version in the range. If several tags have the same version, the last one in byte order.
    func best(of tags: some Sequence<String>) -> String? {
        tags.compactMap { tag in SemanticVersion(tag).map { (tag: tag, version: $0) } }
            .filter { contains($0.version) }
            .max {
                $0.version == $1.version
                    ? $0.tag.utf8.lexicographicallyPrecedes($1.tag.utf8) : $0.version < $1.version
            }?.tag
    }
}
