import Foundation
import TestSupport

/// Files of the repository other than Swift sources.
enum RepositoryFiles {
    /// The kubeconfig of a cluster for tests; nil if there is none.
    static let kubeconfig = ProcessInfo.processInfo.environment["MLCTL_TEST_KUBECONFIG"]

    static func url(_ path: String) -> URL { HouseTests.root.appending(path: path) }

    static func text(_ path: String) throws -> String { try String(contentsOf: url(path), encoding: .utf8) }

    /// The paths of the files directly in a folder, relative to the repository.
    static func files(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: url(folder).path(percentEncoded: false)).sorted()
            .map { "\(folder)/\($0)" }
    }

    static func isInstalled(_ program: String) -> Bool { (try? ChildProcess.run(["which", program])) != nil }
}
