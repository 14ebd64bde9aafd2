/// Reads manifest files: text in, documents and diagnostics out.
package enum ManifestReader {
    /// Larger files are refused without reading them.
    package static let fileLimitBytes = 1 << 20
    /// Files with more documents are refused as a whole: nobody would know what the unread documents say.
    package static let documentLimit = 4000

    /// Reads one file and reports every error in it, each with its place.
    ///
    /// - Parameter named: true where a person named this file: then documents that are not mlctl's are errors.
    package static func read(_ text: String, file: String, named: Bool = false) -> ParsedFile {
        guard text.utf8.count <= fileLimitBytes else {
            return ParsedFile(file: file, obstacle: .tooLarge(bytes: text.utf8.count), isNamed: named)
        }
        var parsed = ParsedFile(file: file)
        if let stranger = UnrecognizedDocument(text: text, file: file), !(named && stranger.isEmpty) {
            parsed.addUnreadablePart(stranger.diagnostic, isSilent: stranger.isSilent && !named)
            return parsed
        }
        let documents = DocumentText.split(text)
        guard documents.count <= documentLimit else {
            return ParsedFile(
                file: file,
                problem: "holds \(documents.count) documents; a file may have at most \(documentLimit), so split it")
        }
        for document in documents {
            let composed = DocumentComposer.compose(document)
            for root in composed.roots { read(root.node, duplicates: root.duplicates, into: &parsed, named: named) }
            if let failure = composed.failure {
                let reason = UnrecognizedDocument.reason(for: failure, in: document.text)
                let diagnostic = Diagnostic(
                    file: file, line: failure.place.line, column: failure.place.column, message: reason.message,
                    suggestion: reason.suggestion)
                parsed.addUnreadablePart(diagnostic, isSilent: !named && !isMeantForMlctl(document.text))
            }
        }
        if named, parsed.isEmpty, parsed.passedOverCount == 0 {
            parsed.diagnostics.append(Diagnostic(file: file, message: "contains no manifest"))
        }
        parsed.diagnostics = DiagnosticLimit.kept(of: parsed.diagnostics, atMost: DiagnosticLimit.ofFile).diagnostics
        return parsed
    }

    /// Reads one file of a commit or of a folder. The controller, `validate` and `plan` all read with this.
    package static func read(_ file: ManifestFile, path: String, named: Bool = false) -> ParsedFile {
        switch file.content {
        case .text(let text): read(text, file: path, named: named)
        case .obstacle(let obstacle): ParsedFile(file: path, obstacle: obstacle, isNamed: named)
        }
    }

    /// Reads one file from bytes, which may not be UTF-8.
    package static func read(bytes: [UInt8], file: String, named: Bool = false) -> ParsedFile {
        read(ManifestFile(blob: "", bytes: bytes), path: file, named: named)
    }

    /// Whether text that cannot be read as YAML was meant for mlctl.
    static func isMeantForMlctl(_ text: String) -> Bool {
        text.contains(ManifestFields.group)
            || text.contains("ModelDeployment")
                && text.contains(#/(?m)^[ \t-]*kind:[ \t]*["']?ModelDeployment["']?[ \t\r]*$/#)
    }

    private static func read(
        _ root: SourceNode, duplicates: [DocumentComposer.DuplicateKey], into parsed: inout ParsedFile, named: Bool
    ) {
        guard !root.isNull else { return }
        if let items = ManifestList.items(of: root) {
            for (index, item) in items.enumerated() {
                read(item, duplicates: duplicates.compactMap { $0.inItem(index) }, into: &parsed, named: named)
            }
            return
        }
        if let stranger = UnrecognizedDocument(encrypted: root, file: parsed.file) {
            return parsed.addUnreadablePart(stranger.diagnostic, isSilent: stranger.isSilent && !named)
        }
        var reading = DocumentReading(file: parsed.file)
        let kind: ManifestKind
        switch Envelope.classify(root, &reading) {
        case .ours(let found): kind = found
        case .foreign:
            parsed.passedOverCount += 1
            if let stranger = UnrecognizedDocument(root, file: parsed.file) {
                parsed.addUnreadablePart(stranger.diagnostic, isSilent: stranger.isSilent)
                if !stranger.isSilent { return }
            }
            if named {
                reading.report(
                    "is not a manifest of mlctl", at: root.place,
                    suggestion: "those begin with apiVersion: \(ManifestFields.apiVersion)")
                parsed.diagnostics += reading.diagnostics
            }
            return
        case .wrong:
            parsed.addUnnamedDocument(reading.diagnostics)
            return
        }
        for duplicate in duplicates {
            reading.report(
                "is given twice, the first time on line \(duplicate.first.line)", within: duplicate.path,
                at: duplicate.place, suggestion: "keep one of them")
        }
        switch kind {
        case .modelDeployment: readDeployment(root, &reading, into: &parsed)
        case .servingRuntime: readRuntime(root, &reading, into: &parsed)
        case .gateTemplate: readGateTemplate(root, &reading, into: &parsed)
        case .predictionProfile: readProfile(root, &reading, into: &parsed)
        }
    }

    private static func readDeployment(
        _ root: SourceNode, _ reading: inout DocumentReading, into parsed: inout ParsedFile
    ) {
        guard let manifest = ManifestFields.modelDeployment.read(root, &reading) else { return }
        guard let key = manifest.metadata.key else { return parsed.addUnnamedDocument(reading.diagnostics) }
        parsed.diagnostics += reading.diagnostics.map { $0.about(key) }
        let written = UnresolvedDeployment(manifest, called: key, node: root, file: parsed.file)
        let deployment = ParsedDeployment(written: written, isValid: reading.diagnostics.isEmpty)
        // References can only be checked when all files are read; problems that depend on them are reported then.
        if written.runtimeName == nil, case .refused(let problems)? = deployment.resolvedAlone {
            parsed.diagnostics += problems
        }
        parsed.deployments.append(deployment)
    }

    private static func readRuntime(
        _ root: SourceNode, _ reading: inout DocumentReading, into parsed: inout ParsedFile
    ) {
        guard let runtime = RuntimePresets.runtime(root, &reading, isPreset: false) else {
            return parsed.addUnnamedDocument(reading.diagnostics)
        }
        parsed.diagnostics += reading.diagnostics
        parsed.runtimes.append(runtime)
    }

    private static func readGateTemplate(
        _ root: SourceNode, _ reading: inout DocumentReading, into parsed: inout ParsedFile
    ) {
        let manifest = ManifestFields.gateTemplate.read(root, &reading)
        guard let manifest, let key = manifest.metadata.key else {
            return parsed.addUnnamedDocument(reading.diagnostics)
        }
        parsed.diagnostics += reading.diagnostics
        parsed.gateTemplates.append(
            ParsedGateTemplate(
                key: key, place: DocumentPlace(file: parsed.file, line: root.place.line),
                kind: reading.diagnostics.isEmpty ? manifest.spec : nil))
    }

    private static func readProfile(
        _ root: SourceNode, _ reading: inout DocumentReading, into parsed: inout ParsedFile
    ) {
        let manifest = ManifestFields.predictionProfile.read(root, &reading)
        guard let manifest, let key = manifest.metadata.key else {
            return parsed.addUnnamedDocument(reading.diagnostics)
        }
        parsed.diagnostics += reading.diagnostics
        parsed.profiles.append(
            ParsedProfile(
                key: key, place: DocumentPlace(file: parsed.file, line: root.place.line),
                profile: reading.diagnostics.isEmpty ? manifest.spec : nil))
    }
}
