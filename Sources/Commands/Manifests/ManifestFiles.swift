import ArgumentParser
import Foundation
import ModelManifests

/// Reads the manifests at the paths given on the command line.
enum ManifestFiles {
    /// The largest manifest that is accepted, here as in git.
    static let maximumBytes = 1 << 20
    static let maximumFiles = 50_000

    /// - Throws: `ValidationError` for a path that does not exist, or a folder without a manifest.
    static func read(_ paths: [String]) throws -> [(path: String, parsed: ParsedFile)] {
        var found: [(path: String, isNamed: Bool)] = []
        for path in paths {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
                throw ValidationError("\(path) does not exist")
            }
            found += isFolder.boolValue ? try manifests(in: path).map { ($0, false) } : [(path, true)]
        }
        guard !found.isEmpty else {
            throw ValidationError("there is no *.yaml or *.yml file in \(paths.joined(separator: ", "))")
        }
        return found.map { ($0.path, parse($0.path, isNamed: $0.isNamed)) }
    }

    /// The runtimes, gate templates and profiles in the other files of a file's folder.
    static func references(beside path: String) -> [ParsedFile] {
        let folder = (path as NSString).deletingLastPathComponent
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? []
        let others = names.filter { isManifest($0) && $0 != (path as NSString).lastPathComponent }
        return others.sorted().prefix(maximumFiles).map {
            parse((folder as NSString).appendingPathComponent($0), isNamed: false).withoutDeployments
        }
    }

    private static func isManifest(_ name: String) -> Bool { name.hasSuffix(".yaml") || name.hasSuffix(".yml") }

    private static func manifests(in folder: String) throws -> [String] {
        guard let walk = FileManager.default.enumerator(atPath: folder) else {
            throw ValidationError("the folder \(folder) cannot be read")
        }
        var paths: [String] = []
        for case let name as String in walk where isManifest(name) {
            guard paths.count < maximumFiles else {
                throw ValidationError("the folder \(folder) has more than \(maximumFiles) manifests")
            }
            paths.append((folder as NSString).appendingPathComponent(name))
        }
        return paths.sorted()
    }

    private static func parse(_ path: String, isNamed: Bool) -> ParsedFile {
        guard let file = FileHandle(forReadingAtPath: path),
            let data = try? file.read(upToCount: maximumBytes + 1) ?? Data()
        else { return ParsedFile(file: path, problem: "the file cannot be read; check its permissions") }
        return ManifestReader.read(bytes: Array(data), file: path, named: isNamed)
    }
}
