import Foundation
import TestSupport

/// Files of the repository that are no Swift.
enum RepositoryFiles {
    /// Of a cluster that tests may ask; nil where there is none.
    static let kubeconfig = ProcessInfo.processInfo.environment["MLCTL_TEST_KUBECONFIG"]

    static func url(_ path: String) -> URL { HouseTests.root.appending(path: path) }

    static func text(_ path: String) throws -> String { try String(contentsOf: url(path), encoding: .utf8) }

    /// Paths of a folder's own files, as the repository has them.
    static func files(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: url(folder).path(percentEncoded: false)).sorted()
            .map { "\(folder)/\($0)" }
    }

    static func isInstalled(_ program: String) -> Bool { (try? ChildProcess.run(["which", program])) != nil }
}
