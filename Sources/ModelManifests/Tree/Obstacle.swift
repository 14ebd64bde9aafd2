/// Something in a repository that mlctl does not look into, or cannot read.
///
/// "It cannot be seen" never means "it is gone": deployments that were last read from there are held as they serve. Everything
/// else in the repository is read as if the obstacle were not there.
package struct Obstacle: Hashable, Sendable {
    package enum Kind: String, Hashable, CaseIterable, Sendable {
        case symbolicLink, submodule, anotherForm, tooLarge, otherEncoding, unreadableName, lostContent, notPermitted,
            missingFolder
        /// A `.mlctlignore` that cannot be read.
        case unreadableIgnoreFile
    }

    package var kind: Kind
    package var message: String
    package var suggestion: String?
    /// The place of the first unreadable byte, from 1; 0 means the whole file.
    package var line = 0
    package var column = 0
    /// Whether it is reported even if nothing was ever read from there. Otherwise it may be somebody else's.
    package var isMeantForMlctl = false

    /// Whether everything below its path is out of sight too.
    package var coversBelow: Bool {
        switch kind {
        case .symbolicLink, .submodule, .missingFolder: true
        case .anotherForm, .tooLarge, .otherEncoding, .unreadableName, .lostContent, .notPermitted,
            .unreadableIgnoreFile:
            false
        }
    }

    package static let symbolicLink = Obstacle(
        kind: .symbolicLink, message: "is a symbolic link, which is not followed",
        suggestion: "commit the files themselves")
    package static let submodule = Obstacle(
        kind: .submodule, message: "is a git submodule, which is not entered",
        suggestion: "commit the files themselves, or read the submodule's repository as a project of its own")
    package static let anotherForm = Obstacle(
        kind: .anotherForm, message: "is a template or an encrypted file, which is not read",
        suggestion: "commit the manifest itself")
    package static let unreadableName = Obstacle(
        kind: .unreadableName, message: "has a name that is not UTF-8", suggestion: "rename it")
    package static let notPermitted = Obstacle(
        kind: .notPermitted, message: "cannot be read", suggestion: "check its permissions", isMeantForMlctl: true)
    package static let missingFolder = Obstacle(
        kind: .missingFolder, message: "is not in the commit",
        suggestion: "correct the path of the project (--path), or commit the folder again", isMeantForMlctl: true)

    /// - Parameter bytes: nil where the size is not known, only that it is over the limit.
    package static func tooLarge(bytes: Int?) -> Obstacle {
        let size = bytes.map { "is \($0) bytes long" } ?? "is too long"
        return Obstacle(
            kind: .tooLarge,
            message:
                "\(size); manifest files may have at most \(ManifestReader.fileLimitBytes) bytes, so it was not read",
            suggestion: "split it into several files")
    }

    package static func lostContent(blob: String) -> Obstacle {
        Obstacle(
            kind: .lostContent, message: "has lost its content (blob \(blob))",
            suggestion: "run 'git fsck' in the repository, and commit the file again", isMeantForMlctl: true)
    }

    package static func unreadableIgnoreFile(_ reason: String) -> Obstacle {
        Obstacle(
            kind: .unreadableIgnoreFile, message: "\(reason), so nothing is ignored because of it",
            suggestion: "correct it", isMeantForMlctl: true)
    }
}
