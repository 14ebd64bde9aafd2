import Foundation
import Serving

/// The last routes on disk, so that a restarted proxy serves at once, without the controller.
struct RoutesFile: Sendable {
    let path: String

    /// Nil where there is none.
    /// - Throws: where it cannot be read or does not hold routes.
    func load(limits: ProxyLimits) throws -> ProxyRoutes? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        let routes = try JSONDecoder().decode(ProxyRoutes.self, from: data)
        try RoutesValidation.check(routes, limits: limits)
        return routes
    }

    /// Whole or not at all: written beside, made durable, renamed.
    func save(_ routes: ProxyRoutes) throws {
        let data = try JSONEncoder().encode(routes)
        let beside = path + ".new"
        let descriptor = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("open", beside) }
        defer { close(descriptor) }
        var written = 0
        while written < data.count {
            let count = data.withUnsafeBytes { write(descriptor, $0.baseAddress! + written, data.count - written) }
            guard count > 0 else {
                if count < 0, errno == EINTR { continue }
                throw failure("write", beside)
            }
            written += count
        }
        guard fsync(descriptor) == 0 else { throw failure("write", beside) }
        guard rename(beside, path) == 0 else { throw failure("replace", path) }
    }

    private func failure(_ verb: String, _ path: String) -> ProxyError {
        ProxyError(.stateDirectory, "cannot \(verb) \(path): \(errnoText()): free some space, or repair the folder")
    }
}
