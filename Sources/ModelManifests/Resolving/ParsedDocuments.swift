import JSON

/// Where a document begins, for messages about another document.
struct DocumentPlace: Hashable, Comparable, Sendable, CustomStringConvertible {
    var file: String
    var line: Int

    var description: String { "\(file):\(line)" }

    static func < (left: DocumentPlace, right: DocumentPlace) -> Bool {
        (left.file, left.line) < (right.file, right.line)
    }
}

/// A parsed ModelDeployment. Its identity tells one parse from the next.
final class ParsedDeployment: Sendable {
    let written: UnresolvedDeployment
    /// Its own document has no errors.
    let isValid: Bool
    /// The resolution, where no other document is involved: it refers to nothing, or only to a preset. Otherwise nil.
    let resolvedAlone: Resolution?

    init(written: UnresolvedDeployment, isValid: Bool) {
        self.written = written
        self.isValid = isValid
        guard isValid, written.templateNames.isEmpty, written.profileNames(template: { _ in nil }).isEmpty else {
            resolvedAlone = nil
            return
        }
        if let name = written.runtimeName {
            resolvedAlone = RuntimePresets.all[name].map { written.resolved(runtime: $0, References()) }
        } else {
            resolvedAlone = written.resolved(runtime: nil, References())
        }
    }

    var key: DeploymentKey { written.key }
}

/// A parsed ServingRuntime.
final class ParsedRuntime: Sendable {
    let key: DeploymentKey
    let place: DocumentPlace
    let isPreset: Bool
    let isValid: Bool
    /// `spec` as written.
    let node: SourceNode
    let runtime: Runtime
    let canonical: JSONValue

    init(
        key: DeploymentKey, place: DocumentPlace, isPreset: Bool, isValid: Bool, node: SourceNode, runtime: Runtime
    ) {
        self.key = key
        self.place = place
        self.isPreset = isPreset
        self.isValid = isValid
        self.node = node
        self.runtime = runtime
        canonical = isPreset ? ["preset": .string(key.name)] : RuntimeFields.servingRuntime.canonical(node)
    }
}

/// A parsed GateTemplate.
final class ParsedGateTemplate: Sendable {
    let key: DeploymentKey
    let place: DocumentPlace
    /// Nil where the document has errors.
    let kind: WrittenGateKind?

    init(key: DeploymentKey, place: DocumentPlace, kind: WrittenGateKind?) {
        self.key = key
        self.place = place
        self.kind = kind
    }
}

/// A parsed PredictionProfile.
final class ParsedProfile: Sendable {
    let key: DeploymentKey
    let place: DocumentPlace
    /// Nil where the document has errors.
    let profile: PredictionProfile?

    init(key: DeploymentKey, place: DocumentPlace, profile: PredictionProfile?) {
        self.key = key
        self.place = place
        self.profile = profile
    }
}

/// The result of resolving a deployment.
enum Resolution: Sendable {
    case resolved(ModelDeployment)
    case refused([Diagnostic])
}

/// Limits the number of diagnostics: nobody reads more, and a hostile file could fill the memory with them.
///
/// Each deployment that is stopped keeps one diagnostic, whatever else is left out.
enum DiagnosticLimit {
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
