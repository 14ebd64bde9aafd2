/// Reads `projects:` of the controller's settings file.
package struct ProjectSettings: Sendable {
    /// In the order of the file.
    package private(set) var projects: [Project] = []
    /// Every problem, in order of place. A controller does not start while there is one.
    package private(set) var diagnostics: [Diagnostic] = []

    /// - Parameters:
    ///   - text: the whole file.
    ///   - file: its path, for messages.
    ///   - clusters: the names of the clusters in the same settings.
    package init(reading text: String, file: String, clusters: [String] = []) {
        for document in DocumentText.split(text) {
            let composed = DocumentComposer.compose(document)
            if let failure = composed.failure {
                diagnostics.append(
                    Diagnostic(
                        file: file, line: failure.place.line, column: failure.place.column, message: failure.message,
                        suggestion: failure.suggestion))
            }
            for root in composed.roots { read(root, file: file, clusters: clusters) }
        }
        diagnostics.sort()
    }

    private mutating func read(_ root: DocumentComposer.Root, file: String, clusters: [String]) {
        guard let node = root.node["projects"] else { return }
        var reading = DocumentReading(file: file, path: [.field("projects")])
        for duplicate in root.duplicates where duplicate.path.first == .field("projects") {
            reading.report(
                "is given twice, the first time on line \(duplicate.first.line)", at: duplicate.place,
                suggestion: "keep one of them")
        }
        let written = ProjectFields.projects.read(node, &reading) ?? []
        Self.checkTogether(written, clusters, &reading)
        projects += written.map(\.project)
        diagnostics += reading.diagnostics
    }

    /// Checks that relate several projects.
    private static func checkTogether(
        _ written: [WrittenProject], _ clusters: [String], _ reading: inout DocumentReading
    ) {
        var names: [String: SourcePlace] = [:]
        var sources: [String: String] = [:]
        for (index, entry) in written.enumerated() {
            let project = entry.project
            reading.enter(.index(index))
            if !project.name.isEmpty {
                let place = entry.node["name"]?.place ?? entry.node.place
                if let first = names.updateValue(place, forKey: project.name) {
                    reading.report(
                        "two projects are named '\(project.name)', the first on line \(first.line)", field: "name",
                        of: entry.node, suggestion: "rename one of them")
                }
            }
            let source = "\(project.repo)\n\(project.reference)\n\(normal(project.path))"
            if !project.repo.isEmpty, let first = sources.updateValue(project.name, forKey: source) {
                reading.report(
                    "reads the same manifests as project '\(first)', but a manifest can belong to only one project",
                    at: entry.node.place,
                    suggestion: "give one of them another path or ref")
            }
            checkClusters(of: entry, clusters, &reading)
            reading.leave()
        }
    }

    private static func checkClusters(
        of entry: WrittenProject, _ clusters: [String], _ reading: inout DocumentReading
    ) {
        guard case .sequence(let items)? = entry.node["policy"]?["targets"]?.content else { return }
        reading.enter(.field("policy"))
        reading.enter(.field("targets"))
        for (index, item) in items.enumerated() {
            guard let name = item["cluster"]?.text, !clusters.contains(name) else { continue }
            reading.enter(.index(index))
            reading.report(
                "cluster '\(name.shortened)' is not in these settings", field: "cluster", of: item,
                suggestion: clusters.isEmpty
                    ? "add it under clusters:"
                    : DidYouMean.suggestion(for: name, among: clusters, noun: "the clusters are"))
            reading.leave()
        }
        reading.leave()
        reading.leave()
    }

    private static func normal(_ path: String) -> String {
        path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    }
}
