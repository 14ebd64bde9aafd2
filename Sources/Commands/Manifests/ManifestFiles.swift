import ArgumentParser
import Foundation
import ModelManifests

/// Reads the manifests at the paths given on the command line, as the controller reads them from a commit: the same files, by
/// the same rules (`TreePlan`), with the same reader.
enum ManifestFiles {
    typealias Entry = (path: String, file: ManifestFile, parsed: ParsedFile)

    static let maximumFiles = 50_000

    /// - Throws: `ValidationError` for a path that does not exist, or a folder without a manifest.
    static func read(_ paths: [String]) throws -> [Entry] {
        var found: [Entry] = []
        for path in paths {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
                throw ValidationError("\(path) does not exist")
            }
            found += isFolder.boolValue ? try folder(path) : [named(path)]
        }
        guard !found.isEmpty else {
            throw ValidationError("there is no *.yaml or *.yml file in \(paths.joined(separator: ", "))")
        }
        return found
    }

    /// The runtimes, gate templates and profiles in the other files of a file's folder.
    static func references(beside path: String) -> [ParsedFile] {
        let folder = (path as NSString).deletingLastPathComponent
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? []
        let others = names.filter { TreePlan.isManifest($0) && $0 != (path as NSString).lastPathComponent }
        return others.sorted().prefix(maximumFiles).map { name in
            let other = (folder as NSString).appendingPathComponent(name)
            return ManifestReader.read(FolderTree.file(other), path: other).withoutDeployments
        }
    }

    private static func folder(_ path: String) throws -> [Entry] {
        let tree = try FolderTree(path, maximumFiles: maximumFiles)
        return tree.files.sorted { $0.key < $1.key }.map { name, file in
            let shown = (path as NSString).appendingPathComponent(name)
            return (shown, file, ManifestReader.read(file, path: shown))
        }
    }

    private static func named(_ path: String) -> Entry {
        let file = FolderTree.file(path)
        return (path, file, ManifestReader.read(file, path: path, named: true))
    }
}
