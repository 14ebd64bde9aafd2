import ArgumentParser
import Foundation
import Glibc
import ModelManifests

/// The manifests of a folder on disk, as git would have them in a commit of that folder.
struct FolderTree {
    /// By path within the folder.
    private(set) var files: [String: ManifestFile] = [:]

    private let folder: String
    private let maximumFiles: Int
    /// The folder's path within its repository; empty where it is the repository, or is in none.
    private let place: String
    private var entries: [(path: String, kind: TreePlan.Kind)] = []

    /// - Throws: `ValidationError` where the folder cannot be read or has too many files.
    init(_ folder: String, maximumFiles: Int) throws {
        self.folder = folder
        self.maximumFiles = maximumFiles
        let root = Self.repository(around: folder)
        place = root.place
        try list("")
        var ignoreFiles = root.ignoreFiles.mapValues(Self.ignoreFile)
        for entry in entries where IgnoreRules.isIgnoreFile(Array(entry.path.utf8)) {
            ignoreFiles[within(entry.path)] =
                entry.kind == .file
                ? Self.file("\(folder)/\(entry.path)")
                : ManifestFile(
                    blob: entry.path, obstacle: entry.kind == .submodule ? .submodule : .symbolicLink)
        }
        let ignoring = IgnoreFiles(ignoreFiles)
        let plan = TreePlan(ignoring: ignoring.rules)
        for (path, kind) in entries where plan.includes(kind, within(path)) {
            files[path] =
                switch kind {
                case .file where TreePlan.original(of: path) != nil: ManifestFile(blob: path, obstacle: .anotherForm)
                case .file: Self.file("\(folder)/\(path)")
                case .symbolicLink: ManifestFile(blob: path, obstacle: .symbolicLink)
                case .submodule: ManifestFile(blob: path, obstacle: .submodule)
                }
        }
        for (path, file) in ignoring.unreadable { files[path] = file }
    }

    private func within(_ path: String) -> String { place.isEmpty ? path : "\(place)/\(path)" }

    /// Reads one file, whatever its name. A link is followed: a person named it.
    static func file(_ path: String) -> ManifestFile {
        guard let file = FileHandle(forReadingAtPath: path),
            let data = try? file.read(upToCount: ManifestReader.fileLimitBytes + 1) ?? Data()
        else { return ManifestFile(blob: path, obstacle: .notPermitted) }
        var about = stat()
        if data.count > ManifestReader.fileLimitBytes, fstat(file.fileDescriptor, &about) == 0 {
            return ManifestFile(blob: path, obstacle: .tooLarge(bytes: Int(about.st_size)))
        }
        return ManifestFile(blob: path, bytes: Array(data))
    }

    /// As git has it: a link is not followed.
    private static func ignoreFile(_ path: String) -> ManifestFile {
        var about = stat()
        let isLink = lstat(path, &about) == 0 && about.st_mode & S_IFMT == S_IFLNK
        return isLink ? ManifestFile(blob: path, obstacle: .symbolicLink) : file(path)
    }

    private mutating func list(_ subfolder: String) throws {
        let full = subfolder.isEmpty ? folder : "\(folder)/\(subfolder)"
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: full) else {
            guard !subfolder.isEmpty else { throw ValidationError("the folder \(folder) cannot be read") }
            files[subfolder] = ManifestFile(blob: "", obstacle: .notPermitted)
            return
        }
        for name in names.sorted() where name != ".git" {
            let path = subfolder.isEmpty ? name : "\(subfolder)/\(name)"
            var about = stat()
            guard lstat("\(folder)/\(path)", &about) == 0 else { continue }
            switch about.st_mode & S_IFMT {
            case S_IFDIR where FileManager.default.fileExists(atPath: "\(folder)/\(path)/.git"): add(path, .submodule)
            case S_IFDIR: try list(path)
            case S_IFLNK: add(path, .symbolicLink)
            case S_IFREG: add(path, .file)
            default: continue
            }
            guard entries.count <= maximumFiles else {
                throw ValidationError("the folder \(folder) has more than \(maximumFiles) manifests")
            }
        }
    }

    private mutating func add(_ path: String, _ kind: TreePlan.Kind) {
        if TreePlan.matters(kind, Array(path.utf8)) { entries.append((path, kind)) }
    }

    /// The repository that the folder is in: the folder's place in it, and the `.mlctlignore` files above the folder.
    private static func repository(around folder: String) -> (place: String, ignoreFiles: [String: String]) {
        let start = URL(fileURLWithPath: folder).standardizedFileURL
        var above = start
        var names: [String] = []
        while !FileManager.default.fileExists(atPath: above.appending(path: ".git").path) {
            guard above.path != "/" else { return ("", [:]) }
            names.insert(above.lastPathComponent, at: 0)
            above.deleteLastPathComponent()
        }
        var found: [String: String] = [:]
        for count in names.indices {
            let parent = names.prefix(count).joined(separator: "/")
            let name = parent.isEmpty ? IgnoreRules.fileName : "\(parent)/\(IgnoreRules.fileName)"
            let path = above.appending(path: name).path
            if FileManager.default.fileExists(atPath: path) { found[name] = path }
        }
        return (names.joined(separator: "/"), found)
    }
}
