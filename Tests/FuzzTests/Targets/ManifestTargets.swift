import Foundation
import JSON
import SafeText

@testable import Commands
@testable import ModelManifests

/// Manifests in git, and the controller's settings.
extension FuzzTarget {
    private static let yamlWords = [
        "---\n", "...\n", "&a ", "*a", "<<: ", "? ", "- ", ": ", "| \n", ">-\n", "!!str ", "!!int ", "!x ",
        "%YAML 1.2\n", "#",
        "'", "\"", "{", "}", "[", "]", ",", "~", "null", "\t", "\r\n", "\u{FEFF}", "\u{85}", "\u{2028}", "\\x41",
    ]
    private static let fieldWords = [
        "apiVersion: mlctl.dev/v1alpha1\n", "kind: ModelDeployment\n", "kind: ServingRuntime\n", "kind: GateTemplate\n",
        "kind: PredictionProfile\n", "metadata", "spec", "model", "storageUri", "runtime", "rollout", "steps", "gates",
        "setWeight", "pause", "approval", "compare", "threshold", "traffic", "endpoint", "replicas", "resources",
        "limits",
        "cpu", "memory", "500m", "4Gi", "1h30m", "condition", "value < 0.1", "{{revision}}", "target", "kubernetes",
        "env",
        "podTemplate", "slices", "observe", "projects", "policy", "tokens", "sources", "clusters", "namespaces", "ref",
        "repo",
    ]

    static let yamlDocuments = FuzzTarget(
        "yaml", reads: "any YAML: documents, anchors, duplicate keys", of: ["ModelManifests"],
        words: yamlWords,
        triesInTests: 150
    ) { input in
        let text = String(decoding: input, as: UTF8.self)
        let lines = lineCount(text)
        let documents = DocumentText.split(text)
        try demand(
            documents.reduce(0) { $0 + $1.text.utf8.count } <= text.utf8.count, "documents are longer than the text")
        var last = -1
        for document in documents {
            try demand(
                document.linesBefore > last && document.linesBefore < lines, "a document at \(document.linesBefore)")
            last = document.linesBefore
            let composed = DocumentComposer.compose(document)
            if let failure = composed.failure { try checkPlace(failure.place, lines, failure.message) }
            var count = 0
            for root in composed.roots {
                for duplicate in root.duplicates { try checkPlace(duplicate.place, lines, "a key that is given twice") }
                try checkNode(root.node, lines, depth: 0, &count)
            }
        }
    }

    private static func checkNode(_ node: SourceNode, _ lines: Int, depth: Int, _ count: inout Int) throws {
        count += 1
        try demand(depth <= DocumentComposer.depthLimit, "\(depth) levels deep")
        try checkPlace(node.place, lines, "a node")
        switch node.content {
        case .scalar: break
        case .sequence(let items): for item in items { try checkNode(item, lines, depth: depth + 1, &count) }
        case .mapping(let entries):
            try demand(Set(entries.map(\.key)).count == entries.count, "a mapping has a key twice")
            for entry in entries {
                try checkPlace(entry.keyPlace, lines, "the key \(entry.key.debugDescription)")
                try checkNode(entry.value, lines, depth: depth + 1, &count)
            }
        }
        try demand(count <= DocumentComposer.nodeLimit, "\(count) nodes")
    }

    private static func checkPlace(_ place: SourcePlace, _ lines: Int, _ what: @autoclosure () -> String) throws {
        try demand((1...lines + 1).contains(place.line) && place.column >= 1, "\(what()) at \(place) of \(lines) lines")
    }

    /// Counts lines as YAML does: more characters end a line there than elsewhere.
    private static func lineCount(_ text: String) -> Int {
        text.unicodeScalars.count { ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"].contains($0) } + 1
    }

    static let manifests = FuzzTarget(
        "manifests", reads: "committed manifests", of: ["ModelManifests"],
        words: yamlWords + fieldWords + FuzzTargets.extremes,
        triesInTests: 60
    ) { input in
        let lines = lineCount(String(decoding: input, as: UTF8.self))
        let parsed = ManifestReader.read(bytes: input, file: "f.yaml", named: true)
        try demand(parsed.diagnostics.count <= DiagnosticLimit.ofFile + 1, "\(parsed.diagnostics.count) diagnostics")
        try checkDiagnostics(parsed.diagnostics, lines)
        let state = DesiredState.resolve(files: [parsed])
        try checkDiagnostics(state.diagnostics, lines)
        try demand(state.deployments.count <= parsed.keys.count, "there are more deployments than in the input")
    }

    /// Two manifests, with a line of `====` between them.
    static let manifestRevert = FuzzTarget(
        "manifest-revert", reads: "committed manifests that are edited back", of: ["ModelManifests"],
        words: yamlWords + fieldWords + FuzzTargets.extremes + ["\n====\n", "{", "}", "\"", "'", " # ", "\r\n", "- "],
        triesInTests: 60
    ) { input in
        let parts = String(decoding: input, as: UTF8.self).split(separator: "\n====\n", maxSplits: 1)
        guard parts.count == 2 else { return }
        let (text, served) = (String(parts[0]), String(parts[1]))
        for key in ManifestReader.read(text, file: "f.yaml").keys {
            guard let edited = try? ManifestRevert.edit(text, of: key, like: served) else { continue }
            let again = try? ManifestRevert.edit(edited, of: key, like: served)
            try demand(again == nil, "the edited text is not as what serves")
        }
    }

    /// Patterns, with a path in the first line.
    static let ignoreRules = FuzzTarget(
        "ignore-rules", reads: "committed .mlctlignore files", of: ["ModelManifests"],
        words: FuzzTargets.extremes + ["*", "**", "?", "/", "!", "#", "\\", "[a-z]", "[!", "]", "\n", "a/b/c.yaml"],
        triesInTests: 200
    ) { input in
        let parts = String(decoding: input, as: UTF8.self).split(
            separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return }
        let (path, rules) = (String(parts[0]), String(parts[1]))
        let own = IgnoreRules(files: [".mlctlignore": rules])
        let all = IgnoreRules(files: [".mlctlignore": rules, "a/.mlctlignore": "*"])
        try demand(
            !own.ignores("a/" + path) || all.ignores("a/" + path) || rules.contains("!"), "more rules ignore less")
        if own.ignores(path, isFolder: true) { try demand(own.ignores(path + "/x"), "below an ignored folder") }
    }

    private static func checkDiagnostics(_ diagnostics: [Diagnostic], _ lines: Int) throws {
        for diagnostic in diagnostics {
            try demand(diagnostic.file == "f.yaml" && !diagnostic.message.isEmpty, "\(diagnostic)")
            try demand(
                (0...lines + 1).contains(diagnostic.line) && diagnostic.column >= 0, "\(diagnostic) of \(lines) lines")
        }
    }

    static let settings = FuzzTarget(
        "settings", reads: "the controller's settings file", of: ["ModelManifests", "MetricSources", "Commands"],
        words: yamlWords + fieldWords + FuzzTargets.extremes,
        triesInTests: 80
    ) { input in
        let text = String(decoding: input, as: UTF8.self)
        try checkDiagnostics(ProjectSettings(reading: text, file: "f.yaml").diagnostics, lineCount(text))
        guard let settings = try? RunSettings(reading: text, path: "f.yaml") else { return }
        try demand(Set(settings.projects.map(\.name)).count == settings.projects.count, "two projects with one name")
        try demand(Set(settings.clusters.map(\.name)).count == settings.clusters.count, "two clusters with one name")
        for project in settings.projects { _ = settings.rules(of: project) }
    }

    static let canonicalJSON = FuzzTarget(
        "canonical-json", reads: "JSON that is stored or hashed: specs, plans, statuses", of: ["JSON"],
        words: FuzzTargets.json + FuzzTargets.extremes, triesInTests: 150
    ) { input in
        guard let value = try? JSONValue(parsing: Data(input)) else { return }
        let text = CanonicalJSON.text(value)
        guard let again = try? JSONValue(parsing: Data(text.utf8)) else {
            throw Violation(description: "written as \(text.debugDescription) it cannot be read")
        }
        try demand(again == value, "\(value) was written as \(text.debugDescription)")
        try demand(CanonicalJSON.text(again) == text, "it has two texts: \(text.debugDescription)")
        let indented = try JSONValue(parsing: Data(CanonicalJSON.indentedText(value).utf8))
        try demand(indented == value, "indented it is another value")
        let decoded = try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
        try demand(decoded == value, "decoded it is \(decoded), and parsed \(value)")
    }

    static let manifestWords = FuzzTarget(
        "manifest-words",
        reads: "durations, quantities, conditions, paths and templates, in manifests and on command lines",
        of: ["ModelManifests", "SafeText"],
        words: FuzzTargets.extremes + [
            "ns", "us", "ms", "s", "m", "h", "170141183460469231731687303715ns", "1h", "Ki", "Ei", "E", "e18", "value",
            " < ", " && ", " || ", "!", "(", ")", "{{", "}}", "{{ revision }}", "$.", "[0]", ".a", "\"", "'", "`", "=~",
            "#",
            "file:///", "s3://b/", "https://h:443/", "%2e", "0x", "0o17", "1_000",
        ]
    ) { input in
        let text = String(decoding: input, as: UTF8.self)
        if let duration = Duration(goText: text) {
            try demand(duration >= .zero && duration <= GoDuration.longest, "\(text.debugDescription) is \(duration)")
            let (whole, again) = (attoseconds(duration), Duration(goText: duration.goText).map(attoseconds))
            let isShown = again.map { $0 <= whole && whole - $0 < 1_000_000_000_000 } ?? false
            try demand(isShown, "\(text.debugDescription) is shown as \(duration.goText.debugDescription)")
        }
        if let quantity = Quantity(text) {
            for perUnit in [1, 1000] {
                try demand(quantity.whole(perUnit: perUnit).map { $0 >= 0 } ?? true, "a negative quantity")
            }
        }
        _ = Quantity.suggestion(for: text)
        if let number = PlainScalar.number(text) { try demand(number.isFinite, "\(number)") }
        _ = PlainScalar.integer(text)
        if let condition = try? ThresholdExpression(text) {
            for value in [0, -1, 0.5, 1e308, .infinity, .nan] { _ = condition.holds(of: value) }
            try demand(!condition.holds(of: .nan), "holds for NaN")
        }
        if let path = JSONPath(text) {
            try demand(JSONPath(path.text) == path, "\(path.text.debugDescription) is another path")
        }
        let template = QueryTemplate(text)
        try demand(template.filled { _ in nil } == text, "a template changes although no value is filled in")
        try checkQuery(template)
        if let root = ModelSourceRoot(text) {
            try demand(root.contains(text), "\(text.debugDescription) does not contain itself")
            let isInPath = !text.contains("?") && !text.contains("#")
            try demand(!isInPath || !root.contains(text + "/../x"), "\(text.debugDescription) can be left with '..'")
        }
        _ = DidYouMean.suggestion(for: text, among: ["replicas", "rollout"], noun: "there are")
    }

    private static func attoseconds(_ duration: Duration) -> Int128 {
        Int128(duration.components.seconds) * 1_000_000_000_000_000_000 + Int128(duration.components.attoseconds)
    }

    /// Checks that a version never ends or opens a string in the query, whatever it contains.
    private static func checkQuery(_ template: QueryTemplate) throws {
        for value in ["v1", "a\"b", "a'b`c", "\\", "x\n#y", "}) or (vector(1)"] {
            var scanner = PromQLScanner()
            let filled: String? = try? template.filled(
                { (_: String) throws(Violation) in
                    guard let text = scanner.place.fill(value) else {
                        throw Violation(description: "it is not valid there")
                    }
                    return text
                }, reading: { scanner.read($0) })
            guard let filled else { continue }
            var whole = PromQLScanner()
            whole.read(filled)
            var bare = PromQLScanner()
            bare.read(template.filled { _ in "v1" })
            try demand(
                whole.place == bare.place,
                "\(value.debugDescription) turned \(filled.debugDescription) into another query")
        }
    }
}
