/// A file or document that is not recognizable as a manifest, where a manifest may have been before. It does not remove a
/// model: whatever was last read from the file is held. To remove a deployment, delete the file or the document.
///
/// A document of another API group and a file of comments are recognizable: they are not meant for mlctl.
struct UnrecognizedDocument {
    var diagnostic: Diagnostic
    /// The file may never have been for mlctl: the problem is reported only where the file contained a manifest before.
    var isSilent: Bool
    /// The file has no content at all.
    var isEmpty = false

    private static let largeFilePointer = "version https://git-lfs.github.com/spec/"
    /// What tools for encryption write at the beginning of a file.
    private static let encrypted = [
        "$ANSIBLE_VAULT;": "Ansible Vault", "-----BEGIN AGE ENCRYPTED FILE-----": "age",
        "-----BEGIN PGP MESSAGE-----": "PGP",
    ]

    /// - Returns: nil where the text may contain documents.
    init?(text: String, file: String) {
        if Self.isLargeFilePointer(text) {
            diagnostic = Diagnostic(
                file: file, line: 1, column: 1, message: "is a Git LFS pointer, not a manifest",
                suggestion: "keep manifests out of Git LFS: 'git lfs untrack' and commit the file itself")
            isSilent = false
        } else if text.allSatisfy(\.isWhitespace) {
            diagnostic = Diagnostic(
                file: file, message: "is empty", suggestion: "to remove what it described, delete the file")
            isSilent = true
            isEmpty = true
        } else if let tool = Self.encrypted.first(where: { text.hasPrefix($0.key) })?.value {
            diagnostic = Diagnostic(
                file: file, line: 1, column: 1, message: "is encrypted with \(tool)", suggestion: Self.decryptAdvice)
            isSilent = true
        } else if let line = Self.conflictLine(in: text) {
            diagnostic = Diagnostic(
                file: file, line: line, column: 1, message: "has conflict markers of an unfinished merge",
                suggestion: "resolve the conflict and commit the file again")
            isSilent = !ManifestReader.isMeantForMlctl(text)
        } else {
            return nil
        }
    }

    /// - Parameter root: the root of a document that SOPS may have encrypted: then it has `sops` with a checksum.
    init?(encrypted root: SourceNode, file: String) {
        guard let sops = root["sops"], sops["mac"] != nil || sops["version"] != nil else { return nil }
        diagnostic = Diagnostic(
            file: file, line: root.place.line, column: root.place.column, message: "is encrypted with SOPS",
            suggestion: Self.decryptAdvice)
        let isOurs = root["apiVersion"]?.text?.hasPrefix(ManifestFields.group) == true
        isSilent = !isOurs && root["kind"]?.text != ManifestKind.modelDeployment.rawValue
    }

    private static let decryptAdvice =
        "mlctl does not decrypt files: commit the manifest as plain text, and refer to secrets by name (valueFrom)"

    /// - Parameter root: the root of a document that is not mlctl's.
    /// - Returns: nil where the document says what it is.
    init?(_ root: SourceNode, file: String) {
        func diagnostic(_ message: String, _ suggestion: String) -> Diagnostic {
            Diagnostic(
                file: file, line: root.place.line, column: root.place.column, message: message, suggestion: suggestion)
        }
        let begin = "mlctl's manifests begin with apiVersion: \(ManifestFields.apiVersion)"
        guard let apiVersion = root["apiVersion"], let kind = root["kind"] else {
            self.diagnostic = diagnostic("has no apiVersion and kind, so mlctl does not know what it is", begin)
            isSilent = true
            return
        }
        guard kind.text == ManifestKind.modelDeployment.rawValue else { return nil }
        self.diagnostic = diagnostic(
            "is a ModelDeployment of the unknown API group '\((apiVersion.text ?? "").shortened)'", begin)
        // Other products may have a kind of this name, but not with these fields.
        isSilent = root["spec"]?["model"] == nil || root["spec"]?["runtime"] == nil
    }

    static func isLargeFilePointer(_ text: String) -> Bool { text.hasPrefix(largeFilePointer) }

    /// The line of the first marker, where all three kinds of markers follow each other at the beginning of lines.
    static func hasConflict(_ text: String) -> Bool { conflictLine(in: text) != nil }

    private static func conflictLine(in text: String) -> Int? {
        guard text.contains("<<<<<<<") else { return nil }
        var first: Int?
        var isDivided = false
        for (index, line) in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .enumerated()
        {
            if first == nil {
                if line.starts(with: "<<<<<<<".utf8) { first = index + 1 }
            } else if !isDivided {
                isDivided = line.starts(with: "=======".utf8)
            } else if line.starts(with: ">>>>>>>".utf8) {
                return first
            }
        }
        return nil
    }

    /// Why a document cannot be read, in the words of what it probably is.
    static func reason(
        for failure: DocumentComposer.SyntaxFailure, in text: String
    ) -> (message: String, suggestion: String?) {
        guard text.contains("{{") || text.contains("{%") else { return (failure.message, failure.suggestion) }
        return (
            "looks like a template, and templates are not rendered: \(failure.message)",
            "commit the rendered manifest, or name the file in \(IgnoreRules.fileName)"
        )
    }
}
