import ControlPorts
import Dispatch
import ModelManifests

/// Reads, parses and resolves the manifests of one project, in parallel with all other work.
///
/// It has its own threads, so that a large repository does not delay the passes. Files, documents, values and diagnostics are
/// bounded, and a time limit ends what takes too long.
enum ManifestReading {
    /// For one commit.
    static let limit: Duration = .seconds(120)

    /// What a commit says, and what it changes.
    struct Outcome: Sendable {
        var ledger: ManifestLedger
        var absorbed: ManifestLedger.Absorbed
    }

    /// - Parameters:
    ///   - ledger: what was read of the project before.
    ///   - records: of the project's deployments: only those that have one can be removed.
    /// - Throws: `CancellationError`, or an error of the repository.
    static func read(
        _ snapshot: ManifestSnapshot, into ledger: ManifestLedger, records: [DeploymentKey: RecordedManifest],
        source: ProjectSource, reserved: ReservedPorts
    ) async throws -> Outcome {
        try await withTaskExecutorPreference(threads) {
            var ledger = ledger
            let parsed = try await ledger.parseNew(in: snapshot)
            let known = Set(records.keys)
            let missing = ledger.missing(known, in: snapshot, parsed: parsed)
            let doubts = try await RemovalReview(source: source, snapshot: snapshot, records: records).doubts(missing)
            let absorbed = ledger.absorb(
                snapshot, parsed: parsed, known: known, doubts: doubts, allowsEmpty: source.allowsEmpty,
                reserved: reserved, by: source.rules)
            return Outcome(ledger: ledger, absorbed: absorbed)
        }
    }

    /// A ledger that knows only where each deployment was described in an earlier commit.
    ///
    /// - Throws: `CancellationError`.
    static func recall(_ snapshot: ManifestSnapshot, source: ProjectSource) async throws -> ManifestLedger {
        try await withTaskExecutorPreference(threads) {
            var ledger = ManifestLedger()
            let parsed = try await ledger.parseNew(in: snapshot)
            ledger.recall(snapshot, parsed: parsed, by: source.rules)
            return ledger
        }
    }

    /// What a deployment would ask for if a file had another text; nil where that would be invalid.
    static func template(
        of key: DeploymentKey, in ledger: ManifestLedger, ifFile path: String, hadText text: String,
        by rules: ProjectRules
    ) async -> ServingTemplate? {
        await withTaskExecutorPreference(threads) { ledger.template(of: key, ifFile: path, hadText: text, by: rules) }
    }

    private static let threads = ReadingThreads()
}

/// Threads that only read manifests: at most as many at once as there are processors.
private final class ReadingThreads: TaskExecutor {
    private let queue = DispatchQueue(label: "mlctl.manifests", qos: .utility, attributes: .concurrent)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
