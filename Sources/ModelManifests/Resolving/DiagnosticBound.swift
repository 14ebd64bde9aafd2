/// Limits the number of diagnostics: nobody reads more, and a hostile file could fill the memory with them.
///
/// Each deployment that is stopped keeps one diagnostic, whatever else is left out.
enum DiagnosticBound {
    static let ofFile = 200
    static let ofProject = 2000

    /// - Returns: the diagnostics in order of file and place, and the number of those left out.
    static func kept(of all: [Diagnostic], atMost limit: Int) -> (diagnostics: [Diagnostic], leftOut: Int) {
        let sorted = all.sorted()
        guard sorted.count > limit else { return (sorted, 0) }
        var explained: Set<DeploymentKey> = []
        var room = limit
        let kept = sorted.filter { diagnostic in
            let isFirst = diagnostic.deployment.map { explained.insert($0).inserted } ?? false
            guard room > 0 else { return isFirst }
            room -= 1
            return true
        }
        return (kept, sorted.count - kept.count)
    }
}
