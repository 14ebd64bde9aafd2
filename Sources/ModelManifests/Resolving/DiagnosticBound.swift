/// How much is said at most about what is wrong: nobody reads more, and a hostile file could fill the memory with it.
///
/// Each deployment that is stopped has its reason, whatever else is left out.
enum DiagnosticBound {
    static let ofFile = 200
    static let ofProject = 2000

    /// - Returns: the diagnostics in order of file and place, and how many were left out.
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
