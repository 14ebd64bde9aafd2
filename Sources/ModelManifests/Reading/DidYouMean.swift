/// Suggests the name that a misspelt name was meant to be.
package enum DidYouMean {
    /// Other names that people and other controllers use for a field. The first name that exists here is suggested.
    private static let synonyms: [String: [String]] = [
        "against": ["profile"], "canaryTrafficPercent": ["rollout"], "denominator": ["per"], "direction": ["better"],
        "expression": ["condition"], "failureCondition": ["condition"], "metric": ["distance", "label", "of"],
        "modelFormat": ["format"], "numerator": ["of"], "progressDeadlineSeconds": ["progressDeadline"],
        "provider": ["source"], "reference": ["profile"], "successCondition": ["condition"],
    ]

    /// The most similar name, where one is similar enough: one or two typing errors, another case, or a part of the name.
    package static func nearest(to name: String, among names: some Sequence<String>) -> String? {
        if let known = synonyms[name]?.first(where: Set(names).contains) { return known }
        let written = Array(name.lowercased().utf8)
        // Long names are not compared, so the work stays small whatever a file contains.
        let limitBytes = 64
        guard !written.isEmpty, written.count <= limitBytes else { return nil }
        var best: (name: String, distance: Int)?
        for candidate in names {
            let wanted = Array(candidate.lowercased().utf8)
            let tolerance = max(1, min(written.count, wanted.count) / 3)
            let distance = editDistance(written, wanted)
            guard distance <= tolerance, distance < best?.distance ?? .max else { continue }
            best = (candidate, distance)
        }
        if let best { return best.name }
        let lowered = name.lowercased()
        let leastLetters = 4
        guard lowered.count >= leastLetters else { return nil }
        return names.filter { candidate in
            let wanted = candidate.lowercased()
            return wanted.count >= leastLetters && (wanted.contains(lowered) || lowered.contains(wanted))
        }.min { ($0.count, $0) < ($1.count, $1) }
    }

    /// "did you mean 'x'?" or, where no name is similar, the list of all names.
    package static func suggestion(for name: String, among names: [String], noun: String) -> String? {
        if let nearest = nearest(to: name, among: names) { return "did you mean '\(nearest)'?" }
        guard !names.isEmpty else { return nil }
        let shownLimit = 20
        let shown = names.prefix(shownLimit).joined(separator: ", ")
        return "\(noun): \(shown)\(names.count > shownLimit ? ", …" : "")"
    }

    /// The optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours.
    static func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforePrevious: [Int] = []
        var previous = Array(0...right.count)
        for (i, a) in left.enumerated() {
            var current = [i + 1]
            current.reserveCapacity(right.count + 1)
            for (j, b) in right.enumerated() {
                var cost = min(previous[j + 1] + 1, current[j] + 1, previous[j] + (a == b ? 0 : 1))
                if i > 0, j > 0, a == right[j - 1], left[i - 1] == b { cost = min(cost, beforePrevious[j - 1] + 1) }
                current.append(cost)
            }
            beforePrevious = previous
            previous = current
        }
        return previous[right.count]
    }
}
