import Dispatch
import ModelManifests

/// Reading, parsing and resolving the manifests of one project, beside everything else.
///
/// It runs on threads of its own: however much a repository holds, what serves is looked after by
/// others meanwhile. Files, documents, values and diagnostics are bounded; what takes too long all the same is given up.
enum ManifestReading {
    /// Of one commit.
    static let limit: Duration = .seconds(120)

    /// What a commit says, and what it changes.
    struct Outcome: Sendable {
        var ledger: ManifestLedger
        var absorbed: ManifestLedger.Absorbed
    }

    /// - Parameters:
    ///   - ledger: what was read of the project before.
    ///   - known: deployments of the project that have a record.
    /// - Throws: `CancellationError`.
    static func read(
        _ snapshot: ManifestSnapshot, into ledger: ManifestLedger, known: Set<DeploymentKey>,
        source: ProjectSource, reserved: ReservedPorts
    ) async throws -> Outcome {
        try await withTaskExecutorPreference(threads) {
            var ledger = ledger
            let parsed = try await ledger.parseNew(in: snapshot)
            let absorbed = ledger.absorb(
                snapshot, parsed: parsed, known: known, allowsEmpty: source.allowsEmpty, reserved: reserved,
                by: source.rules)
            return Outcome(ledger: ledger, absorbed: absorbed)
        }
    }

    private static let threads = ReadingThreads()
}

/// Threads that do nothing but read manifests: as many at once as there are processors.
private final class ReadingThreads: TaskExecutor {
    private let queue = DispatchQueue(label: "mlctl.manifests", qos: .utility, attributes: .concurrent)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
