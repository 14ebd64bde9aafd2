import Controller
import Foundation
import Logging

/// A git server's nudge: answers at once, and looks at git soon. However many arrive, at most one look is under way and
/// one more waits, and looks keep a distance: the hook is open to whoever reaches the server.
struct GitHook: Sendable {
    static let distance: Duration = .seconds(1)

    private let nudges: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() {
        (nudges, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func nudge() { continuation.yield() }

    /// Looks whenever nudged, until cancelled. A look that fails is in the source's status; here it is only logged.
    func run(distance: Duration = GitHook.distance, logger: Logger, look: @Sendable () async throws -> Void) async {
        for await _ in nudges {
            do {
                try await look()
            } catch is CancellationError {
                return
            } catch {
                logger.warning("a look at git, asked for by a hook, failed", metadata: ["error": "\(error)"])
            }
            guard (try? await Task.sleep(for: distance)) != nil else { return }
        }
    }
}
