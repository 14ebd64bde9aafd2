import Foundation
import Serving

/// The last routes on disk, so that a restarted proxy serves at once, without the controller.
///
/// Next to the file are spare pages with preallocated space. They hold the routes if the file cannot be replaced, for example on
/// a full disk: a candidate that was taken out of traffic then stays out after a restart.
struct RoutesFile: Sendable {
    let path: String
    private let bytesMax: Int
    private let spare: SparePages

    init(path: String, limits: ProxyLimits) {
        self.path = path
        bytesMax = limits.controlBodyBytes * 2
        spare = SparePages(path: path + ".spare", bytesMax: bytesMax)
    }

    /// Nil if there are none.
    /// - Throws: if the file cannot be read, or does not contain routes.
    func load() throws -> ProxyRoutes? {
        let kept = spare.newest.flatMap { try? JSONDecoder().decode(ProxyRoutes.self, from: Data($0)) }
        do {
            let saved = try AtomicFile.load(path, bytesMax: bytesMax).map {
                try JSONDecoder().decode(ProxyRoutes.self, from: Data($0))
            }
            // A crash between `save` and `spare.clear` leaves older routes in the spare pages.
            if let saved, saved.generation > kept?.generation ?? .min { return saved }
        } catch  where kept != nil {}
        return kept
    }

    /// - Throws: `ProxyError` if the routes could not be saved anywhere. The earlier routes then stay.
    func save(_ routes: ProxyRoutes) throws {
        let bytes = Array(try JSONEncoder().encode(routes))
        do {
            try AtomicFile.save(bytes, to: path)
        } catch {
            guard spare.keep(bytes) else { throw error }
            return
        }
        spare.clear()
        spare.allocateSpace(for: bytes.count)
    }
}
