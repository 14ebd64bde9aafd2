/// A file or document that is not recognizable as a manifest, where a manifest may have been before. It does not remove a
/// model: whatever was last read from the file is held. To remove a deployment, delete the file or the document.
///
/// A document of another API group and a file of comments are recognizable: they are not meant for mlctl.
struct UnrecognizedDocument {
    var diagnostic: Diagnostic
    /// The file may never have been for mlctl: the problem is reported only where the file contained a manifest before.
    var isSilent: Bool

    private static let largeFilePointer = "version https://git-lfs.github.com/spec/"

    /// - Returns: nil where the text may contain documents.
    init?(text: String, file: String) {
        if text.hasPrefix(Self.largeFilePointer) {
            diagnostic = Diagnostic(
                file: file, line: 1, column: 1, message: "is a Git LFS pointer, not a manifest",
                suggestion: "keep manifests out of Git LFS: 'git lfs untrack' and commit the file itself")
            isSilent = false
        } else if text.allSatisfy(\.isWhitespace) {
            diagnostic = Diagnostic(
                file: file, message: "is empty", suggestion: "to remove what it described, delete the file")
            isSilent = true
        } else {
            return nil
        }
    }

    /// - Parameter root: the root of a document that is not mlctl's.
    /// - Returns: nil where the document says what it is.
    init?(_ root: SourceNode, file: String) {
        guard root["apiVersion"] == nil || root["kind"] == nil else { return nil }
        diagnostic = Diagnostic(
            file: file, line: root.place.line, column: root.place.column,
            message: "has no apiVersion and kind, so mlctl does not know what it is",
            suggestion: "mlctl's manifests begin with apiVersion: \(ManifestFields.apiVersion)")
        isSilent = true
    }
}
