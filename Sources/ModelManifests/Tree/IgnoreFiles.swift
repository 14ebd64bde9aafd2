/// The `.mlctlignore` files of a tree: their rules, and those files that cannot be read.
package struct IgnoreFiles: Sendable {
    package private(set) var rules: IgnoreRules
    package private(set) var unreadable: [String: ManifestFile] = [:]

    /// - Parameter files: by path.
    package init(_ files: [String: ManifestFile]) {
        var texts: [String: String] = [:]
        for (path, file) in files {
            switch file.content {
            case .text(let text) where UnrecognizedDocument.hasConflict(text):
                unreadable[path] = ManifestFile(
                    blob: file.blob, obstacle: .unreadableIgnoreFile("has conflict markers of an unfinished merge"))
            case .text(let text) where UnrecognizedDocument.isLargeFilePointer(text):
                unreadable[path] = ManifestFile(
                    blob: file.blob, obstacle: .unreadableIgnoreFile("is a Git LFS pointer"))
            case .text(let text): texts[path] = text
            case .obstacle(let obstacle):
                unreadable[path] = ManifestFile(
                    blob: file.blob, obstacle: .unreadableIgnoreFile(obstacle.message))
            }
        }
        rules = IgnoreRules(files: texts)
    }
}
