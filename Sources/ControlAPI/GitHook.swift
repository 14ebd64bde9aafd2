import ControlPorts
import Foundation
import Logging

/// A webhook for git servers. It answers at once, and git is checked soon after. Of all pending calls, at most one check runs and
/// one more waits, and there is a pause between checks: the hook is open to anyone who can reach the server.
struct GitHook: Sendable {
    static let distance: Duration = .seconds(1)

    private let nudges: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() {
        (nudges, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func nudge() { continuation.yield() }

    /// Checks git after each nudge, until cancelled. A failed check is shown in the source's status; here it is only logged.
    func run(distance: Duration = GitHook.distance, logger: Logger, look: @Sendable () async throws -> Void) async {
        for await _ in nudges {
            do {
                try await look()
            } catch is CancellationError {
                return
            } catch {
                logger.warning("a check of git, requested by the hook, failed", metadata: ["error": "\(error)"])
            }
            guard (try? await Task.sleep(for: distance)) != nil else { return }
        }
    }
}
