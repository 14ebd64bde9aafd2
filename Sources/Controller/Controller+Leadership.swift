import ControllerRuntime
import Foundation
import ModelManifests

/// Working on deployments, or leaving them to the one who leads.
extension Controller {
    /// A pass during which the lead became doubtful comes back after this.
    static let leadershipDelay: Duration = .seconds(1)

    /// Begins a term: nothing that was known in an earlier one is relied upon.
    ///
    /// What is at the sites is read as soon as it can be, and until then nothing is decided there: a journal that another
    /// program holds, or a cluster that is away, is waited for.
    func takeUpWork() async {
        term += 1
        isAtWork = true
        tellsFrom = with.now()
        for name in with.sites.names { standings[name] = .unread(nil) }
        do {
            let trail = with.trail
            lastEventId = try await trail.events(matching: EventFilter(), limit: 1).first?.id ?? 0
            if with.leadership == nil, with.sites.local != nil { try await restore(.local) }
        } catch {
            // Said again, and tried again, by the sites' own keys. What was told before is not told again: see `tellsFrom`.
            logger.error("What was decided cannot be read yet", metadata: ["error": "\(Self.explain(error).text)"])
        }
        for name in with.sites.names { runner.add(.site(name), urgency: .urgent) }
    }

    /// Ends a term: no pass goes on, and nothing more is carried out.
    func layDownWork() {
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
        // Whoever listened comes back, and is led to the one who leads.
        broadcast.finish()
        logger.notice("No longer leads", metadata: ["leader": "\(with.leadership?.leader ?? "nobody yet")"])
    }

    /// What the election says.
    func follow(_ leads: Bool) async {
        if leads, !isAtWork {
            logger.notice("Leads")
            await takeUpWork()
        } else if !leads, isAtWork {
            layDownWork()
        }
    }

    /// A pass that is cut off when the lead is lost, wherever it is.
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

    /// Whether what was begun in that term may still be carried out.
    func leads(_ begun: Int) -> Bool { isAtWork && term == begun && with.leadership?.isLeading != false }

    func check(_ begun: Int) throws {
        guard leads(begun) else { throw LeadershipLost() }
    }

    public func standing() -> LeaderStanding {
        guard let leadership = with.leadership, !isAtWork || !leadership.isLeading else { return .leads }
        guard !leadership.isLeading else {
            return .standsBy(leader: nil, api: nil, reason: "this controller takes the lead: try again in some seconds")
        }
        let isAnother = leadership.anotherLeads
        return .standsBy(
            leader: isAnother ? leadership.leader : nil, api: isAnother ? leadership.leaderAPI : nil,
            reason: followerText, remembers: !remembered.isEmpty)
    }

    var followerText: String {
        if let problem = with.leadership?.problem {
            return "this controller cannot take the lead, and what serves goes on: \(problem)"
        }
        guard with.leadership?.anotherLeads == true, let leader = with.leadership?.leader else {
            return "no controller leads yet: try again in some seconds"
        }
        return "this controller stands by; \(leader) leads: ask that one"
    }
}
