/// What may stand where a manifest stood, and does not say what it is: nobody removes a model that way. Whatever was read
/// from the file before is held; whoever means to remove it deletes the file, or the document.
///
/// A document with an API version of somebody else, and a file of comments, do say what they are.
struct Stranger {
    var diagnostic: Diagnostic
    /// It may well be none of ours: it is said only where the file held something before.
    var isSilent: Bool

    private static let largeFilePointer = "version https://git-lfs.github.com/spec/"

    /// - Returns: nil where the text may hold documents.
    init?(text: String, file: String) {
        if text.hasPrefix(Self.largeFilePointer) {
            diagnostic = Diagnostic(
                file: file, line: 1, column: 1, message: "is a pointer of Git LFS, not a manifest",
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

    /// - Parameter root: of a document that is not ours.
    /// - Returns: nil where it says what it is.
    init?(_ root: SourceNode, file: String) {
        guard root["apiVersion"] == nil || root["kind"] == nil else { return nil }
        diagnostic = Diagnostic(
            file: file, line: root.place.line, column: root.place.column,
            message: "has no apiVersion and kind, so that it cannot be told what it is",
            suggestion: "those of mlctl begin with apiVersion: \(ManifestFields.apiVersion)")
        isSilent = true
    }
}
