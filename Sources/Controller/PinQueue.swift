import ModelManifests

/// Decides which models are pinned or checked now, and which ones wait. Pure.
///
/// At most `limit` at once, and at most `perOrigin` from one origin, so that a hanging file server delays only its own models.
struct PinQueue {
    static let limit = 32
    static let perOrigin = 8

    enum Purpose: Equatable {
        case pin
        /// Whether the files are still those of the digest.
        case check(Digest)
    }

    struct Job: Equatable {
        var number: UInt64
        var deployment: DeploymentKey
        var model: ModelSource
        var purpose = Purpose.pin
    }

    private var lastNumber: UInt64 = 0
    /// In the order of the requests.
    private var waiting: [Job] = []
    /// Started and not ended. Includes jobs that are no longer wanted: a job that does not end keeps its slot.
    private var running: [UInt64: Job] = [:]
    /// What each deployment wants; running or waiting.
    private var wanted: [DeploymentKey: Job] = [:]

    /// A pin replaces what was wanted for the deployment before, also a check.
    ///
    /// - Parameter model: nil if nothing is to be pinned for the deployment.
    /// - Returns: the number of the job to cancel, if there is one.
    mutating func want(_ model: ModelSource?, for deployment: DeploymentKey) -> UInt64? {
        let before = wanted[deployment]
        guard before?.model != model || before?.purpose != .pin else { return nil }
        if before != nil { waiting.removeAll { $0.deployment == deployment } }
        wanted[deployment] = nil
        if let model { add(model, .pin, for: deployment) }
        return before.flatMap { running[$0.number]?.number }
    }

    /// A check waits for nothing, and nothing waits for it: it is left out while something is under way for the deployment.
    mutating func check(_ model: ModelSource, against digest: Digest, for deployment: DeploymentKey) {
        guard wanted[deployment] == nil else { return }
        add(model, .check(digest), for: deployment)
    }

    private mutating func add(_ model: ModelSource, _ purpose: Purpose, for deployment: DeploymentKey) {
        lastNumber += 1
        let job = Job(number: lastNumber, deployment: deployment, model: model, purpose: purpose)
        wanted[deployment] = job
        waiting.append(job)
    }

    /// Returns the jobs to start now. Pins come before checks.
    mutating func begin() -> [Job] {
        guard running.count < Self.limit, !waiting.isEmpty else { return [] }
        var perOrigin = Dictionary(running.values.map { (Self.origin($0.model), 1) }, uniquingKeysWith: +)
        var begun: [Job] = []
        for isPin in [true, false] {
            var left: [Job] = []
            for job in waiting {
                guard (job.purpose == .pin) == isPin, running.count < Self.limit else {
                    left.append(job)
                    continue
                }
                let origin = Self.origin(job.model)
                guard perOrigin[origin, default: 0] < Self.perOrigin else {
                    left.append(job)
                    continue
                }
                perOrigin[origin, default: 0] += 1
                running[job.number] = job
                begun.append(job)
            }
            waiting = left
        }
        return begun
    }

    /// - Returns: whether its deployment still wants it.
    mutating func ended(_ number: UInt64) -> Bool {
        guard let job = running.removeValue(forKey: number), wanted[job.deployment]?.number == number else {
            return false
        }
        wanted[job.deployment] = nil
        return true
    }

    /// The job took too long: its deployment stops waiting for it. Its slot is free when it ends.
    mutating func gaveUp(_ number: UInt64) -> Bool {
        guard let job = running[number], wanted[job.deployment]?.number == number else { return false }
        wanted[job.deployment] = nil
        return true
    }

    func isPinning(_ deployment: DeploymentKey) -> Bool { wanted[deployment]?.purpose == .pin }

    /// The model that is being pinned for it, or waits to be.
    func wish(of deployment: DeploymentKey) -> ModelSource? {
        wanted[deployment].flatMap { $0.purpose == .pin ? $0.model : nil }
    }

    /// The scheme and host; for files, the first two folders, where file systems are mounted.
    static func origin(_ model: ModelSource) -> String {
        guard let uri = model.storageURI else { return "" }
        let parts = uri.split(separator: "/", omittingEmptySubsequences: true)
        let isFile = uri.hasPrefix("/") || uri.hasPrefix("file:") || !uri.contains(":")
        return parts.prefix(isFile ? 3 : 2).joined(separator: "/")
    }
}
