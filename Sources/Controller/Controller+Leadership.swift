import ControlPorts
import ControllerRuntime
import Foundation
import ModelManifests

/// Starts and stops work on deployments when this controller gains or loses the lead.
extension Controller {
    /// The delay before the next pass if the lead became doubtful during a pass.
    static let leadershipDelay: Duration = .seconds(1)

    /// Starts a term. Nothing that was known in an earlier term is used.
    ///
    /// The sites are read as soon as possible, and nothing is decided at a site before that. A journal that another process
    /// holds, or a cluster that is unreachable, is retried.
    func startWork() async {
        term += 1
        isAtWork = true
        tellsFrom = with.now()
        for name in with.sites.names { standings[name] = .unread(nil) }
        do {
            let trail = with.trail
            lastEventId = try await trail.events(matching: EventFilter(), limit: 1).first?.id ?? 0
            if with.leadership == nil, with.sites.local != nil { try await restore(.local) }
        } catch {
            // The site keys of the work queue report the error and try again. Events that were already told are not told again:
            // see `tellsFrom`.
            logger.error(
                "The recorded decisions cannot be read yet", metadata: ["error": "\(Self.explain(error).text)"])
        }
        for name in with.sites.names { runner.add(.site(name), urgency: .urgent) }
    }

    /// Ends a term: all passes are cancelled, and nothing more is carried out.
    func stopWork() {
        keepLastKnown()
        term += 1
        isAtWork = false
        for pass in passes.values { pass.cancel() }
        for open in openCalls.values { open.cancel() }
        stopAllPins()
        for (key, entry) in entries {
            for inquiry in entry.inquiries.values { inquiry.task.cancel() }
            resumePassWaiters(key)
            refusePending(key, followerText)
        }
        entries = [:]
        manifests.forgetRecords()
        inFlight = []
        // Listeners reconnect and are forwarded to the leader.
        broadcast.finish()
        logger.notice(
            "This controller no longer leads", metadata: ["leader": "\(with.leadership?.leader ?? "unknown")"])
    }

    /// Reacts to the result of the election.
    func follow(_ leads: Bool) async {
        if leads, !isAtWork {
            logger.notice("This controller leads now")
            await startWork()
        } else if !leads, isAtWork {
            stopWork()
        }
    }

    /// Runs a pass that is cancelled when the lead is lost.
    func reconcileWhileLeading(_ key: DeploymentKey) async -> Requeue {
        let pass = Task { await self.reconcile(key) }
        passes[key] = pass
        defer { passes[key] = nil }
        return await withTaskCancellationHandler {
            await pass.value
        } onCancel: {
            pass.cancel()
        }
    }

    /// Whether work that was started in the term `begun` may still be carried out.
    func leads(_ begun: Int) -> Bool { isAtWork && term == begun && with.leadership?.isLeading != false }

    func check(_ begun: Int) throws {
        guard leads(begun) else { throw LeadershipLost() }
    }

    package func standing() -> LeadershipStatus {
        guard let leadership = with.leadership, !isAtWork || !leadership.isLeading else { return .leads }
        guard !leadership.isLeading else {
            return .standsBy(
                leader: nil, api: nil, reason: "this controller is about to lead: try again in a few seconds")
        }
        let isAnother = leadership.anotherLeads
        return .standsBy(
            leader: isAnother ? leadership.leader : nil, api: isAnother ? leadership.leaderAPI : nil,
            reason: followerText, remembers: !remembered.isEmpty)
    }

    var followerText: String {
        if let problem = with.leadership?.problem {
            return "this controller cannot become the leader; models continue to serve: \(problem)"
        }
        guard with.leadership?.anotherLeads == true, let leader = with.leadership?.leader else {
            return "no controller leads yet: try again in a few seconds"
        }
        return "this controller stands by; \(leader) leads: send the request there"
    }
}
