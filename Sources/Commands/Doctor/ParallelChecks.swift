import Dispatch
import ModelManifests
import Transport

/// One check of something outside this process, with a time limit.
struct Check: Sendable {
    /// What it finds something about, whatever happens.
    var about: [CheckID]
    /// It asks somebody over a network.
    var isNetwork = false
    var limit: Duration
    var look: @Sendable () async throws -> [Finding]
}

/// Runs all checks at the same time. A check that hangs does not delay the others: it is reported and abandoned.
struct ParallelChecks: Sendable {
    /// The time between the cancellation of a late check and its abandonment; git removes its folder in this time.
    static let grace: Duration = .seconds(2)

    var isOffline: Bool
    var grace = Self.grace

    /// - Returns: the findings in the order of the checks, with at least one for each `CheckID`.
    func findings(of checks: [Check]) async -> [Finding] {
        let found = await withTaskGroup(of: (Int, [Finding]).self) { group in
            for (index, check) in checks.enumerated() { group.addTask { (index, await findings(of: check)) } }
            return await group.reduce(into: [Int: [Finding]]()) { $0[$1.0] = $1.1 }
        }
        let all = checks.indices.flatMap { found[$0] ?? [] }
        let named = Set(all.map(\.check))
        return all
            + CheckID.allCases.filter { !named.contains($0) }.map {
                .notApplicable($0, "this installation has nothing to check here")
            }
    }

    private func findings(of check: Check) async -> [Finding] {
        guard !(check.isNetwork && isOffline) else {
            return check.about.map { .notLookedAt($0, "it needs the network, but --offline was given") }
        }
        switch await TimeLimitedWork.run(within: check.limit, grace: grace, check.look) {
        case nil:
            return check.about.map {
                .notLookedAt($0, "no answer within \(check.limit.goText): a file server or a network service hangs")
            }
        case .failure(let error): return check.about.map { .notLookedAt($0, "\(error)") }
        case .success(let found): return found
        }
    }
}

/// Work that may hang, for example on a file server that is away.
enum TimeLimitedWork {
    /// Runs the work on its own threads, so that work that hangs blocks nothing else.
    ///
    /// - Parameter grace: the time between its cancellation and its abandonment.
    /// - Returns: nil where the work did not end in time.
    static func run<Value: Sendable>(
        within limit: Duration, grace: Duration = ParallelChecks.grace,
        _ work: @escaping @Sendable () async throws -> Value
    ) async -> Result<Value, any Error>? {
        do {
            return .success(try await ClientClock().within(limit, grace: grace, on: CheckThreads.shared, work))
        } catch is DeadlineExceeded {
            return nil
        } catch {
            return .failure(error)
        }
    }
}

/// Threads for checks that block.
private final class CheckThreads: TaskExecutor {
    static let shared = CheckThreads()

    private let queue = DispatchQueue(label: "mlctl.doctor", attributes: .concurrent)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
