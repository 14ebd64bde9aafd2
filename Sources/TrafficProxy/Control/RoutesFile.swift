import Foundation
import Serving

/// The last routes on disk, so that a restarted proxy serves at once, without the controller.
///
/// Beside them lie pages whose room was taken ahead. They have the routes where the file cannot be replaced, on a full disk
/// say: a candidate that was taken out of traffic stays out after a restart.
struct RoutesFile: Sendable {
    let path: String
    private let bytesMax: Int
    private let spare: SparePages

    init(path: String, limits: ProxyLimits) {
        self.path = path
        bytesMax = limits.controlBodyBytes * 2
        spare = SparePages(path: path + ".spare", bytesMax: bytesMax)
    }

    /// Nil where there is none.
    /// - Throws: where it cannot be read or does not hold routes.
    func load() throws -> ProxyRoutes? {
        let kept = spare.newest.flatMap { try? JSONDecoder().decode(ProxyRoutes.self, from: Data($0)) }
        do {
            let saved = try WholeFile.load(path, bytesMax: bytesMax).map {
                try JSONDecoder().decode(ProxyRoutes.self, from: Data($0))
            }
            // A crash between a save and its `clear` leaves older ones there.
            if let saved, saved.generation > kept?.generation ?? .min { return saved }
        } catch  where kept != nil {}
        return kept
    }

    /// - Throws: `ProxyError` where the routes are kept nowhere; what was there before stays then.
    func save(_ routes: ProxyRoutes) throws {
        let bytes = Array(try JSONEncoder().encode(routes))
        do {
            try WholeFile.save(bytes, to: path)
        } catch {
            guard spare.keep(bytes) else { throw error }
            return
        }
        spare.clear()
        spare.takeRoom(for: bytes.count)
    }
}
