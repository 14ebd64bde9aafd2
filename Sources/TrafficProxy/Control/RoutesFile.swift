import Foundation
import Serving

/// The last routes on disk, so that a restarted proxy serves at once, without the controller.
struct RoutesFile: Sendable {
    let path: String

    /// Nil where there is none.
    /// - Throws: where it cannot be read or does not hold routes.
    func load(limits: ProxyLimits) throws -> ProxyRoutes? {
        guard let bytes = try WholeFile.load(path, bytesMax: limits.controlBodyBytes * 2) else { return nil }
        return try JSONDecoder().decode(ProxyRoutes.self, from: Data(bytes))
    }

    func save(_ routes: ProxyRoutes) throws { try WholeFile.save(try JSONEncoder().encode(routes), to: path) }
}
